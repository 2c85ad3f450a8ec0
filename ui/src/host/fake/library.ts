import type {
  Agenda,
  AgendaRow,
  CallRow,
  Commands,
  KeptListView,
  RecordingState,
  Rules,
  Saved,
  SavedViews,
} from '../../bindings/contract';
import { HostError, type Args } from '../port';
import { appointmentsOf, leadOf } from './people';

type Reply<C extends keyof Commands> = Commands[C]['reply'];

const LISTS: Readonly<Record<KeptListView, readonly RecordingState[]>> = {
  on_device: ['on_device', 'pinned', 'unsupported'],
  pinned: ['pinned'],
  arriving: ['downloading', 'preparing', 'queued', 'partial', 'still_preparing'],
  failed: ['failed_needs_you', 'failed_retrying', 'damaged'],
};

/** What is kept, saved, planned and written out, invented. */
export class FakeLibrary {
  rules: Rules = { appointments: true, recent_days: 30 };
  views: SavedViews;
  readonly #scene: URLSearchParams;
  readonly #startedAt: number;
  readonly #call: (ordinal: number) => CallRow;
  readonly #total: number;

  constructor(scene: URLSearchParams, startedAt: number, total: number, call: (ordinal: number) => CallRow) {
    this.#scene = scene;
    this.#startedAt = startedAt;
    this.#total = total;
    this.#call = call;
    const filter = {
      search: '',
      view: 'all' as const,
      direction: null,
      lead_id: null,
      outcome: null,
      has_recording: null,
    };
    const times = { from_ms: null, to_ms: null };
    this.views = {
      views:
        scene.get('views') === 'none'
          ? []
          : [
              { id: 'v1', name: 'התנגדויות מחיר', filter: { ...filter, ...times, search: 'מחיר' }, days: null },
              { id: 'v2', name: 'לא נענו השבוע', filter: { ...filter, ...times, view: 'missed' }, days: 7 },
            ],
    };
  }

  /** The first calls, which have every state once. */
  shown(): CallRow[] {
    if (this.#scene.get('kept') === 'none') return [];
    return Array.from({ length: Math.min(this.#total, 60) }, (_, ordinal) => this.#call(ordinal));
  }

  kept({ list, offset, limit }: Args<'kept_window'>): Reply<'kept_window'> {
    const rows = this.shown()
      .filter((row) => LISTS[list].includes(row.recording.state))
      .sort((a, b) => LISTS[list].indexOf(a.recording.state) - LISTS[list].indexOf(b.recording.state));
    return {
      matched: rows.length,
      matched_capped: false,
      all: rows.length,
      offset,
      rows: rows.slice(offset, offset + limit),
    };
  }

  agenda({ from_ms, to_ms }: Args<'agenda_read'>): Agenda {
    const none = this.#scene.get('agenda') === 'none';
    const rows: AgendaRow[] = none ? [] : Array.from({ length: 14 }, (_, n) => this.#appointments(n)).flat();
    const appointments = rows
      .filter(({ appointment }) => appointment.starts_at_ms >= from_ms && appointment.starts_at_ms < to_ms)
      .sort((a, b) => a.appointment.starts_at_ms - b.appointment.starts_at_ms);
    return {
      appointments,
      calendars: [
        { id: '3', name: 'ביקורי בית' },
        { id: '4', name: 'Sales' },
        { id: '9', name: null },
      ],
    };
  }

  #appointments(n: number): AgendaRow[] {
    const lead = leadOf(n, this.#startedAt);
    const last = this.#call(n);
    return appointmentsOf(n, this.#startedAt).map((appointment, i) => ({
      appointment: {
        ...appointment,
        starts_at_ms: appointment.starts_at_ms + n * 9 * 3_600_000,
        ends_at_ms: appointment.ends_at_ms + n * 9 * 3_600_000,
        calendar_id: n % 5 === 4 ? null : n % 4 === 3 ? '9' : n % 2 === 0 ? '3' : '4',
        calendar_name: n % 5 === 4 || n % 4 === 3 ? null : n % 2 === 0 ? 'ביקורי בית' : 'Sales',
        status: appointment.starts_at_ms + n * 9 * 3_600_000 > this.#startedAt ? 'scheduled' : 'completed',
        title: i === 0 ? 'ביקור בית' : 'Call about the offer',
      },
      lead_id: n % 7 === 6 ? null : lead.id,
      lead_name: lead.name,
      number: lead.phone,
      last_call: n % 6 === 5 ? null : last,
    }));
  }

  /** As if the person had chosen a place, or not. */
  saved(files: number, name: string | null, rows: number | null): Saved {
    switch (this.#scene.get('save')) {
      case 'cancel':
        return { files: 0, left_out: 0, name: null, rows: null };
      case 'fails':
        throw new HostError({ code: 'disk_full', retry_after_ms: null, ref: 'f-09' });
      default:
        return { files, left_out: 0, name: files === 1 ? name : null, rows };
    }
  }
}
