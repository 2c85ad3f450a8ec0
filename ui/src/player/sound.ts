import type { PlayerState } from '../bindings/contract';
import type { Args, Command, Host, Reply } from '../host';

/** The commands that make sound, move in it, or ask about it: each is answered with what the player does then. */
export type SoundCommand = {
  [C in Command]: C extends `player_${string}` ? (Reply<C> extends PlayerState ? C : never) : never;
}[Command];

/** What makes the sound. The window knows this door only: behind it is the app's own player, or an `<audio>`. */
export interface Sound {
  readonly kind: 'device' | 'page';
  /** Rejects with a `HostError` and with nothing else. */
  run<C extends SoundCommand>(command: C, args: Args<C>): Promise<PlayerState>;
}

/** The app's own player. Its states come with the app's events, too. */
export class DeviceSound implements Sound {
  readonly kind = 'device';
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  run<C extends SoundCommand>(command: C, args: Args<C>): Promise<PlayerState> {
    return this.#host.call(command, args);
  }
}

/** Nothing is in the player. */
export const EMPTY: PlayerState = {
  phase: 'empty',
  call: null,
  position_ms: 0,
  duration_ms: 0,
  duration_estimated: false,
  here: null,
  speed: 1,
  pace: 1,
  volume: 1,
  muted: false,
  skip_silence: false,
  skip_saves_ms: 0,
  level: false,
  solo: null,
  gains: [1, 1],
  repeat: null,
  saying_again: false,
  can_undo: false,
  stopped_by: null,
  queued: 0,
  error: null,
  revision: -1,
};
