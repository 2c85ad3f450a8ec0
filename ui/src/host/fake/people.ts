import { STANDINGS } from '../../bindings/contract';
import type { AppointmentRow, CallRow, LeadRow, Outcome, RecordingState, RecordingView } from '../../bindings/contract';
import { statusOf } from './notes';

/** Invented people; numbers of 555-01xx only. */
export const PEOPLE: readonly (readonly [he: string, phone: string, note: string])[] = [
  ['יעל כהן־ארד', '050-555-0142', 'ביקשה לחזור אליה אחרי שש'],
  ['אבי מזרחי', '052-555-0177', 'משווה להצעה של חברה אחרת'],
  ['נועה פרידמן', '054-555-0119', 'מחיר סופי, כולל חיזוק הגג'],
  ['מוחמד עבאס', '053-555-0160', 'מעוניין בתשלומים'],
  ['סבטלנה גורביץ׳', '058-555-0123', ''],
  ['עומר שגב', '+972 3 555 0188', 'לא הבין את סעיף 4'],
  ['Oren Shapira', '+44 20 7946 0991', 'Wants the contract in English'],
  ['רונית אלמוג', '050-555-0191', ''],
  ['תמר ויצמן', '052-555-0134', 'פגישה נקבעה ליום שלישי'],
  ['גיל שטרן, מרפאת השרון', '09-555-0147', ''],
  ['יוסי ברקוביץ׳', '04-555-0156', ''],
  ['הדס נחמיאס', '050-555-0108', 'שאלה על אחריות לעשר שנים'],
  ['איתי רוזנברג', '054-555-0173', 'נסגר'],
  ['לינוי אוחנה', '055-555-0185', 'Asked about the ten-year warranty, and whether the roof beam is part of it'],
  ['מיכל הררי', '058-555-0112', ''],
];

interface Scene {
  readonly state: RecordingState;
  readonly outcome?: Outcome;
  readonly recording?: Partial<RecordingView>;
  readonly seconds: number;
  readonly heard?: true;
  readonly noLead?: true;
}

/** The top of the list: every state once, in the order of the design's pictures. */
const SCENES: readonly Scene[] = [
  { state: 'on_device', seconds: 252 },
  { state: 'downloading', seconds: 1120, recording: { bytes_here: 1_190_000, bytes_total: 1_920_000 } },
  { state: 'preparing', seconds: 125, recording: { polls: 3 }, noLead: true },
  { state: 'pinned', seconds: 708, heard: true },
  { state: 'failed_retrying', seconds: 453, recording: { reason: 'server_unavailable', attempts: 2 } },
  { state: 'none_expected', outcome: 'missed', seconds: 0, recording: { reason: 'not_answered' } },
  { state: 'ready_online', seconds: 206, heard: true },
  { state: 'on_device', seconds: 1574, heard: true },
  { state: 'none_expected', outcome: 'busy', seconds: 0 },
  { state: 'queued', seconds: 541, heard: true, recording: { place: 4 } },
  { state: 'unavailable', seconds: 4, recording: { reason: 'too_short' } },
  { state: 'still_preparing', seconds: 70, recording: { polls: 12 } },
  { state: 'on_device', seconds: 897, heard: true },
  { state: 'evicted', seconds: 338, heard: true },
  { state: 'failed_needs_you', seconds: 496, recording: { reason: 'login_expired' } },
  { state: 'live', outcome: 'live', seconds: 0 },
  { state: 'restricted', seconds: 610 },
  { state: 'damaged', seconds: 333 },
  { state: 'unsupported', seconds: 121, recording: { codec: 'AMR-WB' } },
  { state: 'partial', seconds: 700, recording: { bytes_here: 62, bytes_total: 100 } },
  { state: 'unavailable', seconds: 95, recording: { reason: 'deleted_at_source' } },
  { state: 'failed_needs_you', seconds: 180, recording: { reason: 'disk_full' } },
];

const LATER: readonly Scene[] = [
  { state: 'ready_online', seconds: 340 },
  { state: 'on_device', seconds: 612, heard: true },
  { state: 'ready_online', seconds: 95, heard: true },
  { state: 'none_expected', outcome: 'missed', seconds: 0 },
];

