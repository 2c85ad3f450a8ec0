import type { CallRow, PlayerState, TurnsView } from '../../bindings/contract';
import { HostError, type Args, type Command, type Reply } from '../port';

type PlayerCommand = Extract<Command, `player_${string}`>;
type Handlers = { [C in PlayerCommand]?: (args: Args<C>) => Reply<C> };

const SAY_AGAIN_MS = 5_000;
const SAY_AGAIN_PACE = 0.75;

interface World {
  /** The call of a recording as it is now. */
  call(recordingId: string): CallRow;
  turns(recordingId: string): TurnsView;
  /** Asks for one that is not here. */
  want(recordingId: string): void;
  tell(state: PlayerState): void;
  /** The next of the queue, taken off it. */
  nextQueued(): CallRow | undefined;
  queued(): number;
}

/** A player that moves by the clock and makes no sound; it knows every command of the real one. */
export class FakePlayer {
  readonly #world: World;
  readonly #scene: URLSearchParams;
  #state: PlayerState;
  #playedAt = 0;
  #wish: string | undefined;
  #again: { untilMs: number } | undefined;
  #undo: number[] = [];
  #former: string[] = [];
  #device: string | null = null;

  constructor(world: World, scene: URLSearchParams) {
    this.#world = world;
    this.#scene = scene;
    const looping = scene.get('repeat')?.split(',').map(Number);
    this.#state = {
      phase: 'empty',
      call: null,
      position_ms: 0,
      duration_ms: 0,
      duration_estimated: false,
      here: null,
      speed: Number(scene.get('speed') ?? 1),
      pace: Number(scene.get('speed') ?? 1),
      volume: 0.7,
      muted: false,
      skip_silence: scene.get('skip') === '1',
      skip_saves_ms: 0,
      level: scene.get('level') === '1',
      solo: null,
      gains: [1, 1],
      repeat: looping === undefined ? null : { a_ms: looping[0] ?? 0, b_ms: looping[1] ?? null, on: true },
      saying_again: false,
      can_undo: false,
      stopped_by: null,
      queued: 0,
      error: null,
      revision: 1,
    };
    setInterval(() => this.#tick(), 100);
  }

  get id(): string | undefined {
    return this.#state.call?.recording.id;
  }

  /** `&device=gone`: the chosen one was unplugged. */
  #devices(): Reply<'player_devices'> {
    const devices = [
      { id: 'speakers', name: 'Built-in speakers' },
      { id: 'headset', name: 'USB headset' },
    ];
    if (this.#scene.get('device') === 'gone' && this.#device === null)
      return { devices, chosen: 'Desk headset', chosen_missing: true };
    return {
      devices: this.#scene.get('device') === 'none' ? [] : devices,
      chosen: this.#device,
      chosen_missing: false,
    };
  }

  /** What was waited for is here. */
  arrived(id: string): void {
    if (this.#wish === id) this.load(id, true);
  }

  giveUp(): void {
    this.#wish = undefined;
  }

  #say(part: Partial<PlayerState>): PlayerState {
    const queued = this.#world.queued();
    this.#state = { ...this.#state, ...part, queued, revision: this.#state.revision + 1 };
    this.#state.pace = this.#again === undefined ? this.#state.speed : this.#state.speed * SAY_AGAIN_PACE;
    this.#state.saying_again = this.#again !== undefined;
    this.#state.can_undo = this.#undo.length > 0;
    this.#world.tell(this.#state);
    return this.#state;
  }

  /** The queue changed beside it. */
  touch(): void {
    this.#say({});
  }

  #position(): number {
    const { phase, position_ms, duration_ms, pace } = this.#state;
    const moved = phase === 'playing' ? (Date.now() - this.#playedAt) * pace : 0;
    return Math.round(Math.min(duration_ms, position_ms + moved));
  }

