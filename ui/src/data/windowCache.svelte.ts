import { untrack } from 'svelte';
import { HostError } from '../host';
import { touches, type Changes, type Tag } from './changes';

/** A piece of a long list with the counts of the whole. */
export interface Piece<Row> {
  readonly matched: number;
  readonly matched_capped: boolean;
  readonly all: number;
  readonly offset: number;
  readonly rows: readonly Row[];
}

export type Fetch<Row, P extends Piece<Row>> = (offset: number, limit: number) => Promise<P>;

export const PAGE_ROWS = 100;
const PAGES_KEPT = 60;
/** So many pages are asked for before they are in view, where the list is going; one where it came from. */
const AHEAD = 3;

interface Page<Row> {
  rows: readonly Row[];
  stale: boolean;
  used: number;
}

/**
 * The rows of a long list by ordinal, in pages of 100. A change marks every page stale and asks again for those in
 * view only; what is shown stays until its replacement is here. One request at a time, the view's first page first, then
 * what comes into view next, so that no row is blank when it does.
 */
export class WindowCache<Row, P extends Piece<Row> = Piece<Row>> {
  /** The last answer: counts, and whatever else it carries. */
  head = $state.raw<P>();
  error = $state.raw<HostError>();
  /** Grows when rows changed, so that what is drawn is read again. */
  revision = $state(0);

  readonly #pages = new Map<number, Page<Row>>();
  readonly #stop: () => void;
  #fetch: Fetch<Row, P> | undefined;
  #generation = 0;
  #clock = 0;
  #first = 0;
  #last = 0;
  #isGoingUp = false;
  #running = false;

  constructor(changes: Changes, tags: readonly Tag[]) {
    this.#stop = changes.onChanged((changed) => {
      if (touches(changed, tags)) this.invalidate();
    });
  }

  stop(): void {
    this.#stop();
    this.#generation += 1;
  }

  /** Another list (another filter). The old rows stay up until the first page of the new one is here. */
  open(fetch: Fetch<Row, P>): void {
    this.#fetch = fetch;
    this.#generation += 1;
    this.#running = false;
    this.#first = 0;
    this.#last = 0;
    this.error = undefined;
    for (const page of this.#pages.values()) page.stale = true;
    this.#dropOnAnswer = true;
    void this.#pump();
  }
  #dropOnAnswer = false;

  /** Tells which rows are in view, both ends included. */
  view(first: number, last: number): void {
    if (first !== this.#first) this.#isGoingUp = first < this.#first;
    this.#first = Math.max(0, first);
    this.#last = Math.max(this.#first, last);
    void this.#pump();
  }

  row(ordinal: number): Row | undefined {
    void this.revision;
    return this.#pages.get(Math.floor(ordinal / PAGE_ROWS))?.rows[ordinal % PAGE_ROWS];
  }

  /** Like `row`, for code that must not depend on it. */
  peek(ordinal: number): Row | undefined {
    return this.#pages.get(Math.floor(ordinal / PAGE_ROWS))?.rows[ordinal % PAGE_ROWS];
  }

  /** A property of every row that is here, by ordinal, beside that of the row before it. */
  *keysOf(read: (row: Row) => string): Generator<[ordinal: number, key: { own: string; before: string | undefined }]> {
    for (const page of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const previous = page === 0 ? undefined : this.peek(page * PAGE_ROWS - 1);
      let before = previous === undefined ? undefined : read(previous);
      for (const [at, row] of (this.#pages.get(page)?.rows ?? []).entries()) {
        const own = read(row);
        yield [page * PAGE_ROWS + at, { own, before }];
        before = own;
      }
    }
  }

  invalidate(): void {
    for (const page of this.#pages.values()) page.stale = true;
    void this.#pump();
  }

  #next(): number | undefined {
    const from = Math.floor(this.#first / PAGE_ROWS);
    const to = Math.floor(this.#last / PAGE_ROWS);
    for (let page = from; page <= to; page += 1) {
      const known = this.#pages.get(page);
      if (known !== undefined) known.used = this.#clock += 1;
      if ((known === undefined || known.stale) && !this.#isBeyond(page)) return page;
    }
    // Of another list nothing is known yet: its first page comes alone.
    if (this.head === undefined || this.#dropOnAnswer) return undefined;
    const ahead = Array.from({ length: AHEAD }, (_, n) => (this.#isGoingUp ? from - 1 - n : to + 1 + n));
    const around = [...ahead, this.#isGoingUp ? to + 1 : from - 1];
    return around.find((page) => page >= 0 && !this.#pages.has(page) && !this.#isBeyond(page));
  }

  #isBeyond(page: number): boolean {
    return this.head !== undefined && !this.#dropOnAnswer && page > 0 && page * PAGE_ROWS >= this.head.matched;
  }

  async #pump(): Promise<void> {
    if (this.#running || this.#fetch === undefined) return;
    this.#running = true;
    const generation = this.#generation;
    for (;;) {
      const page = untrack(() => this.#next());
      if (page === undefined) break;
      const known = this.#pages.get(page);
      // Cleared first, so that a change that comes while the answer is under way asks once more.
      if (known !== undefined) known.stale = false;
      try {
        const piece = await this.#fetch(page * PAGE_ROWS, PAGE_ROWS);
        if (generation !== this.#generation) return;
        const changedMeanwhile = known !== undefined && known.stale && !this.#dropOnAnswer;
        if (this.#dropOnAnswer) {
          this.#dropOnAnswer = false;
          this.#pages.clear();
        }
        this.#pages.set(page, { rows: piece.rows, stale: changedMeanwhile, used: (this.#clock += 1) });
        this.#evict();
        this.head = piece;
        this.error = undefined;
        this.revision += 1;
      } catch (thrown) {
        if (generation !== this.#generation) return;
        this.error = HostError.from(thrown);
        break;
      }
    }
    this.#running = false;
  }

  #evict(): void {
    if (this.#pages.size <= PAGES_KEPT) return;
    const oldest = [...this.#pages.entries()].sort((a, b) => a[1].used - b[1].used)[0];
    if (oldest !== undefined) this.#pages.delete(oldest[0]);
  }
}
