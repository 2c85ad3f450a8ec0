import type { PeaksView } from '../../bindings/contract';
import { BAR_PX, SEGMENT_GAP_PX, SEGMENT_PX, STEP_PX, gainOf } from '../../player/waveform';
import { lengthOf, type View } from './view';

/** A quiet lane is a dotted line, never empty. */
const FLOOR_PX = 1.5;
/** What a first look needs; a nearer one asks for all that is kept. */
export const COARSE_BUCKETS = 4_000;
export const FINE_BUCKETS = 65_536;

/** The loudness of a recording by channel, ready to be drawn at any zoom. */
export interface Shape {
  readonly durationMs: number;
  /** Per lane, 0 to 1 of each bucket; the agent's first. */
  readonly lanes: readonly Float32Array[];
  readonly gain: number;
}

export function shapeOf(peaks: PeaksView): Shape {
  const lanes = peaks.lanes.map((lane) => {
    const loud = new Float32Array(lane.length >> 1);
    for (let i = 0; i < loud.length; i += 1) {
      loud[i] = Math.min(127, Math.max(Math.abs(lane[i * 2] ?? 0), Math.abs(lane[i * 2 + 1] ?? 0))) / 127;
    }
    return loud;
  });
  // What is not known yet says nothing of how loud the call is.
  const part = peaks.duration_ms > 0 ? peaks.known_ms / peaks.duration_ms : 1;
  const gain = gainOf(lanes.map((lane) => thinned(lane.subarray(0, Math.ceil(lane.length * part)))));
  if (peaks.sides[0] === 'customer') lanes.reverse();
  return { durationMs: peaks.duration_ms, lanes, gain };
}

/** A few thousand values say how loud a call is. */
function thinned(lane: Float32Array): number[] {
  const every = Math.max(1, Math.floor(lane.length / COARSE_BUCKETS));
  const out: number[] = [];
  for (let i = 0; i < lane.length; i += every) out.push(lane[i] ?? 0);
  return out;
}

/** The time of one bar. Bars stand on a grid of the recording's own, so that they do not flicker while it is moved. */
export function barMsOf(view: View, width: number): number {
  return (lengthOf(view) / Math.max(1, width)) * STEP_PX;
}

export function needsFine(view: View, width: number, durationMs: number): boolean {
  return durationMs / COARSE_BUCKETS > barMsOf(view, width);
}

/** Peak and mean of a bar, so that speech looks like speech. Kept for as long as the zoom stays. */
export class Bars {
  readonly barMs: number;
  readonly #lanes: readonly Float32Array[];

  constructor(shape: Shape, barMs: number) {
    this.barMs = barMs;
    const count = Math.ceil(shape.durationMs / barMs);
    this.#lanes = shape.lanes.map((lane) => {
      const out = new Float32Array(count);
      const perBar = (barMs / shape.durationMs) * lane.length;
      for (let k = 0; k < count; k += 1) {
        const from = Math.min(lane.length - 1, Math.floor(k * perBar));
        const to = Math.max(from + 1, Math.min(lane.length, Math.floor((k + 1) * perBar)));
        let peak = 0;
        let sum = 0;
        for (let i = from; i < to; i += 1) {
          const value = Math.min(1, (lane[i] ?? 0) * shape.gain);
          peak = Math.max(peak, value);
          sum += value;
        }
        out[k] = Math.min(1, peak * 0.45 + (sum / (to - from)) * 0.5);
      }
      return out;
    });
  }

  get lanes(): number {
    return this.#lanes.length;
  }

  at(lane: number, k: number): number {
    return this.#lanes[lane]?.[k] ?? 0;
  }
}

export interface Ink {
  readonly agent: string;
  readonly agentRest: string;
  readonly customer: string;
  readonly customerRest: string;
  readonly mono: string;
  readonly monoRest: string;
  readonly hatch: string;
}

export interface Picture {
  readonly view: View;
  readonly width: number;
  /** Of one lane, and between two. */
  readonly laneHeight: number;
  readonly gapHeight: number;
  /** The head; what lies before it has full colour. */
  readonly playedMs: number;
  readonly heard: boolean;
  /** Stretches that are here, in media time; null: all of it. */
  readonly here: readonly (readonly [number, number])[] | null;
}

