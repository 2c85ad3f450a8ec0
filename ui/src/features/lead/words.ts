import type { ActivityView, Code, NoteView, PendingView, StatusView } from '../../bindings/contract';
import type { Say } from '../../elements/recording';
import { en, type Word } from '../../text/en';
import { apart } from '../../text/format';

/** The company's own word for a status; without its list ours for the keys that the CRM comes with, else the key. */
export function leadStatus(status: StatusView, say: Say): string {
  return status.label ?? worded('lead_status', status.key, say) ?? status.key;
}

export function appointmentStatus(key: string | null, say: Say): string | undefined {
  return worded('appointment_status', key, say);
}

export function leadSource(key: string | null, say: Say): string | undefined {
  return worded('source', key, say);
}

/** What kind of note it is; nothing for one that a person wrote. A kind that nobody knows is shown as it is. */
export function noteKind(note: NoteView, say: Say): string | undefined {
  return note.kind === 'manual' ? undefined : worded('note_kind', note.kind, say);
}

export function activityWords(activity: ActivityView, say: Say): string {
  const to = activity.to === null ? undefined : apart(leadStatus(activity.to, say));
  if (activity.kind === 'status_change' && to !== undefined) {
    return activity.from === null
      ? say('activity_status_to', { to })
      : say('activity_status', { from: apart(leadStatus(activity.from, say)), to });
  }
  return worded('activity', activity.kind, say) ?? activity.kind;
}

/** Where a text stands that is not at the CRM yet, cause first. */
export function pendingWords(pending: PendingView, say: Say): string {
  switch (pending.phase) {
    case 'sending':
      return say('note_sending');
    case 'conflict':
      return say('note_conflict');
    case 'refused':
      return say(REFUSED[pending.reason ?? 'internal'] ?? 'note_refused');
    case 'waiting':
      return say(pending.reason === null ? 'note_waiting' : (WAITING[pending.reason] ?? 'note_waiting_server'));
  }
}

const REFUSED: Partial<Record<Code, Word>> = {
  forbidden: 'note_refused_forbidden',
  not_found: 'note_refused_gone',
  gone: 'note_refused_gone',
};

const WAITING: Partial<Record<Code, Word>> = {
  offline: 'note_waiting_offline',
  login_expired: 'note_waiting_sign_in',
  wrong_password: 'note_waiting_sign_in',
};

function worded(family: string, key: string | null, say: Say): string | undefined {
  if (key === null || key === '') return undefined;
  const word = `${family}_${key}`;
  return word in en ? say(word as Word) : key;
}
