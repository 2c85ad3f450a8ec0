import type { Side, TranscriptLine, TurnsView } from '../../bindings/contract';

/** A line of the transcript, a turn, or a silence between them that is skipped. */
export interface Line {
  readonly key: string;
  readonly side: Side | null;
  readonly atMs: number | null;
  readonly endMs: number | null;
  readonly text: string;
  /** For a silence: how long. */
  readonly silenceMs: number | null;
}

/** A silence shorter than this is not worth a line of its own. */
const TOLD_MS = 3_000;

type Cut = readonly [number, number];

function silence([from, to]: Cut): Line {
  return { key: `silence ${from}`, side: null, atMs: from, endMs: to, text: '', silenceMs: to - from };
}

/** Puts the silences that are skipped between the lines that have a time. */
function withSilences(lines: readonly Line[], cuts: readonly Cut[]): Line[] {
  const told = cuts.filter(([from, to]) => to - from >= TOLD_MS);
  const out: Line[] = [];
  let next = 0;
  for (const line of lines) {
    while (line.atMs !== null && next < told.length && (told[next]?.[0] ?? 0) < line.atMs)
      out.push(silence(told[next++] as Cut));
    out.push(line);
  }
  return out;
}

/** A line ends where the next that has a time begins. */
export function linesOf(transcript: readonly TranscriptLine[], cuts: readonly Cut[]): Line[] {
  const lines = transcript.map((line, n): Line => {
    const next = transcript.slice(n + 1, n + 20).find((later) => later.at_ms !== null)?.at_ms ?? null;
    return { key: `line ${n}`, side: line.side, atMs: line.at_ms, endMs: next, text: line.text, silenceMs: null };
  });
  return withSilences(lines, cuts);
}

export function turnsOf(turns: TurnsView, cuts: readonly Cut[], words: (seconds: number) => string): Line[] {
  const lines = turns.turns.map((turn, n): Line => ({
    key: `turn ${n}`,
    side: turns.sides[turn.channel - 1] ?? null,
    atMs: turn.start_ms,
    endMs: turn.end_ms,
    text: words(Math.max(1, Math.round((turn.end_ms - turn.start_ms) / 1000))),
    silenceMs: null,
  }));
  return withSilences(lines, cuts);
}

/** The line that is heard: the last that began, where it has a time. −1 before the first, and where none has. */
export function currentLine(lines: readonly Line[], atMs: number): number {
  let found = -1;
  for (let n = 0; n < lines.length; n += 1) {
    const line = lines[n];
    if (line === undefined || line.atMs === null || line.silenceMs !== null) continue;
    if (line.atMs > atMs) break;
    found = n;
  }
  return found;
}
