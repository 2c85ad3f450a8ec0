import type {
  ActivityView,
  Code,
  NoteView,
  OutboxState,
  PendingView,
  ReminderView,
  StatusView,
} from '../../bindings/contract';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Statuses as the CRM has them, and one that a company made. */
const STATUSES: readonly StatusView[] = [
  { key: 'new', label: 'חדש', colour: 'blue' },
  { key: 'attempting', label: 'בניסיון קשר', colour: 'yellow' },
  { key: 'no_answer', label: 'לא ענה', colour: 'gray' },
  { key: 'contacted', label: 'נוצר קשר', colour: 'purple' },
  { key: 'interested', label: 'מעוניין', colour: 'green' },
  { key: 'follow_up', label: 'חזרה', colour: 'orange' },
  { key: 'won', label: 'זכיה', colour: 'green' },
  { key: 'offer', label: 'הצעת מחיר', colour: 'pink' },
];

export function statusOf(index: number): StatusView {
  return STATUSES[(index * 7 + 7) % STATUSES.length] as StatusView;
}

const LONG = 'שיחה ארוכה עם בת הזוג: רוצים לחלק את העבודה לשני שלבים, קודם חדרי השינה ואחר כך הסלון. '.repeat(9);

function noteOf(id: string, kind: string, text: string, at_ms: number, more: Partial<NoteView> = {}): NoteView {
  return { id, kind, text, at_ms, edited: false, attachments: [], call: null, pending: null, ...more };
}

export function remindersOf(index: number, nowMs: number): ReminderView[] {
  if (index % 3 === 2) return [];
  const row = (n: number, inMs: number, note: string | null, done_at_ms: number | null = null): ReminderView => ({
    id: `${index}${n}`,
    due_at_ms: nowMs + inMs,
    note,
    done_at_ms,
  });
  return [
    row(1, -6 * DAY_MS, 'לשלוח הצעת מחיר מתוקנת', nowMs - 5 * DAY_MS),
    row(2, -5 * HOUR_MS, 'לחזור ללקוחה'),
    row(3, 26 * HOUR_MS, 'Send the warranty terms in English'),
  ];
}

export function activityOf(index: number, nowMs: number, sid: string): ActivityView[] {
  const row = (n: number, kind: string, ago: number, more: Partial<ActivityView> = {}): ActivityView => ({
    id: `${index}${n}`,
    kind,
    at_ms: nowMs - ago,
    from: null,
    to: null,
    call_sid: null,
    text: '',
    ...more,
  });
  return [
    row(1, 'call', 2 * 60_000, { call_sid: sid }),
    row(2, 'note', 3 * DAY_MS + HOUR_MS),
    row(3, 'status_change', 4 * DAY_MS, { from: STATUSES[0] ?? null, to: statusOf(index) }),
    row(4, 'reminder_created', 5 * DAY_MS),
    row(5, 'loyalty_points', 6 * DAY_MS, { text: 'points: 40' }),
  ];
}

/** Notes of invented leads, and an outbox that ends as the scene says: `&notes=offline|refused|conflict|slow`. */
export class FakeNotes {
  readonly #known = new Map<string, NoteView[]>();
  readonly #changed: (tags: string[]) => void;
  readonly #scene: string;
  #next = 1;

  constructor(scene: string, changed: (tags: string[]) => void) {
    this.#scene = scene;
    this.#changed = changed;
  }

