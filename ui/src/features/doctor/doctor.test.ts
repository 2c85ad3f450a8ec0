import axe from 'axe-core';
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../../app.svelte';
import type { DoctorCheck, DoctorFinding, DoctorStep } from '../../bindings/contract';
import contract from '../../bindings/contract.ts?raw';
import { fakeHost } from '../../host/fake';
import Shell from '../../Shell.svelte';
import { en, type Word } from '../../text/en';
import { actionOf, causeOf, fixOf } from './doctor.svelte';

/** The members of a union of words in the bindings. */
function union<T extends string>(name: string): T[] {
  const line = contract.split('\n').find((text) => text.startsWith(`export type ${name} = `)) ?? '';
  return [...line.matchAll(/"(\w+)"/g)].map((match) => match[1] as T);
}

let shell: ReturnType<typeof mount> | undefined;
let app: App;

async function close(): Promise<void> {
  if (shell !== undefined) await unmount(shell);
  shell = undefined;
}

async function open(scene: string): Promise<void> {
  await close();
  app = new App(fakeHost(new URLSearchParams(`wait=0&${scene}`)));
  document.body.replaceChildren();
  shell = mount(Shell, { target: document.body, props: { app } });
  await app.start();
  flushSync();
}

const $ = (id: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(`[data-testid=${id}]`);
  if (found === null) throw new Error(`${id} is not there`);
  return found;
};
/** Long enough for a busy machine; what is waited for takes a moment. */
const soon = (holds: () => void) => vi.waitFor(holds, { timeout: 15_000 });
const rows = () => [...document.querySelectorAll<HTMLElement>('[data-testid=doctor-row]')];
const phase = () => $('doctor').dataset['phase'];

async function checked(): Promise<void> {
  app.go({ at: 'doctor', from: 'calls' });
  flushSync();
  $('doctor-run').click();
  await soon(() => expect(phase()).toBe('done'));
  flushSync();
}

beforeEach(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: vi.fn(), removeEventListener: vi.fn() }));
});

afterEach(async () => {
  await close();
  vi.unstubAllGlobals();
});

describe('the doctor’s words', () => {
  it('has a cause for every finding, a fix where there is one, a title for every check, a word for every step', async () => {
    await open('');
    const findings = union<DoctorFinding>('DoctorFinding');
    expect(findings.length).toBeGreaterThan(60);
    for (const finding of findings) expect(en, finding).toHaveProperty(`found_${finding}`);
    for (const check of union<DoctorCheck>('DoctorCheck')) expect(en, check).toHaveProperty(`check_${check}`);
    for (const step of union<DoctorStep>('DoctorStep')) expect(en, step).toHaveProperty(`step_${step}`);
    for (const word of union<Word>('DoctorMend')) expect(en).toHaveProperty(word);
    for (const word of Object.keys(en)) {
      const named = /^found_(.+?)(_fix)?$/.exec(word)?.[1];
      if (named !== undefined) expect(findings, word).toContain(named);
    }
  });

  it('says counts and steps in the language of the moment', async () => {
    await open('lang=he');
    const base = { check: 'upstream', status: 'warn', is_mendable: false } as const;
    const answers = { ...base, finding: 'upstream_gateway', n: 9, what: '502: 9, no answer: 2' } as const;
    expect(causeOf(answers, app.say)).toContain('ללא מענה: 2');
    const late = { ...base, check: 'doctor', finding: 'timed_out', n: null, what: 'network' } as const;
    expect(causeOf(late, app.say)).toContain('הרשת');
    expect(fixOf({ ...base, finding: 'upstream_ok', n: null, what: '' }, app.say)).toBeUndefined();
  });
});

