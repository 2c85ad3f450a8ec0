import type { AppEvent, PlayerState, SyncState } from '../bindings/contract';
import type { Host } from '../host';

/** What an event says has changed; a query names those that it depends on. */
export type Tag =
  | 'calls'
  | 'leads'
  | 'appointments'
  | 'calendars'
  | 'recordings'
  | 'listening'
  | 'settings'
  | 'account'
  | 'outbox'
  | 'marks'
  | 'queue';

/** Where a link leads. */
export type Place = Pick<Extract<AppEvent, { kind: 'open' }>, 'sid' | 'at_s' | 'lead_id'>;

type Listener = (tags: ReadonlySet<string>) => void;

/** The channel of the app, dealt out: change tags to the queries, the player and the freshness to their owners. */
export class Changes {
  readonly #listeners = new Set<Listener>();
  #player: (state: PlayerState) => void = () => {};
  #sync: (state: SyncState) => void = () => {};
  #locked: () => void = () => {};
  #open: (place: Place) => void = () => {};

  onChanged(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onPlayer(listener: (state: PlayerState) => void): void {
    this.#player = listener;
  }

  onSync(listener: (state: SyncState) => void): void {
    this.#sync = listener;
  }

  onLocked(listener: () => void): void {
    this.#locked = listener;
  }

  onOpen(listener: (place: Place) => void): void {
    this.#open = listener;
  }

  async listen(host: Host): Promise<void> {
    await host.events((event) => this.dispatch(event));
  }

  dispatch(event: AppEvent): void {
    switch (event.kind) {
      case 'changed': {
        const tags = new Set(event.tags);
        for (const listener of this.#listeners) listener(tags);
        return;
      }
      case 'player':
        this.#player(event.state);
        return;
      case 'sync':
        this.#sync(event.state);
        return;
      case 'locked':
        this.#locked();
        return;
      case 'open':
        this.#open(event);
        return;
    }
  }
}

export function touches(tags: ReadonlySet<string>, wanted: readonly Tag[]): boolean {
  return wanted.some((tag) => tags.has(tag));
}
