/** The softest that a side is turned to before it is off, and the loudest: twice what it was. */
export const LEAST_DB = -24;
export const MOST_DB = 6;

/** A factor of loudness in whole decibels; off is the softest. */
export function decibelsOf(gain: number): number {
  if (gain <= 0) return LEAST_DB;
  return Math.max(LEAST_DB, Math.min(MOST_DB, Math.round(20 * Math.log10(gain))));
}

export function gainOf(decibels: number): number {
  if (decibels <= LEAST_DB) return 0;
  return Math.min(2, Math.round(Math.pow(10, decibels / 20) * 1000) / 1000);
}

/** `+6 dB`, with a true minus; off where nothing is heard. */
export function decibelText(decibels: number): string {
  if (decibels <= LEAST_DB) return '−∞ dB';
  return `${decibels > 0 ? '+' : decibels < 0 ? '−' : ''}${Math.abs(decibels)} dB`;
}
