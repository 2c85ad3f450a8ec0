import type { Host } from '../host';
import type { Media } from './pageSound';

/** An `<audio>` that moves by the clock, for tests: the events of the real one, in their order. */
export class FakeMedia implements Media {
  src = '';
  duration = NaN;
  playbackRate = 1;
  preservesPitch = false;
  volume = 1;
  muted = false;
  paused = true;
  ended = false;
  error: MediaError | null = null;
  readonly #seconds: number;
  readonly #listeners = new Map<string, (() => void)[]>();
  #at = 0;
  #since = 0;

  constructor(seconds: number) {
    this.#seconds = seconds;
    setInterval(() => {
      if (!this.paused && this.currentTime >= this.duration) {
        this.#at = this.duration;
        this.ended = true;
        this.paused = true;
        this.#tell('pause');
        this.#tell('ended');
      }
    }, 50);
  }

  get currentTime(): number {
    const moved = this.paused ? 0 : ((Date.now() - this.#since) / 1000) * this.playbackRate;
    return Math.min(this.duration || 0, this.#at + moved);
  }

  set currentTime(to: number) {
    this.#at = Math.max(0, Math.min(to, this.duration || 0));
    this.#since = Date.now();
    if (this.#at < this.duration) this.ended = false;
    this.#tell('seeked');
  }

  async play(): Promise<void> {
    this.#at = this.currentTime;
    this.#since = Date.now();
    this.paused = false;
    this.ended = false;
    this.#tell('playing');
  }

  pause(): void {
    if (this.paused) return;
    this.#at = this.currentTime;
    this.paused = true;
    this.#tell('pause');
  }

  load(): void {
    this.#at = 0;
    this.paused = true;
    this.ended = false;
    this.duration = NaN;
    if (this.src === '') return;
    queueMicrotask(() => {
      this.duration = this.#seconds;
      this.#tell('loadedmetadata');
    });
  }

  removeAttribute(name: string): void {
    if (name === 'src') this.src = '';
  }

  addEventListener(name: string, run: unknown): void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), run as () => void]);
  }

  fail(code: number): void {
    this.error = { code } as MediaError;
    this.#tell('error');
  }

  #tell(name: string): void {
    for (const run of this.#listeners.get(name) ?? []) run();
  }
}

export interface FakeFetch {
  readonly fetch: typeof fetch;
  readonly heads: { id: string; atMs: number }[];
  readonly ranges: string[];
  readonly forgotten: string[];
  /** Status of a HEAD by recording; else what its state means. */
  readonly answers: Map<string, () => number>;
  bytes: number;
  etagOf: (from: number) => string;
}

/** `rec://` as the app answers it. */
export function fakeFetch(host: Host): FakeFetch {
  const world: FakeFetch = {
    heads: [],
    ranges: [],
    forgotten: [],
    answers: new Map(),
    bytes: 1_000_000,
    etagOf: () => '"one"',
    fetch: async (input, init) => {
      const id = decodeURIComponent(new URL(String(input)).pathname.replace(/^\/+(localhost\/)?/, ''));
      if (init?.signal?.aborted) throw new DOMException('called off', 'AbortError');
      if (init?.method === 'HEAD') {
        world.heads.push({ id, atMs: Date.now() });
        const { recording } = await host.call('call_read', { sid: id.replace('crm:', '') });
        const known = { sounds: 200, asks: 202, never: 404 }[recording.play];
        const status = world.answers.get(id)?.() ?? known;
        const headers = new Headers({ 'Content-Length': String(world.bytes), ETag: world.etagOf(0) });
        return new Response(null, { status, headers });
      }
      const range = new Headers(init?.headers).get('Range') ?? '';
      world.ranges.push(range);
      const [from = 0, to = 0] = (/(\d+)-(\d+)/.exec(range) ?? []).slice(1).map(Number);
      const headers = new Headers({ 'Content-Range': `bytes ${from}-${to}/${world.bytes}`, ETag: world.etagOf(from) });
      return new Response(new Uint8Array(to - from + 1), { status: 206, headers });
    },
  };
  return world;
}
