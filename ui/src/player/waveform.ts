import type { PeaksView } from '../bindings/contract';

/** A bar every 3 px: 2 of colour, 1 of gap. */
export const STEP_PX = 3;
export const BAR_PX = 2;
const FLOOR_PX = 1.5;
/** The customer's bars are cut: 2.5 px of colour, 1 px of gap. Texture, so that it reads in grey. */
export const SEGMENT_PX = 2.5;
export const SEGMENT_GAP_PX = 1;

export interface Bar {
  readonly x: number;
  /** The agent, or the only lane. Pixels from the centre line. */
  readonly up: number;
  /** The customer; 0 in a recording with one channel. */
  readonly down: number;
}

export function barCount(width: number): number {
  return Math.max(1, Math.min(4000, Math.floor((width + (STEP_PX - BAR_PX)) / STEP_PX)));
}

/** Loudness 0 to 1 of every bucket of a lane. */
export function loudness(lane: readonly number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i + 1 < lane.length; i += 2) {
    out.push(Math.min(1, Math.max(Math.abs(lane[i] ?? 0), Math.abs(lane[i + 1] ?? 0)) / 127));
  }
  return out;
}

/**
 * How much a recording is raised before it is drawn, the same for both lanes, so that a quiet line does not look
 * empty and a louder side still looks louder. The loudest twentieth may touch the edge.
 */
export function gainOf(lanes: readonly (readonly number[])[]): number {
  const all = lanes.flat().sort((a, b) => a - b);
  const loud = all[Math.floor(all.length * 0.95)] ?? 0;
  return loud <= 0 ? 1 : Math.min(8, Math.max(1, 0.9 / loud));
}

/** Speech spans 40 dB: a gentle curve keeps its quiet half visible. */
function drawn(value: number, gain: number): number {
  return Math.min(1, Math.pow(Math.min(1, value * gain), 0.85));
}

/** The bars of a waveform in a box. One channel: `up` is the half height of a bar centred on the line. */
export function barsOf(peaks: PeaksView, width: number, height: number): Bar[] {
  const lanes = peaks.lanes.map(loudness);
  // What is not known yet says nothing of how loud the call is.
  const part = peaks.duration_ms > 0 ? peaks.known_ms / peaks.duration_ms : 1;
  const gain = gainOf(lanes.map((lane) => lane.slice(0, Math.ceil(lane.length * part))));
  const count = barCount(width);
  const half = height / 2 - 2;
  // Which channel is whose is the app's to say: the agent's goes up, the customer's down.
  const swapped = peaks.sides[0] === 'customer';
  const [first, second] = swapped ? [lanes[1], lanes[0]] : lanes;
  const bars: Bar[] = [];
  for (let i = 0; i < count; i += 1) {
    const up = Math.max(FLOOR_PX, drawn(at(first, i, count), gain) * half);
    const down = second === undefined ? 0 : Math.max(FLOOR_PX, drawn(at(second, i, count), gain) * half);
    bars.push({ x: i * STEP_PX, up, down });
  }
  return bars;
}

/** The loudest bucket that falls into bar `i` of `count`, whatever the number of buckets. */
function at(lane: readonly number[] | undefined, i: number, count: number): number {
  if (lane === undefined || lane.length === 0) return 0;
  const from = Math.floor((i * lane.length) / count);
  const to = Math.max(from + 1, Math.floor(((i + 1) * lane.length) / count));
  let loudest = 0;
  for (let k = from; k < to && k < lane.length; k += 1) loudest = Math.max(loudest, lane[k] ?? 0);
  return loudest;
}

/** The segments of a cut bar, from the centre line outwards: offset and length in pixels. */
export function segments(length: number): [offset: number, length: number][] {
  const out: [number, number][] = [];
  for (let y = 0; y < length; y += SEGMENT_PX + SEGMENT_GAP_PX) out.push([y, Math.min(SEGMENT_PX, length - y)]);
  return out;
}

/** Media time under a point of the waveform, and the way back. The time axis runs left to right in every language. */
export function timeAt(x: number, width: number, durationMs: number): number {
  return width <= 0 ? 0 : Math.round(Math.max(0, Math.min(1, x / width)) * durationMs);
}

export function xAt(positionMs: number, width: number, durationMs: number): number {
  return durationMs <= 0 ? 0 : Math.max(0, Math.min(1, positionMs / durationMs)) * width;
}

export interface Ink {
  readonly agent: string;
  readonly customer: string;
  readonly mono: string;
}

/** Draws all bars in one ink. Played and rest are two such pictures, cut at the head. */
export function paint(
  context: CanvasRenderingContext2D,
  bars: readonly Bar[],
  height: number,
  mono: boolean,
  ink: Ink,
): void {
  const middle = height / 2;
  for (const bar of bars) {
    if (mono) {
      context.fillStyle = ink.mono;
      round(context, bar.x, middle - bar.up, bar.up * 2);
      continue;
    }
    context.fillStyle = ink.agent;
    round(context, bar.x, middle - 1 - bar.up, bar.up);
    context.fillStyle = ink.customer;
    for (const [offset, length] of segments(bar.down)) context.fillRect(bar.x, middle + 1 + offset, BAR_PX, length);
  }
}

function round(context: CanvasRenderingContext2D, x: number, y: number, height: number): void {
  context.beginPath();
  context.roundRect(x, y, BAR_PX, height, 1);
  context.fill();
}

/** How much of a recording that arrives is here from its beginning on, 0 to 1. */
export function begun(parts: readonly (readonly [number, number])[]): number {
  const first = parts[0];
  return first !== undefined && first[0] === 0 ? first[1] : 0;
}

/** In how many steps the shape of a recording that arrives is drawn. */
export const SHAPE_STEPS = 40;

/** The hatch where a recording is not here. */
export function paintMissing(
  context: CanvasRenderingContext2D,
  parts: readonly (readonly [number, number])[],
  width: number,
  height: number,
  ink: string,
): void {
  let at = 0;
  for (const [from, to] of [...parts, [1, 1] as const]) {
    paintHatch(context, at * width, from * width, height, ink);
    at = to;
  }
}

/** A recording whose shape is not known yet: a quiet line where it is here, the hatch where it is not. */
export function paintArriving(
  context: CanvasRenderingContext2D,
  parts: readonly (readonly [number, number])[],
  width: number,
  height: number,
  ink: Ink,
): void {
  paintMissing(context, parts, width, height, ink.mono);
  for (const [from, to] of parts) {
    for (let x = from * width; x + BAR_PX <= to * width; x += STEP_PX) {
      context.fillStyle = ink.agent;
      context.fillRect(x, height / 2 - 1 - FLOOR_PX, BAR_PX, FLOOR_PX);
      context.fillStyle = ink.customer;
      context.fillRect(x, height / 2 + 1, BAR_PX, FLOOR_PX);
    }
  }
}

/** What is not here, from one x to another: diagonal strokes. */
export function paintHatch(
  context: CanvasRenderingContext2D,
  from: number,
  to: number,
  height: number,
  colour: string,
): void {
  if (to - from < 2) return;
  context.save();
  context.beginPath();
  context.rect(from + 1, height * 0.22, to - from - 1, height * 0.56);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = from - height - (from % 5); x < to + height; x += 5) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}
