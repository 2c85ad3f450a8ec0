import { describe, expect, it } from 'vitest';
import { HostError } from '../host';
import { Changes } from './changes';
import { Query } from './query.svelte';
import { MAX_SCROLL_PX, RowGeometry, ScrollScale } from './rowGeometry';
import { PAGE_ROWS, WindowCache, type Piece } from './windowCache.svelte';

const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

/** A list whose answers are given by hand. */
function listOf(total: number) {
  const asked: number[] = [];
  const waiting: (() => void)[] = [];
  let generation = 0;
  const fetch = (offset: number, limit: number): Promise<Piece<string>> => {
    asked.push(offset);
    const made = generation;
    const rows = Array.from(
      { length: Math.max(0, Math.min(limit, total - offset)) },
      (_, i) => `${made}:${offset + i}`,
    );
    return new Promise((answer) => {
      waiting.push(() => answer({ matched: total, matched_capped: false, all: total, offset, rows }));
    });
  };
  const answer = async () => {
    waiting.shift()?.();
    await settled();
  };
  return { asked, fetch, answer, renew: () => (generation += 1), waiting };
}

describe('window cache', () => {
  it('asks for the pages in view, one at a time, and never past the end', async () => {
    const list = listOf(250);
    const cache = new WindowCache<string>(new Changes(), ['calls']);
    cache.open(list.fetch);
    cache.view(0, 400);
    expect(list.asked).toEqual([0]);
    await list.answer();
    await list.answer();
    await list.answer();
    expect(list.asked).toEqual([0, PAGE_ROWS, 2 * PAGE_ROWS]);
    expect(cache.row(249)).toBe('0:249');
    expect(cache.row(250)).toBeUndefined();
  });

  it('asks ahead of the view, the way that the list is going, and for nothing twice', async () => {
    const list = listOf(100_000);
    const cache = new WindowCache<string>(new Changes(), ['calls']);
    cache.open(list.fetch);
    for (let n = 0; n < 6; n += 1) await list.answer();
    expect(list.asked).toEqual([0, 100, 200, 300]);
    cache.view(50_000, 50_020);
    for (let n = 0; n < 6; n += 1) await list.answer();
    expect(list.asked.slice(4)).toEqual([50_000, 50_100, 50_200, 50_300, 49_900]);
    cache.view(49_990, 50_010);
    for (let n = 0; n < 6; n += 1) await list.answer();
    expect(list.asked.slice(9)).toEqual([49_800, 49_700, 49_600]);
  });

  it('jumps: the middle is read without what lies before it', async () => {
    const list = listOf(1_000_000);
    const cache = new WindowCache<string>(new Changes(), ['calls']);
    cache.open(list.fetch);
    await list.answer();
    cache.view(500_000, 500_020);
    // What was under way already comes first.
    await list.answer();
    await list.answer();
    expect(list.asked.slice(0, 3)).toEqual([0, 100, 500_000]);
    expect(cache.row(500_007)).toBe('0:500007');
    expect(cache.row(200)).toBeUndefined();
  });

  it('keeps what is shown until its replacement is here', async () => {
    const list = listOf(10);
    const changes = new Changes();
    const cache = new WindowCache<string>(changes, ['calls']);
    cache.open(list.fetch);
    await list.answer();
    list.renew();
    changes.dispatch({ kind: 'changed', tags: ['calls'] });
    expect(cache.row(0)).toBe('0:0');
    await list.answer();
    expect(cache.row(0)).toBe('1:0');
  });

  it('is left alone by changes that carry other tags', async () => {
    const list = listOf(10);
    const changes = new Changes();
    const cache = new WindowCache<string>(changes, ['calls']);
    cache.open(list.fetch);
    await list.answer();
    changes.dispatch({ kind: 'changed', tags: ['settings'] });
    expect(list.asked).toEqual([0]);
  });

  it('asks once more when a change comes while the answer is under way', async () => {
    const list = listOf(10);
    const changes = new Changes();
    const cache = new WindowCache<string>(changes, ['calls']);
    cache.open(list.fetch);
    await list.answer();
    changes.dispatch({ kind: 'changed', tags: ['calls'] });
    changes.dispatch({ kind: 'changed', tags: ['calls'] });
    list.renew();
    await list.answer();
    await list.answer();
    expect(list.asked).toEqual([0, 0, 0]);
    expect(cache.row(0)).toBe('1:0');
    expect(list.waiting).toHaveLength(0);
  });

  it('drops the answer to the list before, and keeps its rows up meanwhile', async () => {
    const first = listOf(10);
    const second = listOf(3);
    const cache = new WindowCache<string>(new Changes(), ['calls']);
    cache.open(first.fetch);
    await first.answer();
    first.renew();
    cache.invalidate();
    second.renew();
    second.renew();
    cache.open(second.fetch);
    expect(cache.row(0)).toBe('0:0');
    await first.answer();
    expect(cache.row(0)).toBe('0:0');
    await second.answer();
    expect(cache.row(0)).toBe('2:0');
    expect(cache.row(5)).toBeUndefined();
    expect(cache.head?.matched).toBe(3);
  });

  it('keeps the last good rows beside an error, and tries again when asked', async () => {
    const list = listOf(10);
    let broken = false;
    const cache = new WindowCache<string>(new Changes(), ['calls']);
    cache.open((offset, limit) =>
      broken
        ? Promise.reject(new HostError({ code: 'internal', retry_after_ms: null, ref: '' }))
        : list.fetch(offset, limit),
    );
    await list.answer();
    broken = true;
    cache.invalidate();
    await settled();
    expect(cache.error?.code).toBe('internal');
    expect(cache.row(0)).toBe('0:0');
    broken = false;
    cache.invalidate();
    await list.answer();
    expect(cache.error).toBeUndefined();
  });
});

