import { describe, expect, it } from 'vitest';
import { en, type Word } from './en';
import { apart, clock, Format, isolated, speedText } from './format';
import { he } from './he';
import { say, WORDS } from './message';

const SUMMER = Date.UTC(2026, 6, 1, 21, 30);
const WINTER = Date.UTC(2026, 10, 22, 12, 2);
const NOW = Date.UTC(2026, 10, 22, 14, 0);

describe('words', () => {
  it('has the same keys in every language, none of them empty', () => {
    expect(Object.keys(he).sort()).toEqual(Object.keys(en).sort());
    for (const table of Object.values(WORDS))
      for (const words of Object.values(table)) expect(words.trim()).not.toBe('');
  });

  it('asks for the same arguments in every language', () => {
    // What Hebrew says in a word ("one") it may say without the number, so a plural's own branches do not count.
    const names = (text: string) => new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
    for (const word of Object.keys(en) as Word[]) {
      const known = new Set([...names(en[word]), ...[...en[word].matchAll(/\{(\w+),/g)].map((match) => match[1])]);
      for (const name of names(he[word])) expect(known, word).toContain(name);
    }
  });

  it('parses every message in both languages', () => {
    const args = new Proxy({}, { get: () => 2, has: () => true });
    for (const language of ['he', 'en'] as const) {
      for (const word of Object.keys(en) as Word[]) expect(() => say(language, word, args), word).not.toThrow();
    }
  });

  it('writes a maqaf, not a hyphen, between a Hebrew prefix and what is not Hebrew', () => {
    for (const [word, text] of Object.entries(he)) expect(text, word).not.toMatch(/[\u05d0-\u05ea]-[\d{A-Za-z]/);
  });

  it('counts in the forms that each language has', () => {
    expect(say('he', 'calls_count', { n: 1 })).toBe('שיחה אחת');
    expect(say('he', 'spoken_hours', { n: 2 })).toBe('שעתיים');
    expect(say('en', 'rec_queued_place', { place: 4 })).toBe('Queued, 4th');
    expect(say('en', 'rec_queued_place', { place: 22 })).toBe('Queued, 22nd');
    expect(say('he', 'rec_failed_retrying_at', { time: '14:31' })).toBe('ניסיון ב־14:31');
  });
});

describe('format', () => {
  const il = new Format('he', 'Asia/Jerusalem');
  const english = new Format('en', 'Asia/Jerusalem');

  it('shows one zone, in summer and in winter, whatever the computer has', () => {
    expect(il.time(WINTER)).toBe('14:02');
    expect(il.time(SUMMER)).toBe('00:30');
    expect(il.dayKey(SUMMER)).toBe('2026-07-02');
    expect(new Format('he', 'UTC').dayKey(SUMMER)).toBe('2026-07-01');
    expect(new Format('en', 'America/New_York').time(WINTER)).toBe('07:02');
  });

  it('shows the days on which Israel’s clocks change as they are there, in both languages', () => {
    for (const format of [new Format('he', 'Asia/Jerusalem'), new Format('en', 'Asia/Jerusalem')]) {
      // 27 March: from 02:00 at once to 03:00.
      expect(format.time(Date.UTC(2026, 2, 26, 23, 59))).toBe('01:59');
      expect(format.time(Date.UTC(2026, 2, 27, 0, 0))).toBe('03:00');
      // 25 October: the hour from 01:00 comes twice.
      expect(format.time(Date.UTC(2026, 9, 24, 22, 30))).toBe('01:30');
      expect(format.time(Date.UTC(2026, 9, 24, 23, 30))).toBe('01:30');
      for (const [first, last, key] of [
        [Date.UTC(2026, 2, 26, 22, 0), Date.UTC(2026, 2, 27, 20, 59), '2026-03-27'],
        [Date.UTC(2026, 9, 24, 21, 0), Date.UTC(2026, 9, 25, 21, 59), '2026-10-25'],
      ] as const) {
        expect([first, last].map((at) => format.dayKey(at))).toEqual([key, key]);
        expect(format.daysFromNow(last + 60_000, first)).toBe(1);
        expect(format.daysFromNow(first - 60_000, last)).toBe(-1);
      }
    }
  });

  it('shows UTC rather than a guess for a zone that nobody knows', () => {
    expect(new Format('en', 'Mars/Olympus').time(WINTER)).toBe('12:02');
  });

  it('heads a day as a person says it', () => {
    expect(english.dayHead(WINTER, NOW)).toBe('Today, Sunday 22 November');
    expect(il.dayHead(WINTER, NOW)).toBe('היום, יום ראשון, 22 בנובמבר');
    expect(english.dayHead(WINTER - 86_400_000, NOW)).toBe('Yesterday, Saturday 21 November');
    expect(english.dayHead(WINTER - 365 * 86_400_000, NOW)).toContain('2025');
  });

  it('counts days by the calendar of the zone, not by 24 hours', () => {
    // 23:30 and 00:30 of the next day in Jerusalem are an hour apart, and a day.
    expect(il.daysFromNow(SUMMER, SUMMER - 3_600_000)).toBe(1);
  });

  it('makes an island of what mixes a number and a unit', () => {
    expect(il.bytes(1_900_000)).toBe(isolated('1.9 MB'));
    expect(isolated('x')).toBe('\u2066x\u2069');
  });

  it('shows media time the same everywhere', () => {
    expect(clock(252_999)).toBe('04:12');
    expect(clock(3_723_000)).toBe('1:02:03');
    expect(clock(-5)).toBe('00:00');
    expect(speedText(1.5)).toBe('1.5×');
    expect(speedText(1.1500000001)).toBe('1.15×');
  });

  it('speaks lengths in words', () => {
    expect(english.spokenLength(243_000)).toBe('4 minutes 3 seconds');
    expect(english.spokenLength(0)).toBe('0 seconds');
    expect(il.spokenLength(120_000)).toBe('שתי דקות');
  });

  it('says a hundred percent only when all of it is here', () => {
    expect(english.percent(999, 1000)).toBe('99%');
    expect(english.percent(1000, 1000)).toBe('100%');
    expect(english.percent(5, 0)).toBe('0%');
  });

  it('groups the digits of a count', () => {
    expect(il.count(1_204_318)).toBe('1,204,318');
  });
});

describe('words of strangers in a sentence', () => {
  it('can neither end their isolate nor leave one open', () => {
    expect(apart('יעל')).toBe('\u2068יעל\u2069');
    expect(apart('a\u2069\u2069b')).toBe('\u2068ab\u2069');
    expect(apart('\u2067\u2068open')).toBe('\u2068\u2067\u2068open\u2069\u2069\u2069');
    expect(apart('\u2066whole\u2069 \u202eturned')).toBe('\u2068\u2066whole\u2069 \u202eturned\u2069');
    expect(apart('two\nlines\u2029here')).toBe('\u2068two lines here\u2069');
  });
});
