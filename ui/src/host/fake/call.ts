import type {
  AppointmentRow,
  CallPage,
  CallRow,
  LeadRow,
  MarkView,
  NoteView,
  MarksView,
  Side,
  TurnsView,
} from '../../bindings/contract';

const SPOKEN: readonly [Side, he: string, en: string][] = [
  [
    'agent',
    'האחריות מתחילה ביום ההפעלה, לא ביום ההתקנה, וזה כתוב בעמוד הראשון.',
    'The warranty starts the day it goes live, not the day we install. It’s on page one.',
  ],
  [
    'customer',
    'כן, וגם שלא נגלה הפתעות במחיר. בהצעה הקודמת הוסיפו לנו אלפיים שקל בדיעבד.',
    'Yes, and no surprises in the price. Last time they added two thousand shekels afterwards.',
  ],
  [
    'agent',
    'המחיר שנתתי לך סופי: כולל עבודה, חיבור לרשת ואחריות לעשר שנים.',
    'The price I gave you is final: labour, grid connection and a ten-year warranty are in it.',
  ],
  [
    'customer',
    'רגע, זה כולל גם את חיזוק הגג? המהנדס אמר שיש שם קורה חלשה.',
    'Wait, does that include the roof work? The engineer said one of the beams is weak.',
  ],
  [
    'agent',
    'כולל. אני רושם את זה בהסכם, כדי שלא יהיה ספק. The model is SolarEdge SE10K, 10 kW.',
    'It does. I’m writing it into the contract so there’s no doubt.',
  ],
  ['customer', 'תודה. זה מרגיע אותי.', 'Thank you. That puts my mind at rest.'],
  [
    'customer',
    'בסדר. תשלחו לי את ההסכם היום, ואעבור עליו הערב. המספר שלי 054-555-0119.',
    'All right. Send me the contract today and I’ll go over it tonight with my husband.',
  ],
  [
    'agent',
    'מצוין. אז נקבע לביקור ביום שלישי ב־10:00, אצלכם בבית?',
    'Great. Shall we set the visit for Tuesday at ten, at your place?',
  ],
  ['customer', 'שלישי בעשר מתאים. רק תתקשרו כשאתם בדרך.', 'Tuesday at ten works. Just call when you’re on your way.'],
];

/** What was said, one line a turn; `times` as the source has them or not. */
export function wordsOf(turns: TurnsView, language: 'he' | 'en', times: boolean, most: number): CallPage['transcript'] {
  const said = { agent: 0, customer: 0 };
  const of = (side: Side) => SPOKEN.filter(([who]) => who === side);
  return turns.turns.slice(0, most).map((turn) => {
    const side = turns.sides[turn.channel - 1] ?? 'agent';
    const lines = of(side);
    const line = lines[said[side]++ % lines.length];
    return { side, at_ms: times ? turn.start_ms : null, text: line?.[language === 'he' ? 1 : 2] ?? '' };
  });
}

export function pageOf(
  call: CallRow,
  lead: LeadRow | null,
  next: AppointmentRow | null,
  transcript: CallPage['transcript'],
  turns: TurnsView | undefined,
  notes: NoteView[],
): CallPage {
  const { recording } = call;
  const whole = recording.play === 'sounds';
  const agent = turns === undefined ? -1 : turns.sides.indexOf('agent');
  return {
    call,
    summary: call.summary,
    source: recording.id.startsWith('crm:') ? 'crm' : 'twilio',
    file: {
      bytes: whole ? (call.duration_s ?? 0) * 4_000 + 44 : recording.bytes_total,
      sample_rate_hz: whole ? 8_000 : null,
      is_verified: whole,
      verified_at_ms: whole ? (call.started_at_ms ?? 0) + 60_000 : null,
      damaged_packets: 0,
    },
    lead,
    next_appointment: next,
    notes,
    transcript,
    talk:
      turns === undefined
        ? null
        : {
            longest_side: agent < 0 ? null : 'agent',
            longest_ms: 48_000,
            longest_at_ms: 130_000,
            dead_air_ms: 37_000,
            overlaps: 6,
            agent_ms: turns.talk_ms[agent] ?? 0,
            customer_ms: turns.talk_ms[1 - agent] ?? 0,
          },
  };
}

/** Bookmarks and notes at a time, of invented calls. */
export class FakeMarks {
  readonly #known = new Map<string, MarkView[]>();
  readonly #changed: () => void;
  #next = 100;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  of(sid: string, nowMs: number): MarksView {
    let marks = this.#known.get(sid);
    if (marks === undefined) {
      const mark = (id: number, at_ms: number, text: string, kind: MarkView['kind']): MarkView => ({
        id,
        at_ms,
        text,
        kind,
        created_at_ms: nowMs - 3_600_000,
      });
      marks =
        sid === 'CA00000003'
          ? [
              mark(1, 336_000, 'הסבר על תקופת האחריות', 'bookmark'),
              mark(2, 385_000, 'מחיר סופי, הסבר מצוין. לצרף להדרכה.', 'note'),
              mark(3, 385_000, 'תודה! שמרתי כקטע.', 'note'),
              mark(4, 445_000, 'Send the contract by 17:00', 'note'),
            ]
          : [];
      this.#known.set(sid, marks);
    }
    return { marks: [...marks].sort((a, b) => a.at_ms - b.at_ms || a.id - b.id) };
  }

  add(sid: string, at_ms: number, text: string, kind: MarkView['kind'], nowMs: number): MarksView {
    const marks = this.of(sid, nowMs).marks;
    this.#known.set(sid, [...marks, { id: this.#next++, at_ms, text, kind, created_at_ms: nowMs }]);
    this.#changed();
    return this.of(sid, nowMs);
  }

  /** The same as notes of the lead; the last is not sent yet. */
  notesOf(sid: string, nowMs: number): NoteView[] {
    const own = this.of(sid, nowMs).marks.filter((mark) => mark.kind === 'note');
    return own.map((mark, n): NoteView => {
      const waits = n === own.length - 1;
      const id = waits ? `draft:${mark.id}` : String(7_000 + mark.id);
      const pending = waits
        ? { id, phase: 'waiting' as const, reason: null, next_try_at_ms: null, text: mark.text, theirs: null }
        : null;
      const call = { sid, at_ms: Math.floor(mark.at_ms / 1000) * 1000 };
      return {
        id,
        kind: 'manual',
        text: mark.text,
        at_ms: mark.created_at_ms,
        edited: false,
        attachments: [],
        call,
        pending,
      };
    });
  }

  rename(id: number, text: string): void {
    this.#each((mark) => (mark.id === id ? { ...mark, text } : mark));
  }

  remove(id: number): void {
    this.#each((mark) => (mark.id === id ? undefined : mark));
  }

  #each(turn: (mark: MarkView) => MarkView | undefined): void {
    for (const [sid, marks] of this.#known) {
      this.#known.set(
        sid,
        marks.flatMap((mark) => turn(mark) ?? []),
      );
    }
    this.#changed();
  }
}
