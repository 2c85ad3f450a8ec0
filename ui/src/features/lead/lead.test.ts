import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import axe from 'axe-core';
import { App } from '../../app.svelte';
import type { LeadPage, NoteView, PendingView } from '../../bindings/contract';
import { fakeHost } from '../../host/fake';
import Shell from '../../Shell.svelte';
import { say } from '../../text/message';
import { daysOf, newsOf, unheardOf } from './timeline';
import { activityWords, leadStatus, noteKind, pendingWords } from './words';
import { apart } from '../../text/format';

const english = (word: Parameters<typeof say>[1], args?: Parameters<typeof say>[2]) => say('en', word, args);

function pending(part: Partial<PendingView> = {}): PendingView {
  return { id: 'draft:1', phase: 'waiting', reason: null, next_try_at_ms: null, text: 'a', theirs: null, ...part };
}

function note(part: Partial<NoteView> = {}): NoteView {
  const base = {
    id: '1',
    kind: 'manual',
    text: 'a',
    at_ms: 1,
    edited: false,
    attachments: [],
    call: null,
    pending: null,
  };
  return { ...base, ...part };
}

describe('words of a lead', () => {
  it('takes the company’s word for a status, then ours, then the key', () => {
    const colour = 'blue' as const;
    expect(leadStatus({ key: 'new', label: 'חדש', colour }, english)).toBe('חדש');
    expect(leadStatus({ key: 'new', label: null, colour }, english)).toBe('New');
    expect(leadStatus({ key: 'offer_sent', label: null, colour }, english)).toBe('offer_sent');
  });

  it('shows kinds that nobody knows as they are, and none for what a person wrote', () => {
    expect(noteKind(note(), english)).toBeUndefined();
    expect(noteKind(note({ kind: 'call_summary' }), english)).toBe('Call summary');
    expect(noteKind(note({ kind: 'carrier_pigeon' }), english)).toBe('carrier_pigeon');
    const activity = { id: '1', kind: 'telepathy', at_ms: null, from: null, to: null, call_sid: null, text: '' };
    expect(activityWords(activity, english)).toBe('telepathy');
    const [from, to] = [
      { key: 'new', label: null, colour: 'blue' as const },
      { key: 'won', label: null, colour: 'green' as const },
    ];
    expect(activityWords({ ...activity, kind: 'status_change', from, to }, english)).toBe(
      `Status changed from ${apart('New')} to ${apart('Won')}`,
    );
  });

  it('says the cause of a note that waits or was not accepted', () => {
    expect(pendingWords(pending(), english)).toBe('Waiting to be sent');
    expect(pendingWords(pending({ reason: 'offline' }), english)).toBe('Waiting to be sent: no network');
    expect(pendingWords(pending({ reason: 'login_expired' }), english)).toContain('sign in');
    expect(pendingWords(pending({ reason: 'rate_limited' }), english)).toContain('not answering');
    expect(pendingWords(pending({ phase: 'refused', reason: 'forbidden' }), english)).toContain('your role');
    expect(pendingWords(pending({ phase: 'refused', reason: 'invalid_input' }), english)).toBe(
      'Not accepted by the CRM.',
    );
  });
});

describe('timeline', () => {
  const page = {
    calls: [{ sid: 'CA1', started_at_ms: 30 }],
    notes: [note({ id: '7', at_ms: 20 }), note({ id: '8', at_ms: null })],
    appointments: [{ id: '3', starts_at_ms: 40 }],
    activity: [
      { id: '1', kind: 'call', at_ms: 30, call_sid: 'CA1' },
      { id: '2', kind: 'call', at_ms: 10, call_sid: 'CA2' },
      { id: '3', kind: 'note', at_ms: 20, call_sid: null },
    ],
  } as unknown as LeadPage;
  const ids = (show: Parameters<typeof daysOf>[1]) =>
    daysOf(page, show, () => 'day').flatMap((day) => day.entries.map((entry) => entry.id));

  it('has everything once, newest first, what has no time last', () => {
    expect(ids('all')).toEqual(['appointment 3', 'CA1', 'note 7', 'activity 2', 'note 8']);
  });

  it('shows one kind, and under activity also what the rest tells', () => {
    expect(ids('notes')).toEqual(['note 7', 'note 8']);
    expect(ids('activity')).toEqual(['activity 1', 'activity 3', 'activity 2']);
  });
});

