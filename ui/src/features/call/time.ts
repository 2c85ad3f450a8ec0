/** A time as a person types it: `90` seconds, `1:30`, `01:02:03`, `1.30`, `130` (m ss from three digits on). */
export function timeIn(text: string): number | undefined {
  const clean = text.trim();
  if (!/^\d+([:.,]\d{1,2}){0,2}$/.test(clean)) return undefined;
  const parts = clean.split(/[:.,]/).map(Number);
  if (parts.length === 1) {
    const digits = clean;
    if (digits.length <= 2) return Number(digits) * 1000;
    const seconds = Number(digits.slice(-2));
    const minutes = Number(digits.slice(-4, -2));
    const hours = Number(digits.slice(0, -4) || 0);
    return seconds < 60 && minutes < 60 ? ((hours * 60 + minutes) * 60 + seconds) * 1000 : undefined;
  }
  if (parts.slice(1).some((part) => part > 59)) return undefined;
  return parts.reduce((sum, part) => sum * 60 + part, 0) * 1000;
}
