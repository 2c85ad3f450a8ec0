import type { ActivityView, AppointmentRow, CallRow, LeadPage, NoteView } from '../../bindings/contract';
import { playable } from '../../elements/recording';

export type Show = 'all' | 'calls' | 'notes' | 'appointments' | 'activity';

export type Entry =
  | { readonly kind: 'call'; readonly id: string; readonly atMs: number | null; readonly call: CallRow }
  | { readonly kind: 'note'; readonly id: string; readonly atMs: number | null; readonly note: NoteView }
  | { readonly kind: 'activity'; readonly id: string; readonly atMs: number | null; readonly activity: ActivityView }
  | { readonly kind: 'appointment'; readonly id: string; readonly atMs: number; readonly appointment: AppointmentRow };

export interface Day {
  readonly key: string;
  readonly atMs: number | null;
  readonly entries: readonly Entry[];
}

/** What was not heard and can be, in the order in which it was spoken. */
export function unheardOf(calls: readonly CallRow[]): CallRow[] {
  const unheard = calls.filter((call) => !call.heard && playable(call.recording));
  return unheard.sort((a, b) => (a.started_at_ms ?? 0) - (b.started_at_ms ?? 0));
}

/** What the timeline shows as a thing of its own is not told once more as activity. */
function isTold(activity: ActivityView, calls: ReadonlySet<string>): boolean {
  return activity.kind === 'note' || (activity.call_sid !== null && calls.has(activity.call_sid));
}

/** All that belongs to a lead by day, newest first; what has no time comes last. */
export function daysOf(page: LeadPage, show: Show, dayKey: (atMs: number) => string): Day[] {
  const entries: Entry[] = [];
  const shows = (kind: Show) => show === 'all' || show === kind;
  if (shows('calls')) {
    for (const call of page.calls) entries.push({ kind: 'call', id: call.sid, atMs: call.started_at_ms, call });
  }
  if (shows('notes')) {
    for (const note of page.notes) entries.push({ kind: 'note', id: `note ${note.id}`, atMs: note.at_ms, note });
  }
  if (shows('appointments')) {
    for (const appointment of page.appointments) {
      const id = `appointment ${appointment.id}`;
      entries.push({ kind: 'appointment', id, atMs: appointment.starts_at_ms, appointment });
    }
  }
  if (shows('activity')) {
    const calls = new Set(page.calls.map((call) => call.sid));
    for (const activity of page.activity) {
      if (show === 'all' && isTold(activity, calls)) continue;
      entries.push({ kind: 'activity', id: `activity ${activity.id}`, atMs: activity.at_ms, activity });
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

export type NoteNews = 'sent' | 'waiting' | 'refused' | 'conflict';

/** What became of notes between two answers, worst first; nothing is said while they are only on their way. */
export function newsOf(
  before: readonly NoteView[],
  now: readonly NoteView[],
  givenUp: ReadonlySet<string>,
): NoteNews | undefined {
  const phases = (notes: readonly NoteView[]) =>
    new Map(notes.flatMap(({ pending }) => (pending === null ? [] : [[pending.id, pending] as const])));
  const [was, is] = [phases(before), phases(now)];
  const turned = (phase: 'refused' | 'conflict') =>
    [...is.values()].some((one) => one.phase === phase && was.get(one.id)?.phase !== phase);
  if (turned('conflict')) return 'conflict';
  if (turned('refused')) return 'refused';
  if ([...was.keys()].some((id) => !is.has(id) && !givenUp.has(id))) return 'sent';
  const waits = [...is.values()].some(
    (one) => one.phase === 'waiting' && one.reason !== null && (was.get(one.id)?.reason ?? null) === null,
  );
  return waits ? 'waiting' : undefined;
}
