/**
 * Where the rows of a very long list are. Every row has one height, and some carry a head above them (the first call
 * of a day); which ones is known only where rows were read. No virtual list does this for a million rows: they keep
 * one record per row, and none scales past the height at which web engines clamp an element.
 */
export class RowGeometry {
  readonly rowPx: number;
  readonly headPx: number;
  count = 0;
  /** Ordinals that carry a head, ascending. */
  #heads: number[] = [];

  constructor(rowPx: number, headPx: number) {
    this.rowPx = rowPx;
    this.headPx = headPx;
  }

  setHeads(ordinals: Iterable<number>): void {
    this.#heads = [...ordinals].sort((a, b) => a - b);
  }

  hasHead(ordinal: number): boolean {
    return this.#heads[this.#headsBefore(ordinal)] === ordinal;
  }

  /** Height of everything. */
  get height(): number {
    return this.count * this.rowPx + this.#heads.length * this.headPx;
  }

  /** Top of a row, its head included in it: the head begins there and the row follows. */
  top(ordinal: number): number {
    return ordinal * this.rowPx + this.#headsBefore(ordinal) * this.headPx;
  }

  /** The row that covers a height. */
  at(y: number): number {
    let low = 0;
    let high = Math.max(0, this.count - 1);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The next head after a row, when one is known. */
  nextHead(ordinal: number): number | undefined {
    return this.#heads[this.#headsBefore(ordinal + 1)];
  }

  #headsBefore(ordinal: number): number {
    let low = 0;
    let high = this.#heads.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#heads[middle] ?? 0) < ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** WebKitGTK and Chromium clamp an element's height at 33 554 428 px; a margin is left for both. */
export const MAX_SCROLL_PX = 30_000_000;

/** The scroll bar's range for a list of that height, and back: 1 to 1 until the clamp, then scaled. */
export class ScrollScale {
  readonly spacer: number;
  readonly #content: number;
  readonly #view: number;

  constructor(content: number, view: number) {
    this.#content = content;
    this.#view = view;
    this.spacer = Math.min(content, MAX_SCROLL_PX);
  }

  toContent(scrollTop: number): number {
    return scrollTop * this.#factor;
  }

  toScroll(offset: number): number {
    return offset / this.#factor;
  }

  get #factor(): number {
    const range = this.spacer - this.#view;
    return range > 0 && this.#content > this.spacer ? (this.#content - this.#view) / range : 1;
  }
}