describe('the doctor’s screen', { timeout: 30_000 }, () => {
  it('opens from the side bar, empty, and looks only when asked', async () => {
    await open('lang=en');
    const asked = vi.spyOn(app.host, 'call');
    $('nav-doctor').click();
    flushSync();
    expect($('doctor').textContent).toContain('Nothing has been checked yet');
    expect($('nav-doctor').getAttribute('aria-current')).toBe('page');
    expect(asked.mock.calls.filter(([command]) => command.startsWith('doctor_'))).toEqual([]);
  });

  it('goes back with Escape', async () => {
    await open('lang=en');
    app.go({ at: 'doctor', from: 'leads' });
    flushSync();
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', code: 'Escape' }));
    expect(app.screen).toEqual({ at: 'leads' });
  });

  it('shows how far it is, rows as they are found, and announces the end', async () => {
    await open('lang=en&doctor_ms=20');
    app.go({ at: 'doctor', from: 'calls' });
    flushSync();
    $('doctor-run').click();
    await soon(() => expect(rows().length).toBeGreaterThan(2));
    const bar = $('doctor-progress').querySelector('[role=progressbar]');
    expect(bar?.getAttribute('aria-valuetext')).toMatch(/^Checking: .+ \(\d+ of 11\)$/);
    expect(($('doctor-run') as HTMLButtonElement).disabled).toBe(true);
    await soon(() => expect(phase()).toBe('done'));
    await soon(() => expect(app.said).toBe('All is well'));
    expect(rows()).toHaveLength(18);
    expect(rows().every((row) => row.dataset['status'] === 'ok')).toBe(true);
  });

  it('puts troubles first, each with its word, its cause, one thing to do, and a button where that is automatic', async () => {
    await open('lang=en&doctor=ill');
    await checked();
    expect(
      rows()
        .map((row) => row.dataset['status'])
        .slice(0, 7),
    ).toEqual(['fail', 'fail', 'fail', 'warn', 'warn', 'warn', 'warn']);
    expect($('doctor-summary').textContent).toContain('3 troubles, 4 things to know');
    const row = rows().find((one) => one.dataset['finding'] === 'recordings_missing');
    expect(row?.textContent).toContain('Recording not found: 2 files');
    expect(row?.textContent).toContain('What to do: Fetch them again.');
    expect(row?.querySelector('button')?.getAttribute('aria-label')).toBe('Repair: Recordings');
    const gateway = rows().find((one) => one.dataset['finding'] === 'session_gateway');
    expect(gateway?.textContent).toContain('It answers 502');
    expect(gateway?.querySelector('button')).toBeNull();
  });

  it('repairs, says what it did, and looks again', async () => {
    await open('lang=en&doctor=ill');
    await checked();
    $('doctor-fix').click();
    await soon(() => expect(document.querySelector('[data-testid=doctor-mended]')).not.toBeNull());
    await soon(() => expect(phase()).toBe('done'));
    flushSync();
    expect($('doctor-mended').textContent).toContain('2 recordings are fetched again');
    expect($('doctor').dataset['worst']).toBe('ok');
  });

  it('says why where a repair or a look is refused, and tries again when asked', async () => {
    await open('lang=en&doctor=failed');
    app.go({ at: 'doctor', from: 'calls' });
    flushSync();
    $('doctor-run').click();
    await soon(() => expect(phase()).toBe('failed'));
    flushSync();
    expect($('doctor').querySelector('[role=alert]')?.textContent).toContain('Try again');
    vi.spyOn(app.host, 'call').mockRejectedValue({ code: 'profile_in_use', retry_after_ms: null, ref: '' });
    await app.doctor.mend();
    flushSync();
    expect($('doctor-mended').textContent).toContain('Another Aftercall is using this library.');
  });

  it('stands over a refused start, with a way back', async () => {
    await open('lang=en&boot=store_damaged');
    $('refused-doctor').click();
    flushSync();
    $('doctor-run').click();
    await soon(() => expect(phase()).toBe('done'));
    flushSync();
    expect(rows()[0]?.dataset['finding']).toBe('start_damaged');
    $('doctor-back').click();
    flushSync();
    expect($('boot-refused').dataset['code']).toBe('store_damaged');
  });

  it('copies a report in English that names nobody', async () => {
    await open('lang=he&doctor=ill');
    await checked();
    const written = vi.fn(async (_: string) => undefined);
    vi.stubGlobal('navigator', { ...navigator, clipboard: { writeText: written } });
    $('doctor-copy').click();
    await soon(() => expect(written).toHaveBeenCalled());
    const report = written.mock.calls[0]?.[0] ?? '';
    expect(report).toMatch(/^Aftercall 0\.1\.0, checked at \d{4}-/);
    expect(report).toContain('fail calendar_id     The column appointments.calendar_id is missing. -> Add it.');
    expect(report.trim().split('\n')).toHaveLength(19);
    const account = app.boot?.account;
    for (const personal of [account?.name, account?.email, account?.business, account?.url, '://', '@'])
      expect(report).not.toContain(personal);
    expect(report).not.toMatch(/[֐-׿]|\d{7}/);
  });

  it('offers to sign in, where that is what is to be done', () => {
    const base = { check: 'session', status: 'fail', n: null, what: null, is_mendable: false } as const;
    expect(actionOf({ ...base, finding: 'session_ended' })).toBe('sign_in');
    expect(actionOf({ ...base, finding: 'session_gateway' })).toBeUndefined();
    expect(actionOf({ ...base, finding: 'stuck_jobs', is_mendable: true })).toBe('mend');
  });

  it('has no fault that axe can find, in either language', async () => {
    for (const scene of ['lang=he&doctor=ill', 'lang=en&doctor=ill']) {
      await open(scene);
      await checked();
      const { violations } = await axe.run($('doctor'), { rules: { 'color-contrast': { enabled: false } } });
      expect(violations.map((one) => [one.id, one.nodes[0]?.html])).toEqual([]);
    }
  });
});
