import { untrack } from 'svelte';
import { HostError } from '../host';
import { touches, type Changes, type Tag } from './changes';

/**
 * One question to the app, asked again when a change carries one of its tags. While a new answer is on its way, and
 * when it fails, the last good one stays. At most one request runs; a change that comes meanwhile asks once more.
 */
export class Query<T> {
  #data = $state.raw<T>();
  #error = $state.raw<HostError>();
  #pending = $state(false);
  #ask: (() => Promise<T>) | undefined;
  #generation = 0;
  #running = false;
  #again = false;
  readonly #stop: () => void;

  constructor(changes: Changes, tags: readonly Tag[]) {
    this.#stop = changes.onChanged((changed) => {
      if (touches(changed, tags)) this.refresh();
    });
  }

  get data(): T | undefined {
    return this.#data;
  }

  get error(): HostError | undefined {
    return this.#error;
  }

  /** Nothing to show yet, and something on its way. */
  get pending(): boolean {
    return this.#pending;
  }

  /** Another question: answers to the one before are dropped. `keep` leaves the old answer up until the new one is here. */
  ask(question: (() => Promise<T>) | undefined, keep = false): void {
    this.#generation += 1;
    this.#ask = question;
    this.#again = false;
    this.#running = false;
    if (!keep) this.#data = undefined;
    this.#error = undefined;
    if (question === undefined) this.#pending = false;
    else this.refresh();
  }

  refresh(): void {
    if (this.#ask === undefined) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    void this.#run(this.#ask, this.#generation);
  }

  stop(): void {
    this.#stop();
    this.#generation += 1;
  }

  async #run(ask: () => Promise<T>, generation: number): Promise<void> {
    this.#running = true;
    this.#pending = untrack(() => this.#data) === undefined;
    let answer: T | undefined;
    let error: HostError | undefined;
    try {
      answer = await ask();
    } catch (thrown) {
      error = HostError.from(thrown);
    }
    if (generation !== this.#generation) return;
    this.#running = false;
    this.#pending = false;
    if (error === undefined) this.#data = answer;
    this.#error = error;
    if (this.#again) {
      this.#again = false;
      this.refresh();
    }
  }
}
