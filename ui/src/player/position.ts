/** What the app said last, and when that was by the window's own clock. */
export interface Anchor {
  readonly positionMs: number;
  readonly durationMs: number;
  /** Media time per time. */
  readonly pace: number;
  readonly moving: boolean;
  /** `performance.now()` when it was said. */
  readonly heardAt: number;
}

/** Media time now: between two events the head goes on by itself, and never past the end. */
export function positionAt(anchor: Anchor, now: number): number {
  const passed = anchor.moving ? Math.max(0, now - anchor.heardAt) * anchor.pace : 0;
  const position = anchor.positionMs + passed;
  return Math.max(0, anchor.durationMs > 0 ? Math.min(position, anchor.durationMs) : position);
}

export const SPEED_CYCLE = [1, 1.5, 2] as const;
export const SPEED_PRESETS = [0.75, 1, 1.25, 1.5, 2, 3] as const;
export const SPEED_STEP = 0.05;
export const SLOWEST = 0.5;
export const FASTEST = 3;

/** 1 → 1.5 → 2 → 1; from any other speed back to 1. */
export function cycledSpeed(speed: number): number {
  const at = SPEED_CYCLE.findIndex((known) => Math.abs(known - speed) < 0.001);
  return SPEED_CYCLE[(at + 1) % SPEED_CYCLE.length] ?? 1;
}

/** A step up or down on a grid of 0.05, inside 0.5 to 3. */
export function steppedSpeed(speed: number, by: number): number {
  const stepped = Math.round((speed + by) * 20) / 20;
  return Math.min(FASTEST, Math.max(SLOWEST, stepped));
}
