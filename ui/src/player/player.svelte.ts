import { untrack } from 'svelte';
import type { CallRow, PlayerState, QueueView, TurnsView } from '../bindings/contract';
import type { Changes } from '../data/changes';
import { Query } from '../data/query.svelte';
import { HostError, type Args, type Host } from '../host';
import { cycledSpeed, positionAt, steppedSpeed, type Anchor } from './position';
import { pageSound } from './pageSound';
import type { Rewind } from './rewind';
import { DeviceSound, EMPTY, type Sound, type SoundCommand } from './sound';

/** The player as the window knows it: what was said last, and the head that moves on in between. */
export class Player {
  state = $state.raw<PlayerState>(EMPTY);
  /** Media time now, moved on frame by frame while it sounds. */
  positionMs = $state(0);
  /** While a hand drags the head, it is where the hand is. */
  dragMs = $state<number>();
  /** A command that was refused; the next one clears it. */
  refused = $state.raw<HostError>();
  /** The part of the recording that the call page shows, for the dock's overview. */
  window = $state.raw<readonly [fromMs: number, toMs: number]>();
  /** What makes the sound. */
  kind = $state<Sound['kind']>('device');
  /** The calls that wait. */
  readonly queue: Query<QueueView>;
  /** Told when the window plays because no device opened. */
  onFallback: (() => void) | undefined;
  /** Makes the window's own player; a test gives another. */
  makePage: (tell: (state: PlayerState) => void) => Sound = (tell) => pageSound(this.#host, tell, () => this.rewind());
  /** How far it goes back after a pause, in the window's own player. */
  rewind: () => Rewind = () => 'gentle';

  readonly #host: Host;
  readonly #device: Sound;
  readonly #call: Query<CallRow>;
  readonly #turns: Query<TurnsView>;
  #sound: Sound;
  #page: Sound | undefined;
  #anchor: Anchor = { positionMs: 0, durationMs: 0, pace: 1, moving: false, heardAt: 0 };
  #frame = 0;

  constructor(host: Host, changes: Changes) {
    this.#host = host;
    this.#device = new DeviceSound(host);
    this.#sound = this.#device;
    this.#call = new Query<CallRow>(changes, ['recordings', 'calls', 'leads', 'listening']);
    this.#turns = new Query<TurnsView>(changes, ['settings']);
    this.queue = new Query<QueueView>(changes, ['queue', 'recordings', 'calls', 'leads', 'listening']);
    changes.onPlayer((state) => {
      if (this.#sound === this.#device) this.take(state);
    });
  }

  /** The call in the player, with its recording as it is now. */
  get call(): CallRow | null {
    const said = this.state.call;
    const read = this.#call.data;
    return said !== null && read?.sid === said.sid ? read : said;
  }

  /** Who speaks when in it, once that is known. */
  get turns(): TurnsView | undefined {
    return this.#turns.data;
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

  /** Speakers on channels of their own, and a player that can part them. */
  get canSplit(): boolean {
    return this.kind === 'device' && this.call?.recording.channels === 2;
  }

  /** The quiet side can be brought up: kept for every call, so also while none is here. */
  get canLevel(): boolean {
    return this.kind === 'device';
  }

  async open(): Promise<void> {
    this.queue.ask(() => this.#host.call('queue_read', {}));
    this.take(await this.#host.call('player_state', {}));
  }

  /** From now on this makes the sound. What was in the other stands still, and is taken over where it stands. */
  async use(kind: Sound['kind']): Promise<void> {
    if (kind === this.kind) return;
    const id = this.ready ? this.state.call?.recording.id : undefined;
    if (this.ready) await this.#sound.run('player_pause', {}).catch(() => undefined);
    this.#page ??= this.makePage((state) => {
      if (this.#sound === this.#page) this.take(state);
    });
    const { speed, volume, skip_silence } = this.state;
    this.#sound = kind === 'page' ? this.#page : this.#device;
    this.kind = kind;
    this.state = { ...this.state, revision: -1 };
    if (kind === 'page') {
      // What the person set goes along.
      await this.#page.run('player_speed', { speed });
      await this.#page.run('player_volume', { volume });
      await this.#page.run('player_skip_silence', { on: skip_silence });
    }
    this.take(await this.#sound.run('player_state', {}));
    if (id !== undefined) await this.load(id, false);
  }

  /** No device opened: the window may still be able to. Where it is not either, that is what is said. */
  async #fallBack(id: string): Promise<void> {
    await this.use('page');
    this.onFallback?.();
    await this.load(id, true);
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
    if (this.state.error === 'no_output_device' && this.kind === 'device') return this.#run('player_play', {});
    return call === null ? Promise.resolve() : this.load(call.recording.id, true);
  }

  seek(toMs: number): Promise<void> {
    if (!this.ready) return Promise.resolve();
    return this.#run('player_seek', { position_ms: this.#jump(toMs) });
  }

  seekBy(byMs: number): Promise<void> {
    if (!this.ready) return Promise.resolve();
    // The app counts from what is heard; so do repeated keys, which must add up.
    this.#jump(this.positionMs + byMs);
    return this.#run('player_seek_by', { by_ms: byMs });
  }

  /** The head jumps at once; the answer comes a moment later and says the same. */
  #jump(toMs: number): number {
    const target = Math.round(Math.max(0, Math.min(toMs, this.state.duration_ms)));
    this.#anchor = { ...this.#anchor, positionMs: target, heardAt: performance.now() };
    this.positionMs = target;
    return target;
  }

  tenth(tenth: number): Promise<void> {
    return this.#whenReady('player_tenth', { tenth });
  }

  turn(by: 1 | -1): Promise<void> {
    return this.#whenReady('player_turn', { by });
  }

  undo(): Promise<void> {
    return this.#whenReady('player_undo', {});
  }

  sayAgain(): Promise<void> {
    return this.#whenReady('player_say_again', {});
  }

  repeat(step: Args<'player_repeat'>['step'], atMs: number | null = null): Promise<void> {
    return this.#whenReady('player_repeat', { step, at_ms: atMs });
  }

  skipSilence(on: boolean): Promise<void> {
    return this.#run('player_skip_silence', { on });
  }

  level(on: boolean): Promise<void> {
    return this.#run('player_level', { on });
  }

  solo(channel: number | null): Promise<void> {
    return this.#whenReady('player_solo', { channel });
  }

  /** Nobody, the first channel, the second, and round. */
  cycleSolo(): Promise<void> {
    const { solo } = this.state;
    return this.solo(solo === null ? 1 : solo === 1 ? 2 : null);
  }

  gain(channel: number, gain: number): Promise<void> {
    return this.#whenReady('player_gain', { channel, gain });
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
    this.state = { ...this.state, volume: clamped, muted: false };
    return this.#run('player_volume', { volume: clamped });
  }

  toggleMute(): Promise<void> {
    return this.#run('player_mute', { on: !this.state.muted });
  }

  /** The next of the queue, or the one before. Resolves with whether there was one. */
  async queued(by: 1 | -1): Promise<boolean> {
    try {
      this.take(await this.#sound.run(by > 0 ? 'player_next' : 'player_previous', {}));
      return true;
    } catch (thrown) {
      const refused = HostError.from(thrown);
      if (refused.code !== 'not_found') this.refused = refused;
      return refused.code !== 'not_found';
    }
  }

  async enqueue(recordingIds: readonly string[], first: boolean): Promise<void> {
    await this.#host.call('queue_add', { ids: [...recordingIds], first });
  }

  async #whenReady<C extends SoundCommand>(command: C, args: Args<C>): Promise<void> {
    if (this.ready) await this.#run(command, args);
  }

  async #run<C extends SoundCommand>(command: C, args: Args<C>): Promise<void> {
    this.refused = undefined;
    const sound = this.#sound;
    try {
      const state = await sound.run(command, args);
      if (sound === this.#sound) this.take(state);
    } catch (thrown) {
      this.refused = HostError.from(thrown);
    }
  }

  /** What the player said. */
  take(state: PlayerState): void {
    // Answers and events come by two ways: the older of the two is dropped.
    if (state.revision < this.state.revision) return;
    const before = this.state.call?.recording.id;
    const failedBefore = this.state.error === 'no_output_device';
    this.state = state;
    this.#anchor = {
      positionMs: state.position_ms,
      durationMs: state.duration_ms,
      pace: state.pace,
      moving: state.phase === 'playing',
      heardAt: performance.now(),
    };
    this.positionMs = positionAt(this.#anchor, this.#anchor.heardAt);
    const id = state.call?.recording.id;
    if (id !== before) {
      const sid = state.call?.sid;
      this.dragMs = undefined;
      this.#call.ask(sid === undefined ? undefined : () => this.#host.call('call_read', { sid }));
    }
    const whole = this.ready && state.here === null ? id : undefined;
    if (whole !== this.#turnsOf) {
      this.#turnsOf = whole;
      this.#turns.ask(whole === undefined ? undefined : () => this.#host.call('recording_turns', { id: whole }));
    }
    this.#move();
    const lost = state.phase === 'failed' && state.error === 'no_output_device' && !failedBefore;
    if (lost && this.kind === 'device' && id !== undefined) untrack(() => void this.#fallBack(id));
  }
  #turnsOf: string | undefined;

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
