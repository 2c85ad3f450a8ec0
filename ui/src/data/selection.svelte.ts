import type { CallRow } from '../bindings/contract';

/** Calls that are chosen at once: what is done with them is done one by one. */
export const CHOSEN_MAX = 1000;
const PIECE = 200;

type Read = (offset: number, limit: number) => Promise<{ rows: readonly CallRow[]; matched: number }>;

/** Several calls, chosen by Ctrl and Shift. The row with the focus is no part of it until something is chosen. */
export class Selection {
  #chosen = $state.raw<ReadonlyMap<string, CallRow>>(new Map());
  /** Where a stretch begins. */
  #anchor: number | undefined;
  #turn = 0;
  readonly #read: Read;

  constructor(read: Read) {
    this.#read = read;
  }

  get size(): number {
    return this.#chosen.size;
  }

  get rows(): readonly CallRow[] {
    return [...this.#chosen.values()];
  }

  has(sid: string): boolean {
    return this.#chosen.has(sid);
  }

  /** The row from which a stretch would begin. */
  standAt(ordinal: number): void {
    this.#anchor = ordinal;
  }

  clear(): void {
    this.#turn += 1;
    if (this.#chosen.size > 0) this.#chosen = new Map();
  }

  /** In or out. The first one takes the row with it that had the focus, as lists of files do. */
  toggle(row: CallRow, ordinal: number, before: CallRow | undefined): void {
    const next = new Map(this.#chosen);
    if (next.size === 0 && before !== undefined && before.sid !== row.sid) next.set(before.sid, before);
    if (!next.delete(row.sid) && next.size < CHOSEN_MAX) next.set(row.sid, row);
    this.#anchor = ordinal;
    this.#chosen = next;
  }

  /** All from where the stretch begins to there. Resolves with whether there were more than can be chosen. */
  async extend(ordinal: number): Promise<boolean> {
    const anchor = (this.#anchor ??= ordinal);
    return this.#stretch(Math.min(anchor, ordinal), Math.max(anchor, ordinal));
  }

  /** All that the list has. */
  async all(matched: number): Promise<boolean> {
    this.#anchor = 0;
    return this.#stretch(0, matched - 1);
  }

  async #stretch(first: number, last: number): Promise<boolean> {
    const turn = (this.#turn += 1);
    const end = Math.min(last, first + CHOSEN_MAX - 1);
    const next = new Map<string, CallRow>();
    for (let offset = first; offset <= end; offset += PIECE) {
      const piece = await this.#read(offset, Math.min(PIECE, end - offset + 1));
      // Another stretch was drawn meanwhile, or all were let go.
      if (turn !== this.#turn) return false;
      for (const row of piece.rows) next.set(row.sid, row);
    }
    this.#chosen = next;
    return end < last;
  }
}
