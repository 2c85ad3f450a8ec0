import type { StorageView } from '../../bindings/contract';

/** What recordings may come to in all: the cap, or what the disk has beside the room that stays free; the less holds. */
export function capOf({ limits, used_bytes, free_bytes }: StorageView): number {
  const byDisk = used_bytes + Math.max(0, free_bytes - (limits.keep_free_bytes ?? 0));
  return limits.cap_bytes === null ? byDisk : Math.min(limits.cap_bytes, byDisk);
}

/** A part of the bar in per cent: what is there at all is seen. */
export function shareOf(part: number, whole: number): number {
  if (part <= 0 || whole <= 0) return 0;
  return Math.min(100, Math.max(0.6, (part / whole) * 100));
}

/** Sizes that a person chooses among, and the one that is set where it is another. */
export function sizesWith(sizes: readonly number[], set: number | null): number[] {
  return [...new Set(set === null ? sizes : [...sizes, set])].sort((a, b) => a - b);
}

export const GB = 1_000_000_000;
export const CAPS = [2, 5, 10, 20, 50, 100].map((gb) => gb * GB);
export const KEPT_FREE = [5, 10, 20, 50].map((gb) => gb * GB);
