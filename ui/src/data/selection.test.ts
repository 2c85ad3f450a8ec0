import { describe, expect, it } from 'vitest';
import type { CallRow } from '../bindings/contract';
import { callOf } from '../host/fake/people';
import { CHOSEN_MAX, Selection } from './selection.svelte';

const row = (ordinal: number): CallRow => callOf(ordinal, 0);
const sids = (selection: Selection) => selection.rows.map((one) => Number(one.sid.slice(2)));

function over(total: number) {
  const asked: [number, number][] = [];
  const selection = new Selection(async (offset, limit) => {
    asked.push([offset, limit]);
    const rows = Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, n) => row(offset + n));
    return { rows, matched: total };
  });
  return { selection, asked };
}

describe('choosing several calls', () => {
  it('takes the row that had the focus along with the first one', () => {
    const { selection } = over(10);
    selection.toggle(row(3), 3, row(1));
    expect(sids(selection)).toEqual([1, 3]);
    selection.toggle(row(1), 1, row(3));
    expect(sids(selection)).toEqual([3]);
  });

  it('stretches from where it began, in either direction', async () => {
    const { selection } = over(20);
    selection.standAt(5);
    expect(await selection.extend(8)).toBe(false);
    expect(sids(selection)).toEqual([5, 6, 7, 8]);
    await selection.extend(3);
    expect(sids(selection)).toEqual([3, 4, 5]);
  });

  it('reads rows that are not here in pieces, and says where it stops', async () => {
    const { selection, asked } = over(5_000);
    expect(await selection.all(5_000)).toBe(true);
    expect(selection.size).toBe(CHOSEN_MAX);
    expect(asked.every(([, limit]) => limit <= 200)).toBe(true);
  });

  it('drops what comes late', async () => {
    const { selection } = over(400);
    const late = selection.all(400);
    selection.clear();
    await late;
    expect(selection.size).toBe(0);
  });
});
