import type { PeaksView, Side, TurnsView } from '../../bindings/contract';

/** Two people who take turns, drawn from a seed: looks like speech, and is the same each time. */
function noise(i: number, seed: number): number {
  const x = Math.sin(i * 127.1 + seed * 311.7) * 43758.5453;
  return x - Math.floor(x);
}

function smooth(t: number, seed: number): number {
  const i = Math.floor(t);
  const f = t - i;
  const u = f * f * (3 - 2 * f);
  return noise(i, seed) * (1 - u) + noise(i + 1, seed) * u;
}

type Span = readonly [from: number, to: number, side: number];

/** Seconds. Every now and then nobody speaks for a while: somebody looks something up. */
function spansOf(seed: number, length: number): Span[] {
  const spans: Span[] = [];
  let t = 1.2;
  for (let k = 0, side = 0; t < length - 2; k += 1) {
    const end = Math.min(length - 1, t + 2.5 + Math.pow(noise(k, seed), 1.6) * 24);
    spans.push([t, end, side]);
    const pause = noise(k, seed + 7) < 0.12 ? 8 + noise(k, seed + 8) * 8 : 0.35 + noise(k, seed + 4) * 0.9;
    t = end + (noise(k, seed + 3) < 0.12 ? -0.5 : pause);
    if (noise(k, seed + 5) < 0.86) side = 1 - side;
  }
  return spans;
}

function sidesOf(channels: number, swapped: boolean): Side[] {
  if (channels !== 2) return [];
  return swapped ? ['customer', 'agent'] : ['agent', 'customer'];
}

export function inventedTurns(seed: number, durationMs: number, channels: number, swapped: boolean): TurnsView {
  const spans = spansOf(seed, durationMs / 1000);
  const turns = spans.map(([from, to, side]) => ({
    channel: channels === 1 ? 1 : side + 1,
    start_ms: Math.round(from * 1000),
    end_ms: Math.round(to * 1000),
  }));
  const cuts: [number, number][] = [];
  let end = 0;
  for (const turn of turns) {
    if (turn.start_ms - end >= 700) cuts.push([end + 200, turn.start_ms - 200]);
    end = Math.max(end, turn.end_ms);
  }
  const talk = Array.from({ length: channels }, (_, at) =>
    turns.filter((turn) => turn.channel === at + 1).reduce((sum, turn) => sum + turn.end_ms - turn.start_ms, 0),
  );
  const saved_ms = cuts.reduce((sum, [from, to]) => sum + to - from, 0);
  return {
    channels,
    duration_ms: durationMs,
    turns,
    cuts,
    saved_ms,
    talk_ms: talk,
    silence_ms: saved_ms,
    overlap_ms: 1_200,
    sides: sidesOf(channels, swapped),
  };
}

export function inventedPeaks(
  seed: number,
  durationMs: number,
  channels: number,
  buckets: number,
  swapped: boolean,
  part = 1,
): PeaksView {
  const length = durationMs / 1000;
  const spans = spansOf(seed, length);
  const loud = (at: number, side: number): number => {
    const span = spans.find(([from, to, who]) => (channels === 1 || who === side) && at >= from && at <= to);
    if (span === undefined) return 0.004 + 0.008 * noise(Math.floor(at * 9), seed + side);
    const edge = Math.min(1, (at - span[0]) / 0.25, (span[1] - at) / 0.3);
    const phrase = Math.pow(smooth(at * 0.55, seed + 11 + side), 0.6);
    const syllable = 0.35 + 0.65 * smooth(at * 4.2, seed + 21 + side);
    return (side === 1 ? 0.4 : 0.5) * edge * (0.18 + 0.95 * phrase * syllable);
  };
  const steps = buckets > 8000 ? 2 : 8;
  const lanes = Array.from({ length: channels }, (_, side) => {
    const lane: number[] = [];
    for (let b = 0; b < buckets; b += 1) {
      let peak = 0;
      for (let k = 0; k < steps && b < buckets * part; k += 1)
        peak = Math.max(peak, loud(((b + k / steps) / buckets) * length, side));
      const value = Math.round(Math.min(1, peak) * 127);
      lane.push(-Math.round(value * 0.9), value);
    }
    return lane;
  });
  return {
    channels,
    duration_ms: durationMs,
    known_ms: Math.floor(durationMs * part),
    lanes,
    sides: sidesOf(channels, swapped),
  };
}