describe('query', () => {
  it('runs again for its tags and drops a late answer to an older question', async () => {
    const changes = new Changes();
    const query = new Query<string>(changes, ['leads']);
    const answers: ((text: string) => void)[] = [];
    const ask = () => new Promise<string>((answer) => answers.push(answer));
    query.ask(ask);
    query.ask(ask);
    answers[1]?.('new');
    await settled();
    answers[0]?.('old');
    await settled();
    expect(query.data).toBe('new');
    changes.dispatch({ kind: 'changed', tags: ['leads', 'calls'] });
    expect(answers).toHaveLength(3);
    changes.dispatch({ kind: 'changed', tags: ['listening'] });
    expect(answers).toHaveLength(3);
  });

  it('keeps the last answer when the next one fails', async () => {
    let fail = false;
    const query = new Query<string>(new Changes(), ['leads']);
    query.ask(() => (fail ? Promise.reject(new Error('x')) : Promise.resolve('good')));
    await settled();
    fail = true;
    query.refresh();
    await settled();
    expect(query.data).toBe('good');
    expect(query.error?.code).toBe('internal');
  });
});

describe('row geometry', () => {
  it('puts the head of a day above its first row', () => {
    const rows = new RowGeometry(36, 28);
    rows.count = 10;
    rows.setHeads([4, 0]);
    expect(rows.height).toBe(10 * 36 + 2 * 28);
    expect([rows.top(0), rows.top(1), rows.top(4), rows.top(5)]).toEqual([0, 64, 172, 236]);
    expect([rows.hasHead(0), rows.hasHead(1), rows.hasHead(4)]).toEqual([true, false, true]);
    expect(rows.nextHead(0)).toBe(4);
    expect(rows.nextHead(4)).toBeUndefined();
  });

  it('finds the row at every height', () => {
    const rows = new RowGeometry(36, 28);
    rows.count = 50;
    rows.setHeads([0, 3, 17]);
    for (let ordinal = 0; ordinal < 50; ordinal += 1) {
      expect(rows.at(rows.top(ordinal))).toBe(ordinal);
      expect(rows.at(rows.top(ordinal) + 35)).toBe(ordinal);
    }
    expect(rows.at(1e9)).toBe(49);
  });

  it('reaches the last of a million rows within the height that engines allow', () => {
    const content = 1_204_318 * 36;
    const scale = new ScrollScale(content, 600);
    expect(scale.spacer).toBe(MAX_SCROLL_PX);
    expect(scale.toContent(MAX_SCROLL_PX - 600)).toBeCloseTo(content - 600, 3);
    expect(scale.toScroll(scale.toContent(12_345))).toBeCloseTo(12_345, 6);
    expect(new ScrollScale(5000, 600).toContent(1234)).toBe(1234);
  });
});
