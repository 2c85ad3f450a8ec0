import type { Language } from '../bindings/contract';
import { LOCALES, say } from './message';

const LRI = '\u2066';
const PDI = '\u2069';

/** A left-to-right island for running text; where there is markup, `<bdi dir="ltr">` does the same. */
export function isolated(text: string): string {
  return `${LRI}${text}${PDI}`;
}

/**
 * A stranger's words within a sentence of ours, in their own direction: whatever letters turn their line round, the sentence
 * stays as it is. What would end the isolate early, or the line, is left out; what was left open is closed.
 */
export function apart(words: string): string {
  let open = 0;
  let kept = '';
  for (const letter of words) {
    if (letter === '\u2069') {
      if (open === 0) continue;
      open -= 1;
    } else if ('\u2066\u2067\u2068'.includes(letter)) {
      open += 1;
    }
    // eslint-disable-next-line no-control-regex -- they end a paragraph, and every isolate with it
    kept += /[\n\r\u001c-\u001e\u0085\u2029]/.test(letter) ? ' ' : letter;
  }
  return `\u2068${kept}${'\u2069'.repeat(open)}\u2069`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

type Parts = Readonly<Record<string, string>>;

/**
 * Everything that turns a time, a length or a count into text. One zone for list, page and player alike:
 * made anew when the language or the zone is changed, so that nothing can show the other.
 */
export class Format {
  readonly language: Language;
  readonly timeZone: string;
  readonly #time: Intl.DateTimeFormat;
  readonly #key: Intl.DateTimeFormat;
  readonly #long: Intl.DateTimeFormat;
  readonly #longYear: Intl.DateTimeFormat;
  readonly #short: Intl.DateTimeFormat;
  readonly #brief: Intl.DateTimeFormat;
  readonly #number: Intl.NumberFormat;
  readonly #decimal: Intl.NumberFormat;
  readonly #relative: Intl.RelativeTimeFormat;

  constructor(language: Language, timeZone: string) {
    const locale = LOCALES[language];
    const zone = knownZone(timeZone);
    this.language = language;
    this.timeZone = zone;
    this.#time = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    this.#key = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' });
    this.#long = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: 'long', day: 'numeric', month: 'long' });
    this.#longYear = new Intl.DateTimeFormat(locale, {
      timeZone: zone,
      weekday: 'long',
      day: 'numeric',
      month: 'long',
      year: 'numeric',
    });
    this.#short = new Intl.DateTimeFormat(locale, { timeZone: zone, day: 'numeric', month: 'short', year: 'numeric' });
    this.#brief = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: 'short', day: 'numeric', month: 'short' });
    this.#number = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
    this.#decimal = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  }

  /** `14:02` */
  time(atMs: number): string {
    return this.#time.format(atMs);
  }

  /** `2026-11-22` in the shown zone: equal for two moments of one day there, whatever the computer's zone. */
  dayKey(atMs: number): string {
    return this.#key.format(atMs);
  }

  /** `Sunday 22 November`, with the year when it is not the running one. */
  day(atMs: number, nowMs: number): string {
    const sameYear = this.dayKey(atMs).slice(0, 4) === this.dayKey(nowMs).slice(0, 4);
    return withoutComma(this.language, sameYear ? this.#long : this.#longYear, atMs);
  }

  /** `16 Nov 2026` */
  date(atMs: number): string {
    return this.#short.format(atMs);
  }

  /** Whole days from now to then in the shown zone; −1 is yesterday. */
  daysFromNow(atMs: number, nowMs: number): number {
    return Math.round((Date.parse(this.dayKey(atMs)) - Date.parse(this.dayKey(nowMs))) / (24 * HOUR_MS));
  }

  /** Head of a day in a list: `Today, Sunday 22 November`. */
  dayHead(atMs: number, nowMs: number): string {
    const date = this.day(atMs, nowMs);
    const days = this.daysFromNow(atMs, nowMs);
    if (days === 0) return say(this.language, 'day_today', { date });
    if (days === -1) return say(this.language, 'day_yesterday', { date });
    return date;
  }

  /** `today 14:02`, `yesterday 14:02`, `16 Nov 2026, 14:02` */
  moment(atMs: number, nowMs: number): string {
    const time = this.time(atMs);
    const days = this.daysFromNow(atMs, nowMs);
    if (days === 0) return say(this.language, 'today_at', { time });
    if (days === -1) return say(this.language, 'yesterday_at', { time });
    return say(this.language, 'date_at', { date: this.date(atMs), time });
  }

  /** `Tue 24 Nov, 10:00`: a day near enough to need no year. */
  soon(atMs: number): string {
    const date = this.#brief.format(atMs);
    return say(this.language, 'date_at', {
      date: this.language === 'he' ? date : date.replace(',', ''),
      time: this.time(atMs),
    });
  }

  /** The time alone on the same day, else with its date: for "next try" and "data of". */
  near(atMs: number, nowMs: number): string {
    return this.daysFromNow(atMs, nowMs) === 0 ? this.time(atMs) : this.moment(atMs, nowMs);
  }

  /** `in 2 days`, `tomorrow` */
  inDays(atMs: number, nowMs: number): string {
    return this.#relative.format(this.daysFromNow(atMs, nowMs), 'day');
  }

  /** `2 min ago`; after a day the moment itself, because "31 hours ago" has to be worked out. */
  ago(atMs: number, nowMs: number): string {
    const passed = Math.max(0, nowMs - atMs);
    if (passed < MINUTE_MS) return say(this.language, 'ago_now');
    if (passed < HOUR_MS) return say(this.language, 'ago_minutes', { n: Math.floor(passed / MINUTE_MS) });
    if (passed < 24 * HOUR_MS) return say(this.language, 'ago_hours', { n: Math.floor(passed / HOUR_MS) });
    return this.moment(atMs, nowMs);
  }

  /** `1,204,318` */
  count(n: number): string {
    return this.#number.format(n);
  }

  /** `62%`, rounded down: 100 % is said when it is here, not before. */
  percent(part: number, whole: number): string {
    return `${this.percentOf(part, whole)}%`;
  }

  percentOf(part: number, whole: number): number {
    if (whole <= 0) return 0;
    return Math.max(0, Math.min(100, Math.floor((part / whole) * 100)));
  }

  /** `1.9 MB`, as an island: after Hebrew it would read "MB 1.9". */
  bytes(n: number): string {
    const mega = n / 1_000_000;
    return isolated(mega >= 0.1 ? `${this.#decimal.format(mega)} MB` : `${this.count(Math.ceil(n / 1000))} kB`);
  }

  /** `4.1 GB`: room on a disk, as coarse as it is thought of. */
  size(n: number): string {
    if (n < 1_000_000_000) return isolated(`${this.count(Math.round(n / 1_000_000))} MB`);
    const giga = n / 1_000_000_000;
    const round = giga >= 100 || Number.isInteger(Math.round(giga * 10) / 10);
    return isolated(`${round ? this.count(Math.round(giga)) : this.#decimal.format(giga)} GB`);
  }

  /** Likewise among other marks that keep their order. */
  plainBytes(n: number): string {
    return this.bytes(n).slice(1, -1);
  }

  /** A place in a recording inside a sentence. */
  mediaTime(ms: number | null): string {
    return ms === null ? '' : isolated(clock(ms));
  }

  /** `4 minutes 3 seconds`, for the screen reader. */
  spokenLength(ms: number): string {
    const all = Math.max(0, Math.floor(ms / 1000));
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor((all % 3600) / 60);
    const seconds = all % 60;
    const words = [
      hours > 0 ? say(this.language, 'spoken_hours', { n: hours }) : '',
      minutes > 0 ? say(this.language, 'spoken_minutes', { n: minutes }) : '',
      seconds > 0 || all === 0 ? say(this.language, 'spoken_seconds', { n: seconds }) : '',
    ];
    return words.filter((word) => word !== '').join(' ');
  }
}

/** Media time as a clock: `04:12`, from an hour on `1:02:03`. The same digits in every language. */
export function clock(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(all / 3600);
  const rest = `${two(Math.floor((all % 3600) / 60))}:${two(all % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** `1×`, `1.5×`, `1.25×` */
export function speedText(speed: number): string {
  return `${Number(speed.toFixed(2))}×`;
}

/** A zone that this engine knows; a name it does not know shows UTC rather than the computer's own zone. */
function knownZone(name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}

/** Engines disagree on the comma of `Sunday(,) 22 November`; Hebrew keeps its own. */
function withoutComma(language: Language, format: Intl.DateTimeFormat, atMs: number): string {
  if (language === 'he') return format.format(atMs);
  const parts: Parts = Object.fromEntries(format.formatToParts(atMs).map((part) => [part.type, part.value]));
  return [parts['weekday'], parts['day'], parts['month'], parts['year']].filter((part) => part !== undefined).join(' ');
}
