import type { DoctorFinding, DoctorFound, DoctorMended, DoctorStep } from '../../bindings/contract';
import { HostError, type Host } from '../../host';
import type { Word } from '../../text/en';
import { en } from '../../text/en';
import { say, type MessageArgs } from '../../text/message';

type Say = (word: Word, args?: MessageArgs) => string;

/** Worst first; within, the order of the checks. */
const RANK = { fail: 0, warn: 1, ok: 2 } as const;

function argsOf(found: DoctorFound, language: Say): MessageArgs {
  let what = found.what ?? '';
  if (found.finding === 'timed_out' || found.finding === 'panicked') what = language(`step_${what as DoctorStep}`);
  else what = what.replace('no answer', language('doctor_no_answer'));
  return { n: found.n ?? 0, what };
}

/** The cause, in the language of `language`. */
export function causeOf(found: DoctorFound, language: Say): string {
  return language(`found_${found.finding}`, argsOf(found, language));
}

/** The one thing to do; undefined where there is nothing. */
export function fixOf(found: DoctorFound, language: Say): string | undefined {
  const word = `found_${found.finding}_fix`;
  return word in en ? language(word as Word, argsOf(found, language)) : undefined;
}

/** Findings that a button beside them can do something about, and what. */
export function actionOf(found: DoctorFound): 'mend' | 'sign_in' | 'sync' | undefined {
  if (found.is_mendable) return 'mend';
  const signIn: DoctorFinding[] = ['session_none', 'session_ended', 'queue_needs_you'];
  if (signIn.includes(found.finding)) return 'sign_in';
  return found.finding === 'twilio_never_synced' ? 'sync' : undefined;
}

/** The doctor's last look, as long as the window is open: leaving the page loses nothing. */
export class Doctor {
  readonly #host: Host;
  phase = $state<'idle' | 'running' | 'mending' | 'done' | 'failed'>('idle');
  steps = $state.raw<readonly DoctorStep[]>([]);
  /** Which of the steps is being taken. */
  at = $state(0);
  found = $state.raw<readonly DoctorFound[]>([]);
  mended = $state.raw<readonly DoctorMended[] | undefined>(undefined);
  mendError = $state.raw<HostError | undefined>(undefined);
  error = $state.raw<HostError | undefined>(undefined);
  endedAtMs = $state(0);

  readonly sorted = $derived([...this.found].sort((a, b) => RANK[a.status] - RANK[b.status]));
  readonly fails = $derived(this.found.filter((one) => one.status === 'fail').length);
  readonly warns = $derived(this.found.filter((one) => one.status === 'warn').length);

  constructor(host: Host) {
    this.#host = host;
  }

  get busy(): boolean {
    return this.phase === 'running' || this.phase === 'mending';
  }

  /** Takes every step, one after the other; rows stand as soon as they are known. */
  async run(): Promise<void> {
    if (this.busy) return;
    this.phase = 'running';
    this.error = undefined;
    this.at = 0;
    this.found = [];
    try {
      this.steps = (await this.#host.call('doctor_steps', {})).steps;
      for (const [at, step] of this.steps.entries()) {
        this.at = at;
        const { found } = await this.#host.call('doctor_look', { step });
        this.found = [...this.found, ...found];
      }
      this.endedAtMs = Date.now();
      this.phase = 'done';
    } catch (thrown) {
      this.error = HostError.from(thrown);
      this.phase = 'failed';
    }
  }

  /** Mends what can be mended and looks again. Resolves with true where the page has to load anew. */
  async mend(): Promise<boolean> {
    if (this.busy) return false;
    this.phase = 'mending';
    this.mended = undefined;
    this.mendError = undefined;
    try {
      const { done, restart } = await this.#host.call('doctor_mend', {});
      this.mended = done;
      if (restart) return true;
    } catch (thrown) {
      this.mendError = HostError.from(thrown);
    }
    this.phase = 'idle';
    await this.run();
    return false;
  }

  /** In English, for whoever helps: ids, causes and counts, and nothing that is anybody's. */
  report(version: string): string {
    const english: Say = (word, args) => say('en', word, args);
    const pad = (text: string, width: number) => text.padEnd(width);
    const lines = this.sorted.map((one) => {
      const fix = fixOf(one, english);
      const cause = causeOf(one, english) + (fix === undefined ? '' : ` -> ${fix}`);
      return `${pad(one.status, 5)}${pad(one.check, 16)}${cause}`;
    });
    return [`Aftercall ${version}, checked at ${new Date(this.endedAtMs).toISOString()}`, ...lines, ''].join('\n');
  }
}
