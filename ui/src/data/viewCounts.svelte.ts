import type { CallsWindow, SavedView } from '../bindings/contract';
import { touches, type Changes } from './changes';

/** Between two counts of the same views: a first sync tells of changes ten times a second. */
const REST_MS = 3_000;

export interface ViewCount {
  readonly rows: number;
  /** It was counted up to here, and there are more. */
  readonly more: boolean;
}

/** How many calls each saved view shows. One is asked after the other, behind everything else; a failure leaves none. */
export class ViewCounts {
  known = $state.raw<ReadonlyMap<string, ViewCount>>(new Map());
  readonly #count: (view: SavedView) => Promise<CallsWindow>;
  #views: readonly SavedView[] = [];
  #running = false;
  #again = false;

  constructor(changes: Changes, count: (view: SavedView) => Promise<CallsWindow>) {
    this.#count = count;
    changes.onChanged((tags) => {
      if (touches(tags, ['calls', 'leads', 'listening'])) void this.#run();
    });
  }

  /** These are shown from now on. */
  of(views: readonly SavedView[]): void {
    this.#views = views;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    do {
      this.#again = false;
      const known = new Map<string, ViewCount>();
      for (const view of this.#views) {
        try {
          const { matched, matched_capped } = await this.#count(view);
          known.set(view.id, { rows: matched, more: matched_capped });
        } catch {
          // What cannot be counted stands without a number: the list says why when it is opened.
          continue;
        }
      }
      this.known = known;
      if (this.#views.length > 0) await new Promise((rested) => setTimeout(rested, REST_MS));
    } while (this.#again);
    this.#running = false;
  }
}
