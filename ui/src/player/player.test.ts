import { describe, expect, it } from 'vitest';
import type { Side } from '../bindings/contract';
import { decibelText, decibelsOf, gainOf as gainOfDecibels } from './gain';
import { waitMs } from './ladder';
import { Undo } from './undo';
import { cycledSpeed, positionAt, steppedSpeed, type Anchor } from './position';
import { barCount, barsOf, gainOf, loudness, segments, timeAt, xAt } from './waveform';

describe('the head between two events', () => {
  const playing: Anchor = { positionMs: 1000, durationMs: 10_000, pace: 1.5, moving: true, heardAt: 500 };

  it('moves at the speed of the moment', () => expect(positionAt(playing, 1500)).toBe(2500));
  it('stops at the end', () => expect(positionAt(playing, 1_000_000)).toBe(10_000));
  it('stands still when nothing sounds', () => expect(positionAt({ ...playing, moving: false }, 9000)).toBe(1000));
  it('does not run back when the clock does', () => expect(positionAt(playing, 0)).toBe(1000));
});

describe('speed', () => {
  it('goes 1, 1.5, 2 and round, and from elsewhere to 1', () => {
    expect([1, 1.5, 2, 1.25].map(cycledSpeed)).toEqual([1.5, 2, 1, 1]);
  });
  it('steps on a grid of 0.05 inside 0.5 to 3', () => {
    expect(steppedSpeed(1.1, 0.1)).toBe(1.2);
    expect(steppedSpeed(0.5, -0.1)).toBe(0.5);
    expect(steppedSpeed(2.95, 0.1)).toBe(3);
  });
});

describe('waveform', () => {
  const loud = [-127, 127];
  const quiet = [-2, 2];
  const sides: Side[] = ['agent', 'customer'];

  it('has a bar every 3 px, and never more than can be asked for', () => {
    expect(barCount(300)).toBe(100);
    expect(barCount(0)).toBe(1);
    expect(barCount(99_999)).toBe(4000);
  });

  it('takes the larger of a bucket’s two ends', () => {
    expect(loudness([-127, 10, -3, 64])).toEqual([1, 64 / 127]);
  });

  it('draws the agent up and the customer down, each inside its half', () => {
    const bars = barsOf({ channels: 2, duration_ms: 1000, known_ms: 1000, lanes: [loud, quiet], sides }, 3, 48);
    expect(bars).toHaveLength(1);
    expect(bars[0]).toMatchObject({ x: 0, up: 22 });
    expect(bars[0]?.down).toBeLessThan(22);
  });

  it('draws the agent up whichever channel it is on', () => {
    const lanes = [quiet, loud];
    const bars = barsOf({ channels: 2, duration_ms: 1000, known_ms: 1000, lanes, sides: ['customer', 'agent'] }, 3, 48);
    expect(bars[0]).toMatchObject({ x: 0, up: 22 });
    expect(bars[0]?.down).toBeLessThan(22);
  });

  it('raises what is known of a recording that arrives as it will raise the whole', () => {
    const lane = [-30, 30, ...Array.from({ length: 198 }, () => 0)];
    const whole = barsOf({ channels: 1, duration_ms: 100, known_ms: 100, lanes: [lane], sides: [] }, 300, 48);
    const begun = barsOf({ channels: 1, duration_ms: 100, known_ms: 1, lanes: [lane], sides: [] }, 300, 48);
    expect(begun[0]?.up).toBeGreaterThan(whole[0]?.up ?? Infinity);
    expect(begun[50]?.up).toBe(1.5);
  });

  it('leaves a quiet lane visible and one channel without a lower half', () => {
    const silent = barsOf({ channels: 2, duration_ms: 1000, known_ms: 1000, lanes: [loud, [0, 0]], sides }, 3, 48);
    expect(silent[0]?.down).toBe(1.5);
    expect(barsOf({ channels: 1, duration_ms: 1000, known_ms: 1000, lanes: [loud], sides: [] }, 3, 48)[0]?.down).toBe(
      0,
    );
  });

  it('keeps the loudest bucket when there are more buckets than bars', () => {
    const lane = [...quiet, ...quiet, ...loud, ...quiet];
    const bars = barsOf({ channels: 1, duration_ms: 1000, known_ms: 1000, lanes: [lane], sides: [] }, 6, 48);
    expect(bars).toHaveLength(2);
    expect(bars[1]?.up).toBe(22);
    expect(bars[0]?.up).toBeLessThan(22);
  });

  it('raises both lanes by the same, and silence not at all', () => {
    expect(
      gainOf([
        [0.3, 0.3],
        [0.1, 0.1],
      ]),
    ).toBeCloseTo(3);
    expect(gainOf([[0], [0]])).toBe(1);
    expect(gainOf([[1], [1]])).toBe(1);
  });

  it('cuts the customer’s bar into 2.5 px with 1 px between', () => {
    expect(segments(6)).toEqual([
      [0, 2.5],
      [3.5, 2.5],
    ]);
    expect(segments(1.5)).toEqual([[0, 1.5]]);
  });

  it('maps a point to a time and back, left to right, clamped', () => {
    expect(timeAt(50, 100, 12_000)).toBe(6000);
    expect(timeAt(-5, 100, 12_000)).toBe(0);
    expect(timeAt(500, 100, 12_000)).toBe(12_000);
    expect(xAt(timeAt(25, 100, 12_000), 100, 12_000)).toBe(25);
    expect(xAt(5, 100, 0)).toBe(0);
  });
});

describe('the loudness of a side', () => {
  it('is told in whole decibels, and off at the softest', () => {
    expect([1, 2, 0.5, 0, 0.0001].map(decibelsOf)).toEqual([0, 6, -6, -24, -24]);
    expect([0, 6, -6, -24].map(gainOfDecibels)).toEqual([1, 1.995, 0.501, 0]);
    expect([0, 6, -6, -24].map(decibelText)).toEqual(['0 dB', '+6 dB', '−6 dB', '−∞ dB']);
  });
});

describe('the wait for what is being prepared', () => {
  it('is the ladder’s, or longer where the answer says so', () => {
    expect([1, 2, 3, 4, 5, 12].map((n) => waitMs(n, null))).toEqual([3_000, 5_000, 8_000, 10_000, 15_000, 15_000]);
    expect(waitMs(1, '20')).toBe(20_000);
    expect(waitMs(1, '1')).toBe(3_000);
    expect(waitMs(1, 'Thu, 01 Jan 2026 00:00:00 GMT')).toBe(3_000);
  });
});

describe('the way back from a jump', () => {
  it('takes steps that follow on each other for one jump', () => {
    const undo = new Undo();
    undo.before(10_000, 0);
    undo.before(15_000, 1_000);
    undo.before(20_000, 2_000);
    undo.before(60_000, 9_000);
    expect([undo.take(), undo.take(), undo.take()]).toEqual([60_000, 10_000, undefined]);
    expect(undo.can).toBe(false);
  });
});