describe('news of notes', () => {
  const none = new Set<string>();
  const with_ = (part: Partial<PendingView>) => [note({ pending: pending(part) })];

  it('says what was sent, what waits for a cause, and what needs the person', () => {
    expect(newsOf(with_({ phase: 'sending' }), [note()], none)).toBe('sent');
    expect(newsOf(with_({}), with_({ reason: 'offline' }), none)).toBe('waiting');
    expect(newsOf(with_({ phase: 'sending' }), with_({ phase: 'refused' }), none)).toBe('refused');
    expect(newsOf(with_({ phase: 'sending' }), with_({ phase: 'conflict' }), none)).toBe('conflict');
  });

  it('says nothing while nothing came of it, twice, or of what the person gave up', () => {
    expect(newsOf([], with_({}), none)).toBeUndefined();
    expect(newsOf(with_({}), with_({ phase: 'sending' }), none)).toBeUndefined();
    expect(newsOf(with_({ reason: 'offline' }), with_({ reason: 'offline' }), none)).toBeUndefined();
    expect(newsOf(with_({ phase: 'refused' }), with_({ phase: 'refused' }), none)).toBeUndefined();
    expect(newsOf(with_({}), [], new Set(['draft:1']))).toBeUndefined();
  });
});

describe('lead page', () => {
  let app: App;
  let shell: object;

  const settle = async (ms = 40) => {
    await vi.advanceTimersByTimeAsync(ms);
    flushSync();
  };
  const $ = <T extends HTMLElement = HTMLElement>(testid: string) =>
    document.querySelector<T>(`[data-testid=${testid}]`) as T;
  const all = (testid: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid=${testid}]`)];

  async function open(scene: string) {
    vi.useFakeTimers();
    window.matchMedia = () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) as never;
    class Watcher {
      observe() {}
      unobserve() {}
      disconnect() {}
    }
    globalThis.ResizeObserver ??= Watcher as never;
    globalThis.IntersectionObserver ??= Watcher as never;
    app = new App(fakeHost(new URLSearchParams(`lang=en&${scene}`)));
    shell = mount(Shell, { target: document.body, props: { app } });
    void app.start();
    await settle();
    app.go({ at: 'lead', id: '1', from: 'leads' });
    await settle();
  }

  async function write(text: string) {
    const field = $<HTMLTextAreaElement>('note-text');
    field.focus();
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    flushSync();
  }

  const press = (target: EventTarget, init: KeyboardEventInit) => {
    target.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }));
    flushSync();
  };

  beforeEach(() => {
    HTMLCanvasElement.prototype.getContext = () => null;
  });

  afterEach(async () => {
    await unmount(shell);
    vi.useRealTimers();
    document.body.replaceChildren();
  });

  it('shows notes, reminders, activity and the status in the company’s words', async () => {
    await open('');
    expect($('lead-status').textContent?.trim()).toBe('הצעת מחיר');
    expect($('lead-status').dataset['colour']).toBe('pink');
    expect(all('lead-note')).toHaveLength(4);
    expect(all('lead-reminder')).toHaveLength(2);
    expect(all('lead-activity').map((row) => row.dataset['kind'])).not.toContain('note');
    expect($('lead-owner').textContent).toBe('User 3');
  });

  it('shows what was marked in its calls, and opens the call there', async () => {
    await open('');
    const marks = all('lead-call-mark');
    expect(marks.map((mark) => mark.querySelector('b')?.textContent)).toEqual(['05:36', '06:25', '06:25']);
    marks[0]?.click();
    await settle();
    expect(app.screen).toMatchObject({ at: 'call', lead: '1', atMs: 336_000 });
    expect(app.player.state.phase).toBe('empty');
  });

  it('shows the lead in the CRM’s own pages, and says where no browser opens', async () => {
    await open('browser=none');
    const asked = vi.spyOn(app.host, 'call');
    $('lead-in-crm').click();
    await settle();
    expect(asked).toHaveBeenCalledWith('lead_in_crm', { id: '1' });
    expect(app.toast).toEqual({ text: app.say('lead_in_crm_failed'), bad: true });
  });

  it('shows a lead that the CRM gave one label twice', async () => {
    await open('');
    for (const id of ['5', '6']) {
      app.go({ at: 'lead', id, from: 'leads' });
      await settle();
    }
    const labels = [...document.querySelectorAll('bdi')].map((label) => label.textContent);
    expect(labels.filter((label) => label === 'VIP')).toHaveLength(2);
  });

  it('keeps a note with Ctrl+Enter, shows it at once and says when it was sent', async () => {
    await open('');
    await write('Wants the price in writing');
    press($('note-text'), { key: 'Enter', code: 'Enter', ctrlKey: true });
    await settle();
    expect(all('lead-note')[0]?.dataset['phase']).toBe('waiting');
    expect($<HTMLTextAreaElement>('note-text').value).toBe('');
    await settle(2_000);
    expect(all('lead-note')[0]?.textContent).toContain('Wants the price in writing');
    expect(all('lead-note')[0]?.dataset['phase']).toBe('');
    expect(app.said).toBe('Note sent');
  });

  it('keeps what is typed when the page is left, and Escape leaves the field only', async () => {
    await open('');
    await write('half a tho');
    press($('note-text'), { key: 'Escape', code: 'Escape' });
    expect(app.screen.at).toBe('lead');
    app.go({ at: 'leads' });
    await settle();
    app.go({ at: 'lead', id: '1', from: 'leads' });
    await settle();
    expect($<HTMLTextAreaElement>('note-text').value).toBe('half a tho');
  });

  it('does not offer again what was kept after the page was left', async () => {
    await open('');
    const call = app.host.call.bind(app.host);
    let keep: () => void = () => undefined;
    const kept = new Promise<void>((resolve) => (keep = resolve));
    vi.spyOn(app.host, 'call').mockImplementation(async (command, args) => {
      if (command === 'note_add') await kept;
      return call(command, args);
    });
    await write('sent once');
    press($('note-text'), { key: 'Enter', code: 'Enter', ctrlKey: true });
    app.go({ at: 'leads' });
    await settle();
    keep();
    await settle();
    app.go({ at: 'lead', id: '1', from: 'leads' });
    await settle();
    expect($<HTMLTextAreaElement>('note-text').value).toBe('');
  });

  it('lets no single key of the app through while a note is typed', async () => {
    await open('player=0&paused=1');
    await settle(200);
    const calls = vi.spyOn(app.host, 'call');
    await write('k');
    for (const [key, code] of [
      [' ', 'Space'],
      ['k', 'KeyK'],
      ['m', 'KeyM'],
      ['n', 'KeyN'],
      ['5', 'Digit5'],
      ['Backspace', 'Backspace'],
    ] as const)
      press($('note-text'), { key, code });
    expect(calls).not.toHaveBeenCalled();
    press($('note-text'), { key: 'F8', code: 'F8' });
    expect(calls.mock.calls.map(([command]) => command)).toEqual(['player_play']);
  });

  it('counts what waits in the pill, with its cause at the note', async () => {
    await open('notes=offline&sync=offline');
    expect($('lead-as-of').textContent).toContain('offline');
    await write('on the train');
    press($('note-text'), { key: 'Enter', code: 'Enter', metaKey: true });
    await settle(1_000);
    expect($('note-state').textContent).toContain('no network');
    expect($('sync-pill').dataset['waiting']).toBe('1');
    expect($('sync-pill').textContent).toContain('1 waiting');
    expect(app.said).toBe('Note kept, waiting to be sent');
    const discard = $('note-discard');
    discard.click();
    await settle();
    expect(all('lead-note')).toHaveLength(5);
    $('note-discard').click();
    await settle();
    expect(all('lead-note')).toHaveLength(4);
    expect(app.said).not.toBe('Note sent');
  });

  it('says why a note was not accepted, keeps it and offers ways out', async () => {
    await open('notes=refused');
    await write('too odd');
    $('note-send').click();
    await settle(2_000);
    const refused = all('lead-note')[0] as HTMLElement;
    expect(refused.dataset['phase']).toBe('refused');
    expect(refused.textContent).toContain('too odd');
    expect(refused.textContent).toContain('Not accepted');
    expect(app.said).toBe('A note was not accepted');
    expect($('sync-pill').textContent).toContain('1 note not accepted');
    app.go({ at: 'calls' });
    await settle();
    $('sync-pill').click();
    await settle();
    expect(app.screen).toEqual({ at: 'lead', id: '1', from: 'leads' });
  });

  it('shows both texts of a conflict and does what the person chooses', async () => {
    await open('notes=conflict');
    expect($('note-theirs').textContent).toContain('Prefers a call after six.');
    expect($('note-mine').textContent).toContain('Prefers e-mail.');
    $('note-discard').click();
    await settle();
    expect(all('note-state')).toHaveLength(0);
    expect(document.body.textContent).toContain('Prefers a call after six.');
  });

  it('changes a note in place', async () => {
    await open('');
    ($('note-edit') as HTMLButtonElement).click();
    await settle();
    const field = $<HTMLTextAreaElement>('note-edit-text');
    expect(document.activeElement).toBe(field);
    field.value = 'another text';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    flushSync();
    press(field, { key: 'Enter', code: 'Enter', ctrlKey: true });
    await settle(2_000);
    expect(document.body.textContent).toContain('another text');
    expect($('note-edit-text')).toBeNull();
  });

  it('plays all that was not heard from the oldest on, before whatever waits', async () => {
    await open('');
    const calls = app.host.call('lead_read', { id: '1' });
    await settle();
    const ids = unheardOf((await calls).calls).map((call) => call.recording.id);
    expect(ids.length).toBeGreaterThan(1);
    $('lead-play-unheard').click();
    await settle(300);
    expect(app.player.state.call?.recording.id).toBe(ids[0]);
    expect(app.player.queue.data?.calls.map((call) => call.recording.id)).toEqual(ids.slice(1));
  });

  it('pins all of its calls at once, and says that', async () => {
    await open('still=1');
    $('lead-pin-all').click();
    await settle(1_000);
    expect(app.said).toMatch(/calls? pinned/);
    expect($<HTMLButtonElement>('lead-pin-all').disabled).toBe(true);
    expect($('lead-pin-all').textContent).toContain('All calls pinned');
  });

  it('does all of it by keys, too: F6 through its parts, C for a note, Shift+D for the pins', async () => {
    await open('still=1');
    const part = () => document.activeElement?.closest('[data-pane]')?.className.split(' ')[0];
    const parts = [];
    for (let n = 0; n < 5; n += 1) {
      press(document.activeElement ?? document.body, { key: 'F6', code: 'F6' });
      parts.push(part());
    }
    expect(parts).toEqual(['r', 'dock', 'side', 'main', 'l']);
    press(document.activeElement ?? document.body, { key: 'c', code: 'KeyC' });
    expect(document.activeElement).toBe($('note-text'));
    press(document.activeElement ?? document.body, { key: 'Escape', code: 'Escape' });
    press(document.body, { key: 'D', code: 'KeyD', shiftKey: true });
    await settle(1_000);
    expect($<HTMLButtonElement>('lead-pin-all').disabled).toBe(true);
  });

  it('opens a call at the second that a note is about, and comes back to the lead', async () => {
    await open('');
    ($('note-place') as HTMLButtonElement).click();
    await settle(200);
    expect(app.screen).toMatchObject({ at: 'call', lead: '1', atMs: 72_000 });
    press(document.body, { key: 'Escape', code: 'Escape' });
    await settle();
    expect(app.screen).toMatchObject({ at: 'lead', id: '1' });
  });

  it('says who talks over its calls', async () => {
    await open('');
    expect($('talk-ratio').dataset['agent']).toBe('54');
  });

  it('says that nothing was read yet, and that there is nothing', async () => {
    await open('notes=none&sync=offline');
    expect($('lead-as-of').textContent).toContain('have not been read yet');
    (document.querySelector('[data-view=notes]') as HTMLElement).click();
    flushSync();
    expect(document.body.textContent).toContain('No notes yet');
  });

  it('has no fault that axe can find', async () => {
    await open('notes=conflict');
    vi.useRealTimers();
    const { violations } = await axe.run($('lead-page'), { rules: { 'color-contrast': { enabled: false } } });
    expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
  });
});
