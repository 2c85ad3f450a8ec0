import type { PeaksView } from '../../bindings/contract';

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

export function inventedPeaks(seed: number, durationMs: number, channels: number, buckets: number): PeaksView {
  const turns: [from: number, to: number, side: number][] = [];
  const length = durationMs / 1000;
  let t = 1.2;
  for (let k = 0, side = 0; t < length - 2; k += 1) {
    const end = Math.min(length - 1, t + 2.5 + Math.pow(noise(k, seed), 1.6) * 40);
    turns.push([t, end, side]);
    t = end + (noise(k, seed + 3) < 0.15 ? -0.5 : 0.35 + noise(k, seed + 4) * 1.1);
    if (noise(k, seed + 5) < 0.86) side = 1 - side;
  }
  const loud = (at: number, side: number): number => {
    const turn = turns.find(([from, to, who]) => (channels === 1 || who === side) && at >= from && at <= to);
    if (turn === undefined) return 0.01 + 0.015 * noise(Math.floor(at * 9), seed + side);
    const phrase = Math.pow(smooth(at * 0.55, seed + 11 + side), 0.6);
    return (side === 1 ? 0.4 : 0.5) * (0.18 + 0.95 * phrase * (0.35 + 0.65 * smooth(at * 4.2, seed + 21 + side)));
  };
  const lanes = Array.from({ length: channels }, (_, side) => {
    const lane: number[] = [];
    for (let b = 0; b < buckets; b += 1) {
      let peak = 0;
      for (let k = 0; k < 8; k += 1) peak = Math.max(peak, loud(((b + k / 8) / buckets) * length, side));
      const value = Math.round(Math.min(1, peak) * 127);
      lane.push(-Math.round(value * 0.9), value);
    }
    return lane;
  });
  return { channels, duration_ms: durationMs, lanes, sides: channels === 2 ? ['agent', 'customer'] : [] };
}
