import axe from 'axe-core';
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../app.svelte';
import type { Host } from '../../host';
import { fakeHost } from '../../host/fake';
import Shell from '../../Shell.svelte';

/** A window: its page can load anew over the same app, as the shell's does. */
class Page {
  app!: App;
  #shell: object | undefined;
  reloads = 0;
  readonly host: Host;

  constructor(scene: string) {
    this.host = fakeHost(new URLSearchParams(scene));
  }

  async load(): Promise<void> {
    if (this.#shell !== undefined) await unmount(this.#shell);
    this.app = new App(this.host);
    this.app.reload = () => {
      this.reloads += 1;
    };
    this.#shell = mount(Shell, { target: document.body, props: { app: this.app } });
    void this.app.start();
    await settle();
  }

  async close(): Promise<void> {
    if (this.#shell !== undefined) await unmount(this.#shell);
  }
}

const settle = async (ms = 40) => {
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
};
const $ = <T extends HTMLElement = HTMLElement>(testid: string) =>
  document.querySelector<T>(`[data-testid="${testid}"]`) as T;
/** All of the page, attributes too. */
const markup = () => new XMLSerializer().serializeToString(document.body);
const press = (init: KeyboardEventInit) => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }));
  flushSync();
};
const type = (testid: string, text: string) => {
  const field = $<HTMLInputElement>(testid);
  field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  flushSync();
};

