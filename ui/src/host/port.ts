import type { AppEvent, Code, Commands, WireError } from '../bindings/contract';

export type Command = keyof Commands;
export type Args<C extends Command> = Commands[C]['args'];
export type Reply<C extends Command> = Commands[C]['reply'];

/** The one door to whatever runs the app: the shell, or invented data in a browser. */
export interface Host {
  /** Runs a command; rejects with a `HostError` and with nothing else. */
  call<C extends Command>(command: C, args: Args<C>): Promise<Reply<C>>;
  /** Where the window reads a recording's own bytes. */
  recordingUrl(id: string): string;
  /** Listens for the life of the window: there is one channel, and it is never closed. */
  events(listener: (event: AppEvent) => void): Promise<void>;
}

/** A failure as it crosses to the window. The sentence is found by `code`; nothing else is shown. */
export class HostError extends Error {
  readonly code: Code;
  readonly retryAfterMs: number | null;
  /** Finds the failure in the log. */
  readonly ref: string;

  constructor(wire: WireError) {
    super(wire.code);
    this.name = 'HostError';
    this.code = wire.code;
    this.retryAfterMs = wire.retry_after_ms;
    this.ref = wire.ref;
  }

  /** Anything thrown, as a failure: what has no code is a fault of ours. */
  static from(thrown: unknown): HostError {
    if (thrown instanceof HostError) return thrown;
    if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string') {
      return new HostError(thrown as WireError);
    }
    return new HostError({ code: 'internal', retry_after_ms: null, ref: '' });
  }
}
