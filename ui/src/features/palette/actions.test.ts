import { describe, expect, it } from 'vitest';
import { App } from '../../app.svelte';
import { fakeHost } from '../../host/fake';
import { actionsOf, fits, marked } from './actions';

async function opened(search: string) {
  const app = new App(fakeHost(new URLSearchParams(`wait=0&${search}`)));
  await app.start();
  await new Promise((done) => setTimeout(done, 20));
  return app;
}

describe('the palette', () => {
  it('finds places and deeds by the beginnings of their words', async () => {
    const app = await opened('lang=en');
    const { places, deeds } = actionsOf(app);
    const found = (typed: string) => [...places, ...deeds].filter((one) => fits(one, typed)).map((one) => one.id);
    expect(found('appo')).toEqual(['go-appointments']);
    expect(found('sync')).toEqual(['sync']);
    expect(found('dark')).toEqual(['theme-dark']);
    expect(found('עברית')).toEqual(['language']);
    expect(found('zzz')).toEqual([]);
    // Locking is offered only where a passphrase would open it again.
    expect(found('lock')).toEqual([]);
  });

  it('goes there', async () => {
    const app = await opened('lang=he');
    actionsOf(app)
      .places.find((one) => one.id === 'go-offline')
      ?.run();
    expect(app.screen).toEqual({ at: 'offline' });
  });

  it('marks what was typed and takes no pattern for one', () => {
    expect(marked('Noa Friedman', 'noa')).toEqual([
      { text: 'Noa', hit: true },
      { text: ' Friedman', hit: false },
    ]);
    expect(marked('a.c', '.')).toEqual([
      { text: 'a', hit: false },
      { text: '.', hit: true },
      { text: 'c', hit: false },
    ]);
  });
});
