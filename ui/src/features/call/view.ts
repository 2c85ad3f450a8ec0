/** The part of a recording that is shown, in media time. */
export interface View {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What the zoom goes through. */
const LENGTHS_S = [5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 7200];
const USUAL_MS = 180_000;
const TICKS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICK_PX = 96;
/** While it plays, the head is kept between these parts of the view. */
const HEAD_LEAST = 0.15;
const HEAD_MOST = 0.9;

export function lengthOf(view: View): number {
  return view.toMs - view.fromMs;
}

/** Inside the recording; as long as it was, or as the recording is. */
export function within(view: View, durationMs: number): View {
  const length = Math.min(lengthOf(view), durationMs);
  const fromMs = Math.max(0, Math.min(view.fromMs, durationMs - length));
  return { fromMs, toMs: fromMs + length };
}

export function wholeOf(durationMs: number): View {
  return { fromMs: 0, toMs: Math.max(1, durationMs) };
}

/** Where a page begins: three minutes around the head, or all of a shorter call. */
export function openedAt(positionMs: number, durationMs: number): View {
  if (durationMs <= USUAL_MS * 1.25) return wholeOf(durationMs);
  const fromMs = positionMs - USUAL_MS * HEAD_LEAST;
  return within({ fromMs, toMs: fromMs + USUAL_MS }, durationMs);
}

/** One step nearer (−1) or farther (1), with what is at `aroundMs` staying where it is. */
export function zoomedBy(view: View, by: 1 | -1, aroundMs: number, durationMs: number): View {
  const length = lengthOf(view);
  const lengths = LENGTHS_S.map((s) => s * 1000).filter((ms) => ms < durationMs);
  const next = by < 0 ? lengths.filter((ms) => ms < length - 1).at(-1) : lengths.find((ms) => ms > length + 1);
  return zoomedTo(view, next ?? (by < 0 ? length : durationMs), aroundMs, durationMs);
}

export function zoomedTo(view: View, lengthMs: number, aroundMs: number, durationMs: number): View {
  const part = Math.max(0, Math.min(1, (aroundMs - view.fromMs) / lengthOf(view)));
  const length = Math.max(1000, Math.min(lengthMs, durationMs));
  const fromMs = aroundMs - part * length;
  return within({ fromMs, toMs: fromMs + length }, durationMs);
}

export function movedBy(view: View, byMs: number, durationMs: number): View {
  return within({ fromMs: view.fromMs + byMs, toMs: view.toMs + byMs }, durationMs);
}

/** Turns the page when the head leaves it. */
export function following(view: View, headMs: number, durationMs: number): View {
  const length = lengthOf(view);
  const part = (headMs - view.fromMs) / length;
  if (part >= 0 && part <= HEAD_MOST) return view;
  if (part > HEAD_MOST && part <= 1 && view.toMs >= durationMs) return view;
  const fromMs = headMs - length * HEAD_LEAST;
  return within({ fromMs, toMs: fromMs + length }, durationMs);
}

/** Times that the ruler names, far enough from each other to be read. */
export function ticksOf(view: View, width: number): number[] {
  if (width <= 0) return [];
  const least = (lengthOf(view) / width) * TICK_PX;
  const step = (TICKS_S.find((s) => s * 1000 >= least) ?? 3600) * 1000;
  const ticks: number[] = [];
  for (let ms = Math.ceil(view.fromMs / step) * step; ms < view.toMs; ms += step) ticks.push(ms);
  return ticks;
}

export function msAt(x: number, width: number, view: View): number {
  if (width <= 0) return view.fromMs;
  return Math.round(view.fromMs + Math.max(0, Math.min(1, x / width)) * lengthOf(view));
}
