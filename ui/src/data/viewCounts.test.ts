import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallsWindow, SavedView } from '../bindings/contract';
import { Changes } from './changes';
import { EVERYTHING } from './lists.svelte';
import { ViewCounts } from './viewCounts.svelte';

const view = (id: string): SavedView => ({ id, name: id, filter: EVERYTHING, days: null });
const found = (matched: number, matched_capped = false): CallsWindow => ({
  matched,
  matched_capped,
  all: matched,
  unheard: 0,
  offset: 0,
  rows: [],
});

describe('the numbers beside saved views', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('says where there are more than were counted, and leaves out what fails', async () => {
    const counts = new ViewCounts(new Changes(), async ({ id }) => {
      if (id === 'broken') throw new Error('no');
      return id === 'many' ? found(10_000, true) : found(7);
    });
    counts.of([view('few'), view('broken'), view('many')]);
    await vi.advanceTimersByTimeAsync(1);
    expect([...counts.known]).toEqual([
      ['few', { rows: 7, more: false }],
      ['many', { rows: 10_000, more: true }],
    ]);
  });

  it('counts once for many changes, and not for others', async () => {
    let asked = 0;
    const changes = new Changes();
    const counts = new ViewCounts(changes, async () => found((asked += 1)));
    counts.of([view('one')]);
    await vi.advanceTimersByTimeAsync(1);
    changes.dispatch({ kind: 'changed', tags: ['settings'] });
    for (let n = 0; n < 50; n += 1) {
      changes.dispatch({ kind: 'changed', tags: ['calls'] });
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(asked).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toBe(2);
    expect(counts.known.get('one')?.rows).toBe(2);
  });
});
