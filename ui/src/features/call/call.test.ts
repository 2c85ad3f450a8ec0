import { describe, expect, it } from 'vitest';
import type { MarkView, NoteView, PeaksView, TurnsView } from '../../bindings/contract';
import { hitsIn, pieces } from './find';
import { Bars, barMsOf, missingIn, needsFine, shapeOf } from './lanes';
import { currentLine, linesOf, turnsOf } from './lines';
import { entriesOf, tabsOf } from './marks';
import { timeIn } from './time';
import { following, lengthOf, movedBy, msAt, openedAt, ticksOf, wholeOf, within, zoomedBy } from './view';

const CALL = 708_000;

describe('what the lanes show', () => {
  it('opens three minutes around the head, and a short call whole', () => {
    expect(openedAt(397_000, CALL)).toEqual({ fromMs: 370_000, toMs: 550_000 });
    expect(openedAt(0, CALL)).toEqual({ fromMs: 0, toMs: 180_000 });
    expect(openedAt(700_000, CALL)).toEqual({ fromMs: 528_000, toMs: CALL });
    expect(openedAt(50_000, 200_000)).toEqual(wholeOf(200_000));
  });

  it('goes nearer and farther around a point, which stays where it is', () => {
    const view = { fromMs: 100_000, toMs: 280_000 };
    const nearer = zoomedBy(view, -1, 190_000, CALL);
    expect(lengthOf(nearer)).toBe(120_000);
    expect((190_000 - nearer.fromMs) / 120_000).toBeCloseTo(0.5);
    expect(zoomedBy(wholeOf(CALL), 1, 0, CALL)).toEqual(wholeOf(CALL));
    let near = view;
    for (let n = 0; n < 20; n += 1) near = zoomedBy(near, -1, 190_000, CALL);
    expect(lengthOf(near)).toBe(5_000);
  });

  it('never shows what lies outside of the recording', () => {
    expect(movedBy({ fromMs: 0, toMs: 60_000 }, -5_000, CALL)).toEqual({ fromMs: 0, toMs: 60_000 });
    expect(movedBy({ fromMs: 600_000, toMs: 660_000 }, 500_000, CALL)).toEqual({ fromMs: 648_000, toMs: CALL });
    expect(within({ fromMs: -10, toMs: 2 * CALL }, CALL)).toEqual(wholeOf(CALL));
  });

  it('turns the page when the head leaves it, and not before', () => {
    const view = { fromMs: 0, toMs: 60_000 };
    expect(following(view, 53_000, CALL)).toBe(view);
    expect(following(view, 55_000, CALL)).toEqual({ fromMs: 46_000, toMs: 106_000 });
    expect(following(view, 200_000, CALL)).toEqual({ fromMs: 191_000, toMs: 251_000 });
    const end = { fromMs: 648_000, toMs: CALL };
    expect(following(end, 707_000, CALL)).toBe(end);
  });

  it('names times on the ruler far enough from each other to be read', () => {
    const ticks = ticksOf({ fromMs: 320_000, toMs: 500_000 }, 1_007);
    expect(ticks).toEqual([330_000, 360_000, 390_000, 420_000, 450_000, 480_000]);
    expect(ticksOf({ fromMs: 0, toMs: 5_000 }, 1_007)).toHaveLength(5);
    expect(ticksOf(wholeOf(3 * 3_600_000), 1_007).length).toBeLessThan(11);
  });

  it('maps a point to a time, left to right, clamped', () => {
    const view = { fromMs: 60_000, toMs: 120_000 };
    expect([msAt(-3, 600, view), msAt(300, 600, view), msAt(900, 600, view)]).toEqual([60_000, 90_000, 120_000]);
  });
});

describe('the bars of a lane', () => {
  const peaks = (lanes: number[][], sides: PeaksView['sides']): PeaksView => ({
    channels: lanes.length,
    duration_ms: 4_000,
    known_ms: 4_000,
    lanes,
    sides,
  });

  it('has the agent above whichever channel is the agent’s', () => {
    const shape = shapeOf(
      peaks(
        [
          [0, 10],
          [-100, 100],
        ],
        ['customer', 'agent'],
      ),
    );
    expect(shape.lanes[0]?.[0]).toBeCloseTo(100 / 127);
  });

  it('stands on a grid of the recording’s own: moving the view by a bar moves no bar', () => {
    const bars = new Bars(shapeOf(peaks([[0, 0, -127, 127, 0, 0, 0, 0]], [])), 1_000);
    expect([0, 1, 2, 3].map((k) => bars.at(0, k) > 0.5)).toEqual([false, true, false, false]);
    const view = { fromMs: 0, toMs: 180_000 };
    expect(barMsOf(movedBy(view, 500, CALL), 900)).toBe(barMsOf(view, 900));
  });

  it('asks for all that is kept only where it is looked at from near', () => {
    expect(needsFine(wholeOf(CALL), 1_000, CALL)).toBe(false);
    expect(needsFine({ fromMs: 0, toMs: 10_000 }, 1_000, CALL)).toBe(true);
  });

  it('knows what of the view is missing', () => {
    const view = { fromMs: 10, toMs: 100 };
    expect(missingIn(view, [])).toEqual([[10, 100]]);
    expect(
      missingIn(view, [
        [0, 40],
        [60, 80],
      ]),
    ).toEqual([
      [40, 60],
      [80, 100],
    ]);
    expect(missingIn(view, [[0, 200]])).toEqual([]);
  });
});

