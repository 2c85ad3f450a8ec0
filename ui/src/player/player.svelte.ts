import type { CallRow, PlayerState } from '../bindings/contract';
import type { Changes } from '../data/changes';
import { Query } from '../data/query.svelte';
import { HostError, type Args, type Command, type Host } from '../host';
import { cycledSpeed, positionAt, steppedSpeed, type Anchor } from './position';

const EMPTY: PlayerState = {
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
  solo: null,
  gains: [1, 1],
  repeat: null,
  saying_again: false,
  queued: 0,
  can_undo: false,
  stopped_by: null,
  error: null,
  revision: -1,
};

type PlayerCommand = Exclude<
  Extract<Command, `player_${string}`>,
  'player_state' | 'player_devices' | 'player_device'
>;

/** The player as the window knows it: what the app said last, and the head that moves on in between. */
export class Player {
  state = $state.raw<PlayerState>(EMPTY);
  /** Media time now, moved on frame by frame while it sounds. */
  positionMs = $state(0);
  /** While a hand drags the head, it is where the hand is. */
  dragMs = $state<number>();
  /** A command that the app refused; the next one clears it. */
  refused = $state.raw<HostError>();

  readonly #host: Host;
  readonly #call: Query<CallRow>;
  #anchor: Anchor = { positionMs: 0, durationMs: 0, speed: 1, moving: false, heardAt: 0 };
  #frame = 0;
  #volumeBeforeMute = 1;

  constructor(host: Host, changes: Changes) {
    this.#host = host;
    this.#call = new Query<CallRow>(changes, ['recordings', 'calls', 'leads', 'listening']);
    changes.onPlayer((state) => this.#take(state));
  }

  /** The call in the player, with its recording as it is now. */
  get call(): CallRow | null {
    const said = this.state.call;
    const read = this.#call.data;
    return said !== null && read?.sid === said.sid ? read : said;
  }

  get shownMs(): number {
    return this.dragMs ?? this.positionMs;
  }

  get sounding(): boolean {
    return this.state.phase === 'playing';
  }

  /** It has a recording in it that can be played, paused and sought in. */
  get ready(): boolean {
    return ['playing', 'buffering', 'paused', 'ended'].includes(this.state.phase);
  }

  async open(): Promise<void> {
    this.#take(await this.#host.call('player_state', {}));
  }

  load(recordingId: string, play: boolean): Promise<void> {
    return this.#run('player_load', { id: recordingId, play });
  }

  playPause(): Promise<void> {
    switch (this.state.phase) {
      case 'playing':
      case 'buffering':
        return this.#run('player_pause', {});
      case 'paused':
      case 'ended':
        return this.#run('player_play', {});
      case 'failed':
        return this.retry();
      case 'empty':
      case 'waiting':
      case 'loading':
        return Promise.resolve();
    }
  }

  /** Once more after a failure: without a device it only has to go on, all else is opened anew. */
  retry(): Promise<void> {
    const call = this.state.call;
    if (this.state.error === 'no_output_device') return this.#run('player_play', {});
    return call === null ? Promise.resolve() : this.load(call.recording.id, true);
  }

  seek(toMs: number): Promise<void> {
    if (!this.ready) return Promise.resolve();
    const target = Math.round(Math.max(0, Math.min(toMs, this.state.duration_ms)));
    // The head jumps at once; the app's answer comes a moment later and says the same.
    this.#anchor = { ...this.#anchor, positionMs: target, heardAt: performance.now() };
    this.positionMs = target;
    return this.#run('player_seek', { position_ms: target });
  }

  seekBy(byMs: number): Promise<void> {
    return this.seek(this.positionMs + byMs);
  }

  setSpeed(speed: number): Promise<void> {
    return this.#run('player_speed', { speed });
  }

  cycleSpeed(): Promise<void> {
    return this.setSpeed(cycledSpeed(this.state.speed));
  }

  stepSpeed(by: number): Promise<void> {
    return this.setSpeed(steppedSpeed(this.state.speed, by));
  }

  setVolume(volume: number): Promise<void> {
    const clamped = Math.round(Math.max(0, Math.min(1, volume)) * 100) / 100;
    this.state = { ...this.state, volume: clamped };
    return this.#run('player_volume', { volume: clamped });
  }

  toggleMute(): Promise<void> {
    const { volume } = this.state;
    if (volume > 0) this.#volumeBeforeMute = volume;
    return this.setVolume(volume > 0 ? 0 : this.#volumeBeforeMute);
  }

  async #run<C extends PlayerCommand>(command: C, args: Args<C>): Promise<void> {
    this.refused = undefined;
    try {
      this.#take(await this.#host.call(command, args));
    } catch (thrown) {
      this.refused = HostError.from(thrown);
    }
  }

  #take(state: PlayerState): void {
    // Answers and events come by two ways: the older of the two is dropped.
    if (state.revision < this.state.revision) return;
    const before = this.state.call?.sid;
    this.state = state;
    this.#anchor = {
      positionMs: state.position_ms,
      durationMs: state.duration_ms,
      speed: state.pace,
      moving: state.phase === 'playing',
      heardAt: performance.now(),
    };
    this.positionMs = positionAt(this.#anchor, this.#anchor.heardAt);
    const sid = state.call?.sid;
    if (sid !== before) {
      this.dragMs = undefined;
      this.#call.ask(sid === undefined ? undefined : () => this.#host.call('call_read', { sid }));
    }
    this.#move();
  }

  #move(): void {
    cancelAnimationFrame(this.#frame);
    if (!this.#anchor.moving) return;
    const step = () => {
      this.positionMs = positionAt(this.#anchor, performance.now());
      this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }
}
