/** How far back it goes on after a pause; the app's player has the same table. */
export type Rewind = 'off' | 'gentle' | 'strong';

const SECOND_MS = 1_000;
const TABLE: readonly (readonly [underMs: number, backMs: number])[] = [
  [2 * SECOND_MS, 0],
  [60 * SECOND_MS, 1_000],
  [3_600 * SECOND_MS, 3_000],
  [86_400 * SECOND_MS, 10_000],
];

export function backMs(rewind: Rewind, pausedMs: number): number {
  const back = TABLE.find(([under]) => pausedMs < under)?.[1] ?? 20_000;
  return rewind === 'off' ? 0 : rewind === 'gentle' ? back : 2 * back;
}