  of(lead: string, nowMs: number, sid: string): NoteView[] {
    const index = Number(lead) - 1;
    let notes = this.#known.get(lead);
    if (notes === undefined) {
      notes = [
        noteOf(`${index}04`, 'manual', 'ביקשה שלוח הזמנים ייכתב בהצעה עצמה', nowMs - 40 * 60_000, {
          call: { sid, at_ms: 72_000 },
        }),
        noteOf(`${index}03`, 'call_summary', '• משווה בין שתי הצעות\n• לשלוח סיכום במייל', nowMs - 3 * DAY_MS),
        noteOf(
          `${index}02`,
          'manual',
          'Prefers e-mail to WhatsApp, and asked for the terms in English.',
          nowMs - 4 * DAY_MS,
          {
            edited: true,
            attachments: ['הצעה.pdf', 'roof.jpg'],
          },
        ),
        noteOf(`${index}01`, 'customer_service_ai', LONG, nowMs - 6 * DAY_MS),
      ];
      if (this.#scene === 'conflict' && notes[2] !== undefined) {
        notes[2] = {
          ...notes[2],
          pending: { ...this.#pending('Prefers e-mail.'), phase: 'conflict', theirs: 'Prefers a call after six.' },
        };
      }
      this.#known.set(lead, notes);
    }
    return notes;
  }

  #pending(text: string): PendingView {
    this.#next += 1;
    return { id: `draft:${this.#next}`, phase: 'waiting', reason: null, next_try_at_ms: null, text, theirs: null };
  }

  add(lead: string, text: string, call: NoteView['call']): string {
    const pending = this.#pending(text);
    const note = noteOf(pending.id, 'manual', text, Date.now(), { call, pending });
    this.#known.set(lead, [note, ...(this.#known.get(lead) ?? [])]);
    this.#send(pending.id);
    this.#tell();
    return pending.id;
  }

  edit(id: string, text: string): void {
    this.#each((note) => {
      if (note.pending?.id === id) {
        const now = { ...note, pending: { ...note.pending, text, phase: 'waiting' as const, reason: null } };
        queueMicrotask(() => this.#send(id));
        return note.id === id ? { ...now, text } : now;
      }
      if (note.id !== id) return note;
      const pending = this.#pending(text);
      queueMicrotask(() => this.#send(pending.id));
      return { ...note, pending };
    });
  }

  retry(id: string): void {
    this.#each((note) => {
      if (note.pending?.id !== id) return note;
      queueMicrotask(() => this.#send(id));
      return { ...note, pending: { ...note.pending, phase: 'waiting', reason: null, theirs: null } };
    });
  }

  discard(id: string): void {
    this.#each((note) => {
      if (note.pending?.id !== id) return note;
      if (note.id === id) return undefined;
      return { ...note, text: note.pending.theirs ?? note.text, pending: null };
    });
  }

  state(): OutboxState {
    const rows = [...this.#known].flatMap(([lead, notes]) =>
      notes.map((note) => ({ lead, phase: note.pending?.phase })),
    );
    const refused = rows.filter((row) => row.phase === 'refused' || row.phase === 'conflict');
    return {
      waiting: rows.filter((row) => row.phase === 'waiting' || row.phase === 'sending').length,
      refused: refused.length,
      refused_lead_id: refused[0]?.lead ?? null,
    };
  }

  #each(turn: (note: NoteView) => NoteView | undefined): void {
    for (const [lead, notes] of this.#known) {
      this.#known.set(
        lead,
        notes.flatMap((note) => turn(note) ?? []),
      );
    }
    this.#tell();
  }

  #send(id: string): void {
    const say = (part: Partial<PendingView>) =>
      this.#each((note) => (note.pending?.id === id ? { ...note, pending: { ...note.pending, ...part } } : note));
    const wait = (reason: Code) => say({ phase: 'waiting', reason, next_try_at_ms: Date.now() + 40_000 });
    setTimeout(() => {
      if (this.#scene === 'offline') return wait('offline');
      say({ phase: 'sending' });
      setTimeout(
        () => {
          if (this.#scene === 'refused') return say({ phase: 'refused', reason: 'invalid_input' });
          const sent = String(9000 + this.#next++);
          this.#each((note) => {
            if (note.pending?.id !== id) return note;
            return { ...note, id: note.id === id ? sent : note.id, text: note.pending.text, pending: null };
          });
        },
        this.#scene === 'slow' ? 4000 : 500,
      );
    }, 150);
  }

  #tell(): void {
    this.#changed(['outbox', 'leads']);
  }
}