/** Draws what is in view. Some hundred bars: cheap enough for every frame of a scroll. */
export function paintLanes(context: CanvasRenderingContext2D, bars: Bars, picture: Picture, ink: Ink): void {
  const { view, width, laneHeight, gapHeight } = picture;
  const msPerPx = lengthOf(view) / width;
  const first = Math.max(0, Math.floor(view.fromMs / bars.barMs));
  const last = Math.ceil(view.toMs / bars.barMs);
  const isHere = (ms: number) => picture.here === null || picture.here.some(([from, to]) => ms >= from && ms < to);
  for (let lane = 0; lane < bars.lanes; lane += 1) {
    const middle = lane * (laneHeight + gapHeight) + laneHeight / 2;
    const most = laneHeight / 2 - 3;
    const cut = bars.lanes > 1 && lane === 1;
    for (const played of [true, false]) {
      context.beginPath();
      for (let k = first; k < last; k += 1) {
        const ms = k * bars.barMs;
        if ((picture.heard || ms <= picture.playedMs) !== played || !isHere(ms)) continue;
        const x = (ms - view.fromMs) / msPerPx;
        const half = Math.max(FLOOR_PX / 2, bars.at(lane, k) * most);
        if (cut) context.rect(x, middle - half, BAR_PX, half * 2);
        else context.roundRect(x, middle - half, BAR_PX, half * 2, 1);
      }
      const [full, rest] =
        bars.lanes < 2 ? [ink.mono, ink.monoRest] : cut ? [ink.customer, ink.customerRest] : [ink.agent, ink.agentRest];
      context.fillStyle = played ? full : rest;
      context.fill();
    }
    if (cut) cutIntoSegments(context, middle, most, width);
  }
}

/** The customer's bars are cut by lines through all of them: the segments of every bar lie in the same rows. */
function cutIntoSegments(context: CanvasRenderingContext2D, middle: number, most: number, width: number): void {
  const step = SEGMENT_PX + SEGMENT_GAP_PX;
  for (let y = SEGMENT_PX / 2; y < most; y += step) {
    context.clearRect(0, middle + y, width, SEGMENT_GAP_PX);
    context.clearRect(0, middle - y - SEGMENT_GAP_PX, width, SEGMENT_GAP_PX);
  }
}

/** What is here while its shape is not known yet: a quiet line, never empty. */
export function paintArrived(context: CanvasRenderingContext2D, lanes: number, picture: Picture, ink: Ink): void {
  const { view, width, laneHeight, gapHeight, here } = picture;
  for (const [from, to] of here ?? []) {
    const start = Math.max(0, ((from - view.fromMs) / lengthOf(view)) * width);
    const end = Math.min(width, ((to - view.fromMs) / lengthOf(view)) * width);
    for (let lane = 0; lane < lanes; lane += 1) {
      context.fillStyle = lane === 0 ? ink.agentRest : ink.customerRest;
      const middle = lane * (laneHeight + gapHeight) + laneHeight / 2;
      for (let x = start; x + BAR_PX <= end; x += STEP_PX) context.fillRect(x, middle - FLOOR_PX / 2, BAR_PX, FLOOR_PX);
    }
  }
}

/** Where the voice is not here: strokes, at two fifths of the lane. */
export function paintMissing(context: CanvasRenderingContext2D, lanes: number, picture: Picture, ink: Ink): void {
  if (picture.here === null) return;
  const { view, width, laneHeight, gapHeight } = picture;
  const xOf = (ms: number) => ((ms - view.fromMs) / lengthOf(view)) * width;
  for (const [from, to] of missingIn(view, picture.here)) {
    const x = xOf(from);
    const wide = xOf(to) - x;
    if (wide < 2) continue;
    for (let lane = 0; lane < lanes; lane += 1) {
      const top = lane * (laneHeight + gapHeight) + laneHeight * 0.3;
      const high = laneHeight * 0.4;
      context.save();
      context.beginPath();
      context.rect(x + 1, top, wide - 1, high);
      context.clip();
      context.strokeStyle = ink.hatch;
      context.lineWidth = 1;
      context.beginPath();
      // The strokes stand on the recording's grid, too.
      const offset = ((xOf(0) % 5) + 5) % 5;
      for (let at = x - high - 5 - (x % 5) + offset; at < x + wide; at += 5) {
        context.moveTo(at, top + high);
        context.lineTo(at + high, top);
      }
      context.stroke();
      context.restore();
    }
  }
}

/** What of the view is missing, in order. */
export function missingIn(view: View, here: readonly (readonly [number, number])[]): [number, number][] {
  const missing: [number, number][] = [];
  let at = view.fromMs;
  for (const [from, to] of here) {
    if (from > at) missing.push([at, Math.min(from, view.toMs)]);
    at = Math.max(at, to);
    if (at >= view.toMs) return missing.filter(([a, b]) => b > a);
  }
  missing.push([at, view.toMs]);
  return missing.filter(([a, b]) => b > a);
}