  #tick(): void {
    if (this.#state.phase !== 'playing') return;
    const { repeat, duration_ms, skip_silence } = this.#state;
    let at = this.#position();
    if (this.#again !== undefined && at >= this.#again.untilMs) this.#again = undefined;
    if (repeat?.on === true && repeat.b_ms !== null && at >= repeat.b_ms) at = repeat.a_ms;
    else if (skip_silence && repeat?.on !== true && this.id !== undefined) {
      const cut = this.#world.turns(this.id).cuts.find(([from, to]) => at >= from && at < to - 50);
      if (cut !== undefined) at = cut[1];
    }
    if (at < duration_ms && Date.now() - this.#playedAt < 480 && at === this.#position()) return;
    this.#playedAt = Date.now();
    if (at < duration_ms) return void this.#say({ position_ms: at });
    const next = this.#world.nextQueued();
    if (next === undefined) this.#say({ phase: 'ended', position_ms: duration_ms });
    else this.load(next.recording.id, true);
  }

  load(id: string, play: boolean): PlayerState {
    const row = this.#world.call(id);
    const { recording } = row;
    if (this.id !== undefined && this.id !== id) this.#former.push(this.id);
    this.#again = undefined;
    this.#undo = [];
    this.#wish = undefined;
    this.#playedAt = Date.now();
    const base = { call: row, position_ms: 0, error: null, here: null, solo: null, gains: [1, 1] as [number, number] };
    const arriving = recording.state === 'downloading' && recording.bytes_total !== null;
    if (recording.play === 'sounds' || arriving) {
      const duration_ms = recording.duration_ms ?? (row.duration_s ?? 0) * 1000;
      const skip_saves_ms = arriving ? 0 : this.#world.turns(id).saved_ms;
      if (this.#scene.get('device') === 'none')
        return this.#say({ ...base, phase: 'failed', duration_ms, error: 'no_output_device' });
      return this.#say({
        ...base,
        phase: play ? 'playing' : 'paused',
        duration_ms,
        skip_saves_ms,
        here: arriving ? [[0, recording.bytes_here / (recording.bytes_total ?? 1)]] : null,
        position_ms: Number(this.#scene.get('at') ?? 0),
      });
    }
    this.#wish = id;
    if (this.#scene.get('still') === null && ['ready_online', 'evicted'].includes(recording.state))
      this.#world.want(id);
    return this.#say({ ...base, call: this.#world.call(id), phase: 'waiting', duration_ms: 0, repeat: null });
  }

  #jump(to: number, undone = false): PlayerState {
    if (!undone) this.#undo.push(this.#position());
    this.#playedAt = Date.now();
    const position_ms = Math.max(0, Math.min(this.#state.duration_ms, Math.round(to)));
    return this.#say({ position_ms, ...(this.#state.phase === 'ended' && { phase: 'paused' as const }) });
  }

  /** Something changed that the head does not jump by. */
  #set(part: Partial<PlayerState>): PlayerState {
    const position_ms = this.#position();
    this.#playedAt = Date.now();
    return this.#say({ position_ms, ...part });
  }

  readonly handlers = {
    player_load: ({ id, play }) => this.load(id, play),
    player_play: () => {
      this.#playedAt = Date.now();
      return this.#say({ phase: 'playing', ...(this.#state.phase === 'ended' && { position_ms: 0 }) });
    },
    player_pause: () => this.#say({ position_ms: this.#position(), phase: 'paused' }),
    player_seek: ({ position_ms }) => this.#jump(position_ms),
    player_seek_by: ({ by_ms }) => this.#jump(this.#position() + by_ms),
    player_tenth: ({ tenth }) => this.#jump((this.#state.duration_ms * tenth) / 10),
    player_turn: ({ by }) => {
      const now = this.#position();
      const starts = this.id === undefined ? [] : this.#world.turns(this.id).turns.map((turn) => turn.start_ms);
      const to = by > 0 ? starts.find((ms) => ms > now + 50) : starts.filter((ms) => ms < now - 1_000).at(-1);
      return to === undefined ? this.#state : this.#jump(to);
    },
    player_undo: () => {
      const to = this.#undo.pop();
      return to === undefined ? this.#state : this.#jump(to, true);
    },
    player_say_again: () => {
      const now = this.#position();
      this.#again = { untilMs: now };
      return this.#jump(now - SAY_AGAIN_MS);
    },
    player_repeat: ({ step, at_ms }) => {
      const at = at_ms ?? this.#position();
      const { repeat } = this.#state;
      if (step === 'clear') return this.#set({ repeat: null });
      if (step === 'a') return this.#set({ repeat: { a_ms: at, b_ms: null, on: false } });
      if (repeat === null) return this.#state;
      if (step === 'b') return this.#set({ repeat: { ...repeat, b_ms: Math.max(at, repeat.a_ms + 200), on: true } });
      return this.#set({ repeat: repeat.b_ms === null ? repeat : { ...repeat, on: !repeat.on } });
    },
    player_speed: ({ speed }) => this.#set({ speed }),
    player_volume: ({ volume }) => this.#set({ volume, muted: false }),
    player_mute: ({ on }) => this.#set({ muted: on }),
    player_skip_silence: ({ on }) => this.#set({ skip_silence: on }),
    player_level: ({ on }) => this.#set({ level: on }),
    player_solo: ({ channel }) => this.#set({ solo: channel }),
    player_gain: ({ channel, gain }) => {
      const gains: [number, number] = [...this.#state.gains];
      gains[channel - 1] = gain;
      return this.#set({ gains });
    },
    player_next: () => {
      const next = this.#world.nextQueued();
      if (next === undefined) throw new HostError({ code: 'not_found', retry_after_ms: null, ref: 'f-03' });
      return this.load(next.recording.id, true);
    },
    player_previous: () => {
      const former = this.#former.pop();
      if (former === undefined) throw new HostError({ code: 'not_found', retry_after_ms: null, ref: 'f-04' });
      const state = this.load(former, true);
      this.#former.pop();
      return state;
    },
    player_devices: () => this.#devices(),
    player_device: ({ id }) => {
      this.#device = id;
      return this.#devices();
    },
    player_state: () => this.#state,
  } satisfies Handlers;
}