describe('find in a transcript', () => {
  it('finds Hebrew without points, final forms and kinds of quotes, at its own letters', () => {
    const text = 'הַמְּחִיר סופי, צה״ל ואז שלום';
    expect(hitsIn(text, 'המחיר').map(([from, to]) => text.slice(from, to))).toEqual(['הַמְּחִיר']);
    expect(hitsIn(text, 'שלומ').map(([from, to]) => text.slice(from, to))).toEqual(['שלום']);
    expect(hitsIn(text, 'צה"ל')).toHaveLength(1);
  });

  it('finds Latin letters in any case, more than once, and nothing for nothing', () => {
    expect(hitsIn('Price, price, PRICE', 'price')).toEqual([
      [0, 5],
      [7, 12],
      [14, 19],
    ]);
    expect(hitsIn('anything', '  ')).toEqual([]);
    expect(hitsIn('a😀b', 'b')).toEqual([[3, 4]]);
  });

  it('parts a text at its hits and loses no letter', () => {
    const text = 'one two one';
    const parts = pieces(text, hitsIn(text, 'one'));
    expect(parts.map((part) => part.text).join('')).toBe(text);
    expect(parts.map((part) => part.hit)).toEqual([0, null, 1]);
  });
});

describe('lines and turns', () => {
  const line = (at_ms: number | null, text = 'x') => ({ side: 'agent' as const, at_ms, text });

  it('finds what is heard, and nothing where the source has no times', () => {
    const lines = linesOf([line(1_000), line(5_000), line(null), line(9_000)], []);
    expect([0, 1_000, 6_000, 8_999, 99_000].map((ms) => currentLine(lines, ms))).toEqual([-1, 0, 1, 1, 3]);
    expect(currentLine(linesOf([line(null), line(null)], []), 5_000)).toBe(-1);
  });

  it('tells the silences that are skipped, and no short ones', () => {
    const lines = linesOf(
      [line(1_000), line(20_000)],
      [
        [5_000, 19_000],
        [19_100, 19_900],
      ],
    );
    expect(lines.map((one) => one.silenceMs)).toEqual([null, 14_000, null]);
    expect(currentLine(lines, 10_000)).toBe(0);
  });

  it('is the same in words as the lanes are in bars', () => {
    const turns = {
      turns: [
        { channel: 1, start_ms: 0, end_ms: 12_000 },
        { channel: 2, start_ms: 12_500, end_ms: 12_900 },
      ],
      sides: ['customer', 'agent'],
    } as unknown as TurnsView;
    expect(turnsOf(turns, [], (n) => `${n} s`).map(({ side, text }) => [side, text])).toEqual([
      ['customer', '12 s'],
      ['agent', '1 s'],
    ]);
  });
});

describe('notes and marks', () => {
  const mark = (id: number, at_ms: number, text: string, kind: MarkView['kind'] = 'note'): MarkView => ({
    id,
    at_ms,
    text,
    kind,
    created_at_ms: 0,
  });
  const note = (id: string, at_ms: number, text: string, pending?: string): NoteView => ({
    id,
    kind: 'manual',
    text,
    at_ms: 0,
    edited: false,
    attachments: [],
    call: { sid: 'CA1', at_ms },
    pending:
      pending === undefined
        ? null
        : { id: `draft:${id}`, phase: 'waiting', reason: null, next_try_at_ms: null, text: pending, theirs: null },
  });

  it('shows a note that was written here once, with the words that it has now', () => {
    const entries = entriesOf([mark(1, 72_900, 'price')], [note('9', 72_000, 'price', 'the price')]);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ atMs: 72_900, text: 'the price', markId: 1 });
  });

  it('pairs two at one second by their words before anything else', () => {
    const entries = entriesOf(
      [mark(1, 5_000, 'a'), mark(2, 5_000, 'b')],
      [note('8', 5_000, 'b'), note('9', 5_000, 'changed')],
    );
    expect(entries.map(({ markId, note: of }) => [markId, of?.id])).toEqual([
      [1, '9'],
      [2, '8'],
    ]);
  });

  it('keeps what is on this device only, bookmarks, and what others wrote', () => {
    const entries = entriesOf(
      [mark(1, 9_000, 'alone'), mark(2, 1_000, '', 'bookmark')],
      [note('7', 4_000, 'from the CRM')],
    );
    expect(entries.map(({ kind, markId, text }) => [kind, markId, text])).toEqual([
      ['bookmark', 2, ''],
      ['note', null, 'from the CRM'],
      ['note', 1, 'alone'],
    ]);
  });

  it('joins tabs that would lie on each other', () => {
    const entries = entriesOf([mark(1, 1_000, 'a'), mark(2, 1_400, 'b'), mark(3, 60_000, 'c')], []);
    expect(tabsOf(entries, 1_000).map((tab) => tab.entries.length)).toEqual([2, 1]);
  });
});

describe('a time that somebody types', () => {
  it.each([
    ['90', 90_000],
    ['1:30', 90_000],
    ['01:02:03', 3_723_000],
    ['1.30', 90_000],
    ['130', 90_000],
    ['10203', 3_723_000],
    ['0', 0],
  ])('%s', (text, ms) => expect(timeIn(text)).toBe(ms));

  it.each(['', 'x', '1:99', '175', '-1', '1:2:3:4'])('is none: %s', (text) => expect(timeIn(text)).toBeUndefined());
});
