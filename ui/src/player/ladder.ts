import { HostError } from '../host';
import type { Code } from '../bindings/contract';

/** How long to wait after each answer "being prepared", in seconds; the last goes on. */
const LADDER_S = [3, 5, 8, 10, 15];
export const POLLS_MAX = 12;

/** The wait after poll `n` (from 1): the ladder's, or what the answer asked for if that is longer. */
export function waitMs(n: number, retryAfter: string | null): number {
  const ladder = LADDER_S[Math.min(n, LADDER_S.length) - 1] ?? 15;
  const asked = retryAfter === null ? 0 : Number(retryAfter);
  return Math.max(ladder, Number.isFinite(asked) ? Math.min(asked, 300) : 0) * 1000;
}

/** What a status means: each has one meaning. */
export type Answer =
  | { readonly is: 'here'; readonly bytes: number; readonly etag: string | null; readonly type: string }
  | { readonly is: 'coming'; readonly waitMs: number }
  | { readonly is: 'absent' }
  | { readonly is: 'failed'; readonly code: Code };

export function answerOf(response: Response, poll: number): Answer {
  switch (response.status) {
    case 200:
    case 206: {
      const bytes = Number(response.headers.get('Content-Length') ?? 0);
      const type = response.headers.get('Content-Type') ?? '';
      return { is: 'here', bytes, etag: response.headers.get('ETag'), type };
    }
    case 202:
      return { is: 'coming', waitMs: waitMs(poll, response.headers.get('Retry-After')) };
    case 404:
      return { is: 'absent' };
    case 403:
      return { is: 'failed', code: 'forbidden' };
    default:
      return { is: 'failed', code: 'damaged' };
  }
}

export interface Ladder {
  readonly fetch: typeof fetch;
  readonly url: string;
  readonly signal: AbortSignal;
  /** It is being prepared: told before each wait. */
  readonly onwait: (poll: number, nextMs: number) => void;
}

/** Asks with HEAD until it is here, at most twelve times. Rejects when it was called off. */
export async function untilHere(ladder: Ladder): Promise<Answer> {
  for (let poll = 1; ; poll += 1) {
    const response = await ladder.fetch(ladder.url, { method: 'HEAD', signal: ladder.signal, cache: 'no-store' });
    const answer = answerOf(response, poll);
    if (answer.is !== 'coming' || poll >= POLLS_MAX) return answer;
    ladder.onwait(poll, answer.waitMs);
    await pause(answer.waitMs, ladder.signal);
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException('called off', 'AbortError'));
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

const PART_BYTES = 1 << 20;

/** The whole of a recording in bounded ranges, as one Blob. Parts of two different files are never joined. */
export async function readWhole(
  get: typeof fetch,
  url: string,
  here: Extract<Answer, { is: 'here' }>,
  signal: AbortSignal,
): Promise<Blob> {
  const parts: BlobPart[] = [];
  for (let from = 0; from < here.bytes;) {
    const to = Math.min(here.bytes, from + PART_BYTES) - 1;
    const response = await get(url, { signal, cache: 'no-store', headers: { Range: `bytes=${from}-${to}` } });
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '');
    const fits = response.status === 206 && Number(range?.[1]) === from && Number(range?.[3]) === here.bytes;
    if (!fits || response.headers.get('ETag') !== here.etag)
      throw new HostError({ code: 'damaged', retry_after_ms: null, ref: '' });
    const part = await response.arrayBuffer();
    if (part.byteLength === 0) throw new HostError({ code: 'damaged', retry_after_ms: null, ref: '' });
    parts.push(part);
    from += part.byteLength;
  }
  return new Blob(parts, { type: here.type });
}
