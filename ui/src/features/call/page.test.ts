import axe from 'axe-core';
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../app.svelte';
import { fakeHost } from '../../host/fake';
import Shell from '../../Shell.svelte';

const CALL = 'CA00000003';

describe('call page', () => {
  let app: App;
  let shell: object;

  const settle = async (ms = 60) => {
    await vi.advanceTimersByTimeAsync(ms);
    flushSync();
  };
  const $ = <T extends HTMLElement = HTMLElement>(testid: string) =>
    document.querySelector<T>(`[data-testid="${testid}"]`) as T;
  const all = (testid: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`)];
  const press = async (key: string, code: string, init: KeyboardEventInit = {}) => {
    const target = document.activeElement ?? document.body;
    target.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true, cancelable: true, ...init }));
    await settle();
  };
  const type = (field: HTMLInputElement | HTMLTextAreaElement, text: string) => {
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    flushSync();
  };

  async function open(scene = 'player=3&paused=1&at=397000', sid = CALL) {
    vi.useFakeTimers();
    window.matchMedia = () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) as never;
    class Watcher {
      observe() {}
      unobserve() {}
      disconnect() {}
    }
    globalThis.ResizeObserver ??= Watcher as never;
    globalThis.IntersectionObserver ??= Watcher as never;
    const place = encodeURIComponent(JSON.stringify({ at: 'call', sid, from: 'calls' }));
    app = new App(fakeHost(new URLSearchParams(`lang=en&place=${place}&${scene}`)));
    shell = mount(Shell, { target: document.body, props: { app } });
    void app.start();
    await settle(200);
    await settle();
  }

  beforeEach(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });

  afterEach(async () => {
    await unmount(shell);
    vi.useRealTimers();
    document.body.replaceChildren();
  });

  it('is opened with Enter on a row of the list, and Escape leads back', async () => {
    await open('');
    app.go({ at: 'calls' });
    await settle();
    app.go({ at: 'call', sid: 'CA00000000', from: 'calls' });
    await settle();
    expect($('call-page').dataset['sid']).toBe('CA00000000');
    expect($('nav-calls').getAttribute('aria-current')).toBe('page');
    await press('Escape', 'Escape');
    expect(app.screen).toEqual({ at: 'calls' });
  });

  it('tells the place of the head in words, on a slider that is never mirrored', async () => {
    await open();
    const slider = $('call-lanes');
    expect(slider.getAttribute('aria-valuetext')).toBe('6 minutes 37 seconds of 11 minutes 48 seconds');
    expect(slider.closest('[dir]')?.getAttribute('dir')).toBe('ltr');
    slider.focus();
    await press('Home', 'Home');
    expect(app.player.state.position_ms).toBe(0);
    await press('PageUp', 'PageUp');
    expect(app.player.state.position_ms).toBe(30_000);
  });

  it('has turns, facts and marks, and jumps to each', async () => {
    await open();
    expect($('fact-verified').textContent).toContain('verified');
    expect($('fact-overlaps').textContent).toBe('6');
    expect(all('call-mark')).toHaveLength(4);
    all('call-mark')[0]?.querySelector<HTMLElement>('.tm')?.click();
    await settle();
    expect(app.player.state.position_ms).toBe(336_000);
    document.querySelector<HTMLElement>('[data-view=turns]')?.click();
    await settle();
    expect(all('call-line').length).toBeGreaterThan(10);
  });

  it('finds in the transcript with Ctrl+F, counts, and goes from one to the next', async () => {
    await open();
    await press('f', 'KeyF', { ctrlKey: true });
    const field = $<HTMLInputElement>('call-find');
    expect(document.activeElement).toBe(field);
    type(field, 'price');
    await settle();
    expect($('call-find-count').textContent).toMatch(/^1 of \d+$/);
    await press('Enter', 'Enter');
    expect($('call-find-count').textContent).toMatch(/^2 of/);
    await press('Enter', 'Enter', { shiftKey: true });
    expect($('call-find-count').textContent).toMatch(/^1 of/);
    expect(document.querySelectorAll('mark.active')).toHaveLength(1);
    type(field, 'no such word');
    await settle();
    expect($('call-find-count').textContent).toBe('Not found');
    await press('Escape', 'Escape');
    expect($('call-find')).toBeNull();
    expect(app.screen.at).toBe('call');
  });

  it('follows the sound until the person looks elsewhere, and again when asked', async () => {
    await open();
    const list = document.querySelector('[role=list]') as HTMLElement;
    list.dispatchEvent(new WheelEvent('wheel', { bubbles: true }));
    await settle();
    expect($('call-follow')).not.toBeNull();
    $('call-follow').click();
    await settle();
    expect($('call-follow')).toBeNull();
  });

  it('sets a bookmark with B, names it and takes it away', async () => {
    await open();
    await press('b', 'KeyB');
    await settle(200);
    expect(all('call-mark')).toHaveLength(5);
    const row = all('call-mark').find((mark) => mark.dataset['atMs'] === '397000') as HTMLElement;
    expect(row.dataset['kind']).toBe('bookmark');
    expect(app.said).toContain('6 minutes 37 seconds');
    const marks = app.host.call('marks_read', { sid: CALL });
    await settle();
    const id = (await marks).marks.find((mark) => mark.at_ms === 397_000)?.id ?? 0;
    const renamed = app.host.call('mark_rename', { id, text: 'roof' });
    await settle(100);
    await renamed;
    expect(document.body.textContent).toContain('roof');
    const removed = app.host.call('mark_delete', { id });
    await settle(100);
    await removed;
    expect(all('call-mark')).toHaveLength(4);
  });

  it('writes a note at the place where its first letter was typed, and the player’s keys work meanwhile', async () => {
    await open();
    await press('c', 'KeyC');
    const field = $<HTMLTextAreaElement>('call-note');
    expect(document.activeElement).toBe(field);
    type(field, 'the beam');
    await press('F9', 'F9');
    expect(app.player.state.position_ms).toBe(402_000);
    await press('F4', 'F4');
    expect(app.player.state.speed).toBe(1.5);
    await press('k', 'KeyK');
    expect(app.player.state.phase).toBe('paused');
    field.setSelectionRange(field.value.length, field.value.length);
    await press('j', 'KeyJ', { ctrlKey: true });
    expect(field.value).toContain('06:42');
    await press('Enter', 'Enter', { ctrlKey: true });
    await settle(300);
    const row = all('call-mark').find((mark) => mark.textContent?.includes('the beam')) as HTMLElement;
    expect(row.dataset['atMs']).toBe('397000');
    expect(field.value).toBe('');
  });

  it('goes to a time that is typed, and to none that is not there', async () => {
    await open();
    await press('g', 'KeyG');
    await settle(300);
    const field = $<HTMLInputElement>('call-goto-time');
    type(field, '99:00');
    await settle();
    expect(field.getAttribute('aria-invalid')).toBe('true');
    type(field, '2:05');
    await settle();
    field.form?.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }));
    await settle(300);
    expect(app.player.state.position_ms).toBe(125_000);
  });

  it('loops from I to O, moves its ends by the arrows, and switches with Shift+L', async () => {
    await open();
    await press('i', 'KeyI');
    await press('ArrowRight', 'ArrowRight');
    await press('o', 'KeyO');
    expect(app.player.state.repeat).toEqual({ a_ms: 397_000, b_ms: 402_000, on: true });
    $('call-handle-b').focus();
    await press('ArrowRight', 'ArrowRight', { shiftKey: true });
    expect(app.player.state.repeat?.b_ms).toBe(403_000);
    $('call-lanes').focus();
    await press('L', 'KeyL', { shiftKey: true });
    expect(app.player.state.repeat?.on).toBe(false);
  });

  it('levels the voices with V and by its button, the same in the dock', async () => {
    await open('player=3&paused=1&at=397000');
    const shown = () => ['call-level', 'dock-level'].map((id) => $(id).getAttribute('aria-pressed'));
    expect(shown()).toEqual(['false', 'false']);
    await press('v', 'KeyV');
    expect([app.player.state.level, ...shown()]).toEqual([true, 'true', 'true']);
    $('call-level').click();
    await settle();
    expect([app.player.state.level, ...shown()]).toEqual([false, 'false', 'false']);
  });

  it('zooms by the keyboard and shows all of it', async () => {
    await open();
    $('call-lanes').focus();
    await press('+', 'Equal');
    expect($('call-length').textContent).toContain('2:00');
    $('call-whole').click();
    await settle();
    expect([$('call-lanes').dataset['fromMs'], $('call-lanes').dataset['toMs']]).toEqual(['0', '708000']);
  });

  it('swaps the sides of all recordings of the source', async () => {
    await open();
    const before = app.player.turns?.sides;
    $('call-swap').click();
    await settle(200);
    expect(app.player.turns?.sides).toEqual([...(before ?? [])].reverse());
  });

  it('says why a recording is not here, with its one button', async () => {
    await open('', 'CA00000013');
    expect($('call-missing').textContent).toContain('Removed to save space');
    expect($('call-missing-do').textContent?.trim()).toBe('Download again');
  });

  it('a link shows a place and plays nothing; play begins there', async () => {
    await open('', 'CA00000000');
    app.go({ at: 'calls' });
    await settle();
    app.go({ at: 'call', sid: 'CA00000000', from: 'calls', atMs: 72_000 });
    await settle(200);
    expect(app.player.state.phase).toBe('empty');
    $('call-play-it').click();
    await settle(300);
    expect(app.player.state.phase).toBe('playing');
    expect(app.player.positionMs).toBeGreaterThanOrEqual(72_000);
  });

  it('a link to what is in the player shows its place, moves nothing, and is left for the sound when asked', async () => {
    await open();
    const link = async (at_s: number) => {
      app.changes.dispatch({ kind: 'open', sid: CALL, at_s, lead_id: null });
      await settle();
      await settle();
    };
    const shown = () => [$('call-lanes').dataset['fromMs'], $('call-lanes').dataset['toMs']].map(Number);
    await link(100);
    let [from = 0, to = 0] = shown();
    expect(from <= 100_000 && 100_000 < to && to < 397_000).toBe(true);
    expect(app.player.state.position_ms).toBe(397_000);
    await link(600);
    [from = 0, to = 0] = shown();
    expect(from <= 600_000 && 600_000 < to && from > 397_000).toBe(true);
    $('call-follow').click();
    await settle();
    expect($('call-follow')).toBeNull();
    await press('ArrowRight', 'ArrowRight');
    [from = 0, to = 0] = shown();
    expect(from <= 402_000 && 402_000 < to).toBe(true);
  });

  it('shows every state of a recording with words', async () => {
    await open('');
    for (let ordinal = 0; ordinal < 22; ordinal += 1) {
      const sid = `CA${String(ordinal).padStart(8, '0')}`;
      app.go({ at: 'call', sid, from: 'calls' });
      await settle(150);
      expect($('call-page').dataset['sid']).toBe(sid);
      const whole = document.querySelector('[data-testid=fact-verified]')?.textContent?.includes('verified');
      const words = $('call-missing')?.textContent ?? document.querySelector('.nothing')?.textContent ?? '';
      expect(whole === true || words.trim() !== '', sid).toBe(true);
    }
  });

  it('has no fault that axe can find', async () => {
    await open('player=3&paused=1&at=397000&skip=1&repeat=378000,404000');
    vi.useRealTimers();
    const { violations } = await axe.run(document.body, { rules: { 'color-contrast': { enabled: false } } });
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
  });
});