describe('locking', () => {
  let page: Page;
  const open = async (scene: string) => {
    page = new Page(scene);
    await page.load();
  };

  beforeEach(() => {
    vi.useFakeTimers();
    HTMLCanvasElement.prototype.getContext = () => null;
    window.matchMedia = () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) as never;
    class Watcher {
      observe() {}
      unobserve() {}
      disconnect() {}
    }
    globalThis.ResizeObserver ??= Watcher as never;
    globalThis.IntersectionObserver ??= Watcher as never;
  });

  afterEach(async () => {
    await page.close();
    vi.useRealTimers();
    document.body.replaceChildren();
  });

  it('is offered only where a passphrase would open it again', async () => {
    await open('lang=en');
    expect($('lock')).toBeNull();
    press({ key: 'l', code: 'KeyL', ctrlKey: true });
    await settle();
    expect($('locked')).toBeNull();
  });

  it.each(['en', 'he'])('by its key takes everything personal out of the window at once (%s)', async (lang) => {
    await open(`lang=${lang}&passphrase=open sesame`);
    expect(document.body.textContent).toContain('יעל כהן־ארד');
    // A layout is known by the last letter that was typed on it.
    press(lang === 'he' ? { key: 'ש', code: 'KeyA' } : { key: 'a', code: 'KeyA' });
    press({ key: lang === 'he' ? 'ך' : 'l', code: 'KeyL', ctrlKey: true });
    await settle();
    expect(page.reloads).toBe(1);
    expect($('locked')).not.toBeNull();
    for (const name of ['יעל', 'דנה', 'שמש הצפון', 'dana@', '050', '+972']) expect(markup()).not.toContain(name);
    expect(document.title).not.toContain('דנה');
    await page.load();
    expect($('locked').textContent).toContain(lang === 'he' ? 'Aftercall נעולה' : 'Aftercall is locked');
    expect(document.documentElement.dir).toBe(lang === 'he' ? 'rtl' : 'ltr');
  });

  it('comes from the app too, when nobody is there', async () => {
    await open('lang=en&passphrase=open sesame');
    page.app.changes.dispatch({ kind: 'locked' });
    flushSync();
    expect([page.reloads, $('locked') === null]).toEqual([1, false]);
    expect(markup()).not.toContain('דנה');
  });

  it('returns to where one was, with what was being typed', async () => {
    await open('lang=en&passphrase=open sesame');
    page.app.go({ at: 'lead', id: '3', from: 'leads' });
    await settle();
    type('note-text', 'half a thought');
    $('lock').click();
    await settle();
    await page.load();
    type('unlock-words', 'open sesame');
    $('unlock').click();
    await settle();
    await page.load();
    expect(page.app.screen).toEqual({ at: 'lead', id: '3', from: 'leads' });
    expect($<HTMLTextAreaElement>('note-text').value).toBe('half a thought');
  });

  it('says that a passphrase is wrong, empties the field, and waits longer each time', async () => {
    await open('lang=en&boot=locked&passphrase=open sesame');
    expect(document.activeElement).toBe($('unlock-words'));
    expect($<HTMLInputElement>('unlock-words').labels?.[0]?.textContent).toBe('Passphrase');
    $('unlock').click();
    await settle();
    expect($('unlock-error').textContent).toContain('Type the passphrase');
    for (const seconds of [1, 2]) {
      type('unlock-words', 'open barley');
      $('unlock').click();
      await settle();
      expect($('unlock-error').getAttribute('role')).toBe('alert');
      expect($('unlock-error').textContent).toContain('not the passphrase');
      expect($('unlock-wait').textContent).toContain(`${seconds} second`);
      expect($<HTMLInputElement>('unlock-words').value).toBe('');
      expect($<HTMLButtonElement>('unlock').disabled).toBe(true);
      await settle(seconds * 1_000 + 1_000);
      expect($<HTMLButtonElement>('unlock').disabled).toBe(false);
    }
  });

  it('moves what no passphrase opens aside only when that was asked for twice', async () => {
    await open('lang=en&boot=locked');
    const calls = vi.spyOn(page.host, 'call');
    $('forgot').click();
    flushSync();
    $('anew').click();
    flushSync();
    expect(calls).not.toHaveBeenCalled();
    expect($('anew-ask').textContent).toContain('nothing is deleted');
    $('anew-do').click();
    await settle();
    expect(calls.mock.calls.map(([command]) => command)).toEqual(['start_anew']);
    expect(page.reloads).toBe(1);
  });

  it('lets the person choose where the key lies, with nothing chosen before', async () => {
    await open('lang=en&boot=no_keychain&fresh=1');
    const calls = vi.spyOn(page.host, 'call');
    expect($<HTMLInputElement>('place-keychain').checked).toBe(true);
    $('place-file').click();
    flushSync();
    expect($<HTMLButtonElement>('key-choose').disabled).toBe(true);
    expect($('key-choice').textContent).toContain('.key');
    $('file-sure').click();
    flushSync();
    expect($<HTMLButtonElement>('key-choose').disabled).toBe(false);
    $('place-passphrase').click();
    flushSync();
    type('words-new', 'short');
    expect($('words-rule').textContent).toContain('shorter');
    type('words-new', 'long enough');
    type('words-again', 'long enouhg');
    expect($<HTMLButtonElement>('key-choose').disabled).toBe(true);
    type('words-again', 'long enough');
    $('key-choose').click();
    await settle();
    expect(calls.mock.calls).toEqual([['key_choose', { place: 'passphrase', passphrase: 'long enough' }]]);
  });

  it('sets and removes the passphrase in the settings, and says what stands in the way', async () => {
    await open('lang=en&keychain=none');
    press({ key: ',', code: 'Comma', ctrlKey: true });
    await settle();
    document.querySelector<HTMLElement>('[data-view=security]')?.click();
    await settle();
    expect($('security-key').dataset['place']).toBe('keychain');
    expect($<HTMLSelectElement>('lock-idle').disabled).toBe(true);
    $('key-set').click();
    flushSync();
    type('words-new', 'open sesame');
    type('words-again', 'open sesame');
    $('key-do').click();
    await settle();
    expect(page.reloads).toBe(1);
    await page.load();
    page.app.openSettings('security');
    await settle();
    expect($('security-key').dataset['place']).toBe('passphrase');
    $('key-remove').click();
    flushSync();
    type('words-current', 'open barley');
    $('key-do').click();
    await settle();
    expect($('key-error').textContent).toContain('not the passphrase');
    type('words-current', 'open sesame');
    $('key-do').click();
    await settle();
    expect($('key-error').textContent).toContain('keychain did not answer');
  });

  it('shows the day on which recordings lock beforehand, and that they are', async () => {
    await open('lang=en&offline_days=3');
    expect($('offline-age').textContent).toContain('Recordings lock on');
    await page.close();
    document.body.replaceChildren();
    await open('lang=en&offline_days=0');
    expect($('offline-age').textContent).toContain('Recordings are locked');
  });

  it.each(['lang=en&boot=locked', 'lang=he&boot=locked', 'lang=he&boot=no_keychain&fresh=1', 'lang=en&boot=key_lost'])(
    'has no fault that axe can find (%s)',
    async (scene) => {
      await open(scene);
      vi.useRealTimers();
      const { violations } = await axe.run(document.body, {
        rules: { 'color-contrast': { enabled: false }, region: { enabled: false } },
      });
      expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    },
  );
});
