import type { CallRow, Code, PlayerState, TurnsView } from '../bindings/contract';
import { HostError, type Args, type Host } from '../host';
import { readWhole, untilHere } from './ladder';
import { backMs, type Rewind } from './rewind';
import { Undo } from './undo';
import { EMPTY, type Sound, type SoundCommand } from './sound';

/** What of an `<audio>` is used; a test has one of its own. */
export type Media = Pick<
  HTMLMediaElement,
  | 'src'
  | 'currentTime'
  | 'duration'
  | 'playbackRate'
  | 'preservesPitch'
  | 'volume'
  | 'muted'
  | 'paused'
  | 'ended'
  | 'error'
  | 'play'
  | 'pause'
  | 'load'
  | 'removeAttribute'
  | 'addEventListener'
>;

export interface PageDoors {
  readonly host: Host;
  readonly media: Media;
  readonly fetch: typeof fetch;
  /** `rec://localhost/<id>` */
  readonly urlOf: (recordingId: string) => string;
  /** WebKitGTK plays no scheme of ours: there the whole recording is read into a Blob first. */
  readonly needsBlob: boolean;
  readonly blobUrl: (blob: Blob) => string;
  readonly forgetUrl: (url: string) => void;
  readonly tell: (state: PlayerState) => void;
  /** How far it goes back after a pause. */
  readonly rewind: () => Rewind;
}

const SAY_AGAIN_MS = 5_000;
const SAY_AGAIN_PACE = 0.75;
const SAVE_EVERY_MS = 5_000;
const TICK_MS = 50;
const END_MARGIN_MS = 1_000;

type Handlers = { [C in SoundCommand]: (args: Args<C>) => void | Promise<void> };

/**
 * The second adapter: an `<audio>` of the window over `rec://`. It has no lanes of its own, so solo, gain and level are
 * the app's player's alone; all else is the same from outside.
 */
