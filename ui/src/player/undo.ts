/** Jumps that follow on each other this fast are one. */
const ONE_JUMP_MS = 3_000;
const KEPT = 50;

/** Where the head was before each jump. */
export class Undo {
  readonly #places: number[] = [];
  #lastMs = -Infinity;

  get can(): boolean {
    return this.#places.length > 0;
  }

  before(positionMs: number, nowMs: number): void {
    if (nowMs - this.#lastMs >= ONE_JUMP_MS) this.#places.push(positionMs);
    if (this.#places.length > KEPT) this.#places.shift();
    this.#lastMs = nowMs;
  }

  take(): number | undefined {
    this.#lastMs = -Infinity;
    return this.#places.pop();
  }

  clear(): void {
    this.#places.length = 0;
    this.#lastMs = -Infinity;
  }
}