function sceneOf(ordinal: number): Scene {
  return SCENES[ordinal] ?? (LATER[(ordinal * 7) % LATER.length] as Scene);
}

export function recordingOf(ordinal: number, nowMs: number): RecordingView {
  const scene = sceneOf(ordinal);
  const here = ['on_device', 'pinned', 'evicted', 'unsupported'].includes(scene.state);
  const next: Partial<Record<RecordingState, number>> = {
    preparing: 8_000,
    still_preparing: 15 * 60_000,
    failed_retrying: 17 * 60_000,
  };
  const inMs = next[scene.state];
  return {
    id: `crm:CA${String(ordinal).padStart(8, '0')}`,
    state: scene.state,
    ...STANDINGS[scene.state],
    reason: null,
    polls: 0,
    attempts: 0,
    place: null,
    next_try_at_ms: inMs === undefined ? null : nowMs + inMs,
    bytes_here: here && scene.state !== 'evicted' ? scene.seconds * 8000 : 0,
    bytes_total: null,
    duration_ms: here ? scene.seconds * 1000 : null,
    channels: here ? (ordinal === 12 ? 1 : 2) : null,
    codec: here ? 'mp3' : null,
    pinned: scene.state === 'pinned',
    ...(scene.recording?.reason === 'login_expired' ? { action: 'sign_in' } : {}),
    ...scene.recording,
  };
}

/** Calls of the day every 13 minutes, then one day after another. */
export function callOf(ordinal: number, nowMs: number): CallRow {
  const scene = sceneOf(ordinal);
  const who = (ordinal * 1) % PEOPLE.length;
  const [name, phone, note] = PEOPLE[who] as (typeof PEOPLE)[number];
  const day = ordinal < 12 ? 0 : 3 + Math.floor((ordinal - 12) / 38);
  const inDay = ordinal < 12 ? ordinal : (ordinal - 12) % 38;
  const answered = scene.outcome === undefined;
  return {
    sid: `CA${String(ordinal).padStart(8, '0')}`,
    started_at_ms: nowMs - day * 86_400_000 - inDay * 13 * 60_000 - 120_000,
    direction: ordinal % 3 === 1 ? 'outbound' : 'inbound',
    outcome: scene.outcome ?? 'answered',
    status: answered ? 'completed' : 'no-answer',
    number: scene.noLead ? '03-555-0129' : phone,
    lead_id: scene.noLead ? null : String(who + 1),
    lead_name: scene.noLead ? null : name,
    duration_s: scene.seconds,
    summary: answered && !scene.noLead && note !== '' ? note : null,
    heard: scene.heard === true || ordinal >= SCENES.length,
    recording: recordingOf(ordinal, nowMs),
  };
}

export function leadOf(index: number, nowMs: number): LeadRow {
  const [name, phone] = PEOPLE[index % PEOPLE.length] as (typeof PEOPLE)[number];
  return {
    id: String(index + 1),
    name: index < PEOPLE.length ? name : `${name} ${index}`,
    phone,
    email: `lead${index + 1}@example.com`,
    status: statusOf(index),
    source: index % 4 === 0 ? 'whatsapp' : 'phone',
    tags: index % 5 === 0 ? ['VIP', 'רעננה', 'VIP'] : [],
    last_contact_at_ms: nowMs - index * 9 * 3_600_000 - 120_000,
    calls: 7 + (index % 5),
    unheard: index < 5 ? (index % 3) + 1 : 0,
  };
}

export function appointmentsOf(index: number, nowMs: number): AppointmentRow[] {
  if (index % 3 === 2) return [];
  const start = Math.floor(nowMs / 3_600_000) * 3_600_000 + 45 * 3_600_000;
  const row = (id: string, at: number, calendar: string | null): AppointmentRow => ({
    id,
    title: 'ביקור בית',
    starts_at_ms: at,
    ends_at_ms: at + 45 * 60_000,
    status: at > nowMs ? 'scheduled' : 'completed',
    location: index % 2 === 0 ? 'רעננה, רחוב הדגמה 1' : null,
    calendar_id: '3',
    calendar_name: calendar,
  });
  return [
    row(`${index}1`, start, index % 2 === 0 ? 'ביקורי בית' : null),
    row(`${index}0`, start - 6 * 86_400_000, 'ביקורי בית'),
  ];
}
