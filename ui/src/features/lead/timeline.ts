import type { AppointmentRow, CallRow, LeadPage } from '../../bindings/contract';

export type Show = 'all' | 'calls' | 'appointments';

export type Entry =
  | { readonly kind: 'call'; readonly id: string; readonly atMs: number | null; readonly call: CallRow }
  | { readonly kind: 'appointment'; readonly id: string; readonly atMs: number; readonly appointment: AppointmentRow };

export interface Day {
  readonly key: string;
  readonly atMs: number | null;
  readonly entries: readonly Entry[];
}

/** Calls and appointments of a lead by day, newest first; what has no time comes last. */
export function daysOf(page: LeadPage, show: Show, dayKey: (atMs: number) => string): Day[] {
  const entries: Entry[] = [];
  if (show !== 'appointments') {
    for (const call of page.calls) entries.push({ kind: 'call', id: call.sid, atMs: call.started_at_ms, call });
  }
  if (show !== 'calls') {
    for (const appointment of page.appointments) {
      entries.push({
        kind: 'appointment',
        id: `appointment ${appointment.id}`,
        atMs: appointment.starts_at_ms,
        appointment,
      });
    }
  }
  entries.sort((a, b) => (b.atMs ?? -Infinity) - (a.atMs ?? -Infinity) || a.id.localeCompare(b.id));
  const days: { key: string; atMs: number | null; entries: Entry[] }[] = [];
  for (const entry of entries) {
    const key = entry.atMs === null ? '' : dayKey(entry.atMs);
    const last = days.at(-1);
    if (last?.key === key) last.entries.push(entry);
    else days.push({ key, atMs: entry.atMs, entries: [entry] });
  }
  return days;
}