export class PageSound implements Sound {
  readonly kind = 'page';
  readonly #doors: PageDoors;
  #state: PlayerState = EMPTY;
  #revision = 0;
  #turns: TurnsView | undefined;
  #loading = new AbortController();
  #url: string | undefined;
  #startMs = 0;
  #plays = false;
  /** Until where what is said again is said slower. */
  #againUntilMs: number | undefined;
  readonly #undo = new Undo();
  readonly #former: string[] = [];
  #savedMs = 0;
  /** From here on it was played without a jump, as far as it is not saved yet. */
  #runMs = 0;
  /** When it was paused; nothing after a seek by hand, which is not taken back. */
  #pausedAt: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(doors: PageDoors) {
    this.#doors = doors;
    const { media } = doors;
    media.preservesPitch = true;
    const on = (name: string, run: () => void) => media.addEventListener(name, run);
    on('loadedmetadata', () => this.#opened());
    on('playing', () => this.#say({ phase: 'playing' }));
    on('waiting', () => this.#say({ phase: 'buffering' }));
    on('pause', () => {
      if (!media.ended && this.#isOpen()) this.#say({ phase: 'paused' });
      void this.#save();
    });
    on('seeked', () => this.#isOpen() && this.#say({}));
    on('ended', () => void this.#ended());
    on('error', () => this.#failed(CODES[media.error?.code ?? 0] ?? 'internal'));
  }

  async run<C extends SoundCommand>(command: C, args: Args<C>): Promise<PlayerState> {
    await (this.#handlers[command] as (args: Args<C>) => void | Promise<void>)(args);
    return this.#say({});
  }

  /** Lets go of what it has: no decrypted byte stays behind. */
  close(): void {
    this.#loading.abort();
    clearInterval(this.#timer);
    void this.#save();
    this.#release();
    this.#state = { ...EMPTY, speed: this.#state.speed, volume: this.#state.volume, revision: this.#revision };
  }

  #release(): void {
    const { media, forgetUrl } = this.#doors;
    media.pause();
    media.removeAttribute('src');
    media.load();
    if (this.#url !== undefined) forgetUrl(this.#url);
    this.#url = undefined;
  }

  #isOpen(): boolean {
    return ['playing', 'buffering', 'paused', 'ended'].includes(this.#state.phase);
  }

  #positionMs(): number {
    return this.#isOpen() ? Math.round(this.#doors.media.currentTime * 1000) : 0;
  }

  #say(part: Partial<PlayerState>): PlayerState {
    this.#revision += 1;
    const next = { ...this.#state, ...part };
    this.#state = next;
    this.#state = {
      ...next,
      position_ms: part.position_ms ?? this.#positionMs(),
      pace: next.speed * (this.#againUntilMs === undefined ? 1 : SAY_AGAIN_PACE),
      saying_again: this.#againUntilMs !== undefined,
      can_undo: this.#undo.can,
      skip_saves_ms: this.#turns?.saved_ms ?? 0,
      revision: this.#revision,
    };
    this.#doors.media.playbackRate = this.#state.pace;
    this.#doors.tell(this.#state);
    return this.#state;
  }

  #failed(error: Code): void {
    if (this.#state.phase === 'empty') return;
    clearInterval(this.#timer);
    this.#say({ phase: 'failed', error, position_ms: 0 });
  }

  async #load(id: string, play: boolean): Promise<void> {
    const before = this.#state.call?.recording.id;
    if (before !== undefined && before !== id) this.#former.push(before);
    await this.#save();
    this.#loading.abort();
    const loading = new AbortController();
    this.#loading = loading;
    this.#release();
    this.#turns = undefined;
    this.#againUntilMs = undefined;
    this.#undo.clear();
    this.#pausedAt = undefined;
    this.#plays = play;
    const { host } = this.#doors;
    // The app names the call, wishes for a recording that is not here, and keeps its own sound still.
    const native = await host.call('player_load', { id, play: false });
    if (loading.signal.aborted || native.call === null) return;
    const call = native.call;
    const kept = await host.call('listening_read', { sid: call.sid }).catch(() => undefined);
    const duration = call.recording.duration_ms ?? 0;
    const at = kept?.position_ms ?? 0;
    this.#startMs = duration > 0 && at > duration - END_MARGIN_MS ? 0 : at;
    this.#savedMs = this.#startMs;
    this.#runMs = this.#startMs;
    this.#say({ call, phase: 'loading', duration_ms: duration, error: null, repeat: null, position_ms: 0 });
    void this.#fetch(call, loading.signal);
  }

  /** HEAD until it is here, then the element reads it, or a Blob of it. */
  async #fetch(call: CallRow, signal: AbortSignal): Promise<void> {
    const { host, media, fetch, urlOf, needsBlob, blobUrl } = this.#doors;
    const url = urlOf(call.recording.id);
    const told = async (phase: 'waiting' | 'failed', error: Code | null = null) => {
      const fresh = await host.call('call_read', { sid: call.sid }).catch(() => call);
      if (!signal.aborted) this.#say({ call: fresh, phase, error, duration_ms: 0, position_ms: 0 });
    };
    try {
      const answer = await untilHere({ fetch, url, signal, onwait: () => void told('waiting') });
      if (signal.aborted) return;
      if (answer.is === 'failed') return await told('failed', answer.code);
      // What is not to be had, or not yet: its own state says why, and has the button.
      if (answer.is !== 'here') return await told('waiting');
      this.#turns = await host.call('recording_turns', { id: call.recording.id }).catch(() => undefined);
      const fresh = await host.call('call_read', { sid: call.sid }).catch(() => call);
      if (signal.aborted) return;
      this.#say({ call: fresh, phase: 'loading', duration_ms: fresh.recording.duration_ms ?? 0 });
      if (needsBlob) this.#url = blobUrl(await readWhole(fetch, url, answer, signal));
      if (signal.aborted) return this.#release();
      media.src = this.#url ?? url;
      media.load();
    } catch (thrown) {
      if (signal.aborted) return;
      this.#failed(thrown instanceof HostError ? thrown.code : 'internal');
    }
  }

  #opened(): void {
    const { media } = this.#doors;
    const known = this.#state.call?.recording.duration_ms ?? 0;
    const duration_ms = known > 0 ? known : Math.round(media.duration * 1000) || 0;
    media.currentTime = this.#startMs / 1000;
    media.volume = this.#state.volume;
    media.muted = this.#state.muted;
    this.#say({ phase: 'paused', duration_ms, position_ms: this.#startMs });
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    if (this.#plays) void this.#play();
  }

  async #play(): Promise<void> {
    const { media } = this.#doors;
    this.#plays = true;
    if (!this.#isOpen()) return;
    if (this.#state.phase === 'ended') {
      media.currentTime = 0;
      this.#runMs = 0;
    } else if (this.#pausedAt !== undefined) {
      const back = backMs(this.#doors.rewind(), Date.now() - this.#pausedAt);
      if (back > 0) media.currentTime = Math.max(0, media.currentTime - back / 1000);
    }
    this.#pausedAt = undefined;
    try {
      await media.play();
    } catch (thrown) {
      // A pause that comes before the first sound is no failure; a source that cannot play is one, and is told.
      const name = thrown instanceof DOMException ? thrown.name : '';
      if (name === 'NotSupportedError') this.#failed('unsupported_audio');
      else if (name !== 'AbortError') this.#say({ phase: 'paused' });
    }
  }

  /** What a device's thread would do: cuts, the end of a loop, the end of what is said again, and the memory. */
  #tick(): void {
    if (this.#state.phase !== 'playing') return;
    const now = this.#positionMs();
    const { repeat, skip_silence } = this.#state;
    if (this.#againUntilMs !== undefined && now >= this.#againUntilMs) {
      this.#againUntilMs = undefined;
      this.#say({});
    } else if (repeat?.on === true && repeat.b_ms !== null && (now >= repeat.b_ms || now < repeat.a_ms - 1_000)) {
      this.#jumpTo(repeat.a_ms);
    } else if (skip_silence && repeat?.on !== true && this.#againUntilMs === undefined) {
      const cut = this.#turns?.cuts.find(([from, to]) => now >= from && now < to - 2 * TICK_MS);
      if (cut !== undefined) this.#move(cut[1]);
    }
    if (Math.abs(now - this.#savedMs) >= SAVE_EVERY_MS) void this.#save();
  }

  /** What was played ends here; what follows begins there. */
  #jumpTo(toMs: number): void {
    void this.#save();
    this.#move(toMs);
    this.#runMs = this.#positionMs();
  }

  #move(toMs: number): void {
    const to = Math.max(0, Math.min(toMs, this.#state.duration_ms || Infinity));
    this.#doors.media.currentTime = to / 1000;
    this.#say({ position_ms: Math.round(to), ...(this.#state.phase === 'ended' && { phase: 'paused' as const }) });
  }

  #jump(toMs: number): void {
    if (!this.#isOpen()) return;
    this.#pausedAt = undefined;
    this.#undo.before(this.#positionMs(), Date.now());
    this.#jumpTo(toMs);
  }

  async #save(): Promise<void> {
    const sid = this.#state.call?.sid;
    if (sid === undefined || !this.#isOpen()) return;
    const position_ms = this.#state.phase === 'ended' ? this.#state.duration_ms : this.#positionMs();
    if (position_ms === this.#savedMs) return;
    this.#savedMs = position_ms;
    const played_from_ms = this.#runMs;
    this.#runMs = position_ms;
    await this.#doors.host.call('listening_keep', { sid, position_ms, played_from_ms }).catch(() => undefined);
  }

  async #ended(): Promise<void> {
    this.#say({ phase: 'ended', position_ms: this.#state.duration_ms });
    await this.#save();
    await this.#next().catch(() => undefined);
  }

  async #next(): Promise<void> {
    const { host } = this.#doors;
    const next = (await host.call('queue_read', {})).calls[0];
    if (next === undefined) throw new HostError({ code: 'not_found', retry_after_ms: null, ref: '' });
    const { calls } = await host.call('queue_remove', { id: next.recording.id });
    this.#state = { ...this.#state, queued: calls.length };
    await this.#load(next.recording.id, true);
  }

  #turn(by: number): void {
    const now = this.#positionMs();
    const starts = this.#turns?.turns.map((turn) => turn.start_ms) ?? [];
    const to = by > 0 ? starts.find((ms) => ms > now + 50) : starts.filter((ms) => ms < now - 1_000).at(-1);
    if (to !== undefined) this.#jump(to);
  }

  #repeat({ step, at_ms }: Args<'player_repeat'>): void {
    const at = at_ms ?? this.#positionMs();
    const { repeat } = this.#state;
    if (step === 'clear') this.#say({ repeat: null });
    else if (step === 'a') this.#say({ repeat: { a_ms: at, b_ms: null, on: false } });
    else if (repeat !== null && step === 'b')
      this.#say({ repeat: { ...repeat, b_ms: Math.max(at, repeat.a_ms + 200), on: true } });
    else if (repeat !== null && repeat.b_ms !== null) this.#say({ repeat: { ...repeat, on: !repeat.on } });
  }

  readonly #handlers: Handlers = {
    player_state: () => undefined,
    player_load: ({ id, play }) => this.#load(id, play),
    player_play: () => this.#play(),
    player_pause: () => {
      this.#plays = false;
      if (this.#state.phase === 'playing') this.#pausedAt = Date.now();
      this.#doors.media.pause();
      if (this.#isOpen() && this.#state.phase !== 'ended') this.#say({ phase: 'paused' });
    },
    player_seek: ({ position_ms }) => this.#jump(position_ms),
    player_seek_by: ({ by_ms }) => this.#jump(this.#positionMs() + by_ms),
    player_tenth: ({ tenth }) => this.#jump((this.#state.duration_ms * tenth) / 10),
    player_turn: ({ by }) => this.#turn(by),
    player_undo: () => {
      const to = this.#undo.take();
      if (to !== undefined) this.#jumpTo(to);
    },
    player_say_again: () => {
      if (!this.#isOpen()) return;
      const now = this.#positionMs();
      this.#againUntilMs = now;
      this.#jump(now - SAY_AGAIN_MS);
    },
    player_repeat: (args) => this.#repeat(args),
    player_speed: ({ speed }) => void this.#say({ speed: Math.min(3, Math.max(0.5, Math.round(speed * 20) / 20)) }),
    player_volume: ({ volume }) => {
      this.#doors.media.volume = volume;
      this.#doors.media.muted = false;
      this.#say({ volume, muted: false });
    },
    player_mute: ({ on }) => {
      this.#doors.media.muted = on;
      this.#say({ muted: on });
    },
    player_skip_silence: ({ on }) => void this.#say({ skip_silence: on }),
    // An element cannot part the channels.
    player_solo: () => undefined,
    player_level: () => undefined,
    player_gain: () => undefined,
    player_next: () => this.#next(),
    player_previous: async () => {
      const former = this.#former.pop();
      if (former === undefined) throw new HostError({ code: 'not_found', retry_after_ms: null, ref: '' });
      await this.#load(former, true);
      this.#former.pop();
    },
  };
}

/** `MediaError.code` as causes of ours; "aborted" is our own doing. */
const CODES: Readonly<Record<number, Code>> = { 2: 'damaged', 3: 'damaged', 4: 'unsupported_audio' };

/** An element of this window. */
export function pageSound(host: Host, tell: (state: PlayerState) => void, rewind: () => Rewind): PageSound {
  const agent = navigator.userAgent;
  return new PageSound({
    host,
    media: new Audio(),
    fetch: (...args) => window.fetch(...args),
    urlOf: (id) => host.recordingUrl(id),
    needsBlob: /linux/i.test(agent) && !/chrom(e|ium)/i.test(agent),
    blobUrl: (blob) => URL.createObjectURL(blob),
    forgetUrl: (url) => URL.revokeObjectURL(url),
    tell,
    rewind,
  });
}
