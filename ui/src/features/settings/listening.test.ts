import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../app.svelte';
import { fakeHost } from '../../host/fake';
import Shell from '../../Shell.svelte';

describe('how calls sound', () => {
  let shell: object;
  afterEach(() => unmount(shell));

  async function open(search: string): Promise<App> {
    window.matchMedia = () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) as never;
    const place = encodeURIComponent(JSON.stringify({ at: 'settings', from: 'calls', part: 'listening' }));
    const app = new App(fakeHost(new URLSearchParams(`wait=0&lang=en&place=${place}&${search}`)));
    shell = mount(Shell, { target: document.body, props: { app } });
    await app.start();
    await vi.waitFor(() => {
      flushSync();
      expect(shown('settings-output').disabled).toBe(search.includes('sound=page'));
    });
    return app;
  }
  const shown = (testid: string) => document.querySelector(`[data-testid="${testid}"]`) as HTMLButtonElement;

  it('goes back after a pause as far as the settings say, in the window’s own player, too', async () => {
    const app = await open('');
    expect(shown('settings-rewind').textContent).toContain('A little back');
    app.keep({ rewind: 'strong' });
    flushSync();
    expect(shown('settings-rewind').textContent).toContain('Farther back');
    expect(app.player.rewind()).toBe('strong');
  });

  it('says that a chosen device is not connected', async () => {
    await open('device=gone');
    expect(shown('settings-output').textContent).toContain('Desk headset');
    expect(document.body.textContent).toContain('It is not connected');
  });

  it('leaves the choice to the system where the window plays', async () => {
    await open('sound=page');
    expect(document.body.textContent).toContain('through the system’s device');
  });
});
