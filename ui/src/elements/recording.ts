import type { Code, RecordingAction, RecordingState, RecordingView } from '../bindings/contract';
import type { Format } from '../text/format';
import type { MessageArgs } from '../text/message';
import { en, type Word } from '../text/en';

/** Icons by their lucide names; `half` is our own. */
export type StateIcon =
  | 'minus'
  | 'radio'
  | 'hourglass'
  | 'clock'
  | 'cloud'
  | 'list-ordered'
  | 'download'
  | 'half'
  | 'check'
  | 'pin'
  | 'history'
  | 'refresh'
  | 'log-in'
  | 'hard-drive'
  | 'alert'
  | 'ban'
  | 'lock'
  | 'wrench'
  | 'file-warning'
  | 'volume-off';

/** Green is sound; ochre: the app tries again by itself; red: a person has to act. `ok`: a green icon, the word in ink. */
export type Tone = 'quiet' | 'ink' | 'sound' | 'ok' | 'caution' | 'danger';

export type Say = (word: Word, args?: MessageArgs) => string;

interface Look {
  readonly icon: StateIcon;
  readonly tone: Tone;
}

/** Every state of a recording. One that the app adds does not compile until it is here. */
export const LOOKS: Readonly<Record<RecordingState, Look>> = {
  none_expected: { icon: 'minus', tone: 'quiet' },
  live: { icon: 'radio', tone: 'ink' },
  preparing: { icon: 'hourglass', tone: 'sound' },
  still_preparing: { icon: 'clock', tone: 'ink' },
  ready_online: { icon: 'cloud', tone: 'ink' },
  queued: { icon: 'list-ordered', tone: 'ink' },
  downloading: { icon: 'download', tone: 'sound' },
  partial: { icon: 'half', tone: 'ink' },
  on_device: { icon: 'check', tone: 'ok' },
  pinned: { icon: 'pin', tone: 'ok' },
  evicted: { icon: 'history', tone: 'quiet' },
  failed_retrying: { icon: 'refresh', tone: 'caution' },
  failed_needs_you: { icon: 'alert', tone: 'danger' },
  unavailable: { icon: 'ban', tone: 'quiet' },
  restricted: { icon: 'lock', tone: 'quiet' },
  damaged: { icon: 'wrench', tone: 'caution' },
  unsupported: { icon: 'file-warning', tone: 'ink' },
};

/** What the one button says. */
export const ACTIONS: Readonly<Record<RecordingAction, Word>> = {
  want: 'action_check_now',
  download: 'action_download',
  download_again: 'action_download_again',
  try_now: 'action_try_now',
  sign_in: 'action_sign_in',
  copy_id: 'action_copy_id',
};

export const POLLS = 12;

/** The look of this recording: a failure that needs the person shows what it needs. What can be done about it, and what
 * happens next, comes with it from the app. */
export function lookOf(recording: RecordingView): Look {
  const look = LOOKS[recording.state];
  if (recording.action === 'sign_in') return { ...look, icon: 'log-in' };
  if (recording.state === 'failed_needs_you' && recording.reason === 'disk_full')
    return { ...look, icon: 'hard-drive' };
  return look;
}

/** A word of the table if it is one: reasons grow in the app first. */
function known(word: string): Word | undefined {
  return word in en ? (word as Word) : undefined;
}

function isLogin(reason: string | null): boolean {
  return reason === 'login_expired' || reason === 'wrong_password';
}

function percentOf(recording: RecordingView, format: Format): string | undefined {
  const all = recording.bytes_total;
  return all !== null && all > 0 ? format.percent(recording.bytes_here, all) : undefined;
}

/** What the row says, in at most three words. */
export function rowWord(recording: RecordingView, say: Say, format: Format, nowMs: number): string {
  const { state, reason } = recording;
  switch (state) {
    case 'preparing':
      return say('rec_preparing', { n: recording.polls });
    case 'queued':
      return recording.place === null ? say('rec_queued') : say('rec_queued_place', { place: recording.place });
    case 'downloading': {
      const percent = percentOf(recording, format);
      return percent === undefined ? say('rec_downloading') : say('rec_downloading_percent', { percent });
    }
    case 'partial': {
      const percent = percentOf(recording, format);
      return percent === undefined ? say('rec_partial') : say('rec_partial_percent', { percent });
    }
    case 'failed_retrying': {
      const next = recording.next_try_at_ms;
      return next === null || next <= nowMs
        ? say('rec_failed_retrying')
        : say('rec_failed_retrying_at', { time: format.time(next) });
    }
    case 'failed_needs_you': {
      if (isLogin(reason)) return say('needs_login_expired');
      const word = reason === null ? undefined : known(`needs_${reason}`);
      return say(word ?? 'rec_failed_needs_you');
    }
    case 'unavailable': {
      const word = reason === null ? undefined : known(`reason_${reason}`);
      return say(word ?? 'rec_unavailable');
    }
    case 'none_expected':
    case 'live':
    case 'still_preparing':
    case 'ready_online':
    case 'on_device':
    case 'pinned':
    case 'evicted':
    case 'restricted':
    case 'damaged':
    case 'unsupported':
      return say(`rec_${state}`);
  }
}

export interface Panel {
  /** The cause. */
  readonly title: string;
  /** What happens by itself. */
  readonly sub: string;
}

/** What the player says while it cannot sound: the cause, then what happens next by itself. */
export function panelOf(recording: RecordingView, say: Say, format: Format, nowMs: number): Panel {
  const { state, reason, next_try_at_ms: next } = recording;
  const seconds = next === null ? null : Math.ceil((next - nowMs) / 1000);
  const failure = (): string => bare(say(reason === null ? 'error_server_unavailable' : causeOf(reason)));
  switch (state) {
    case 'preparing':
      return {
        title: recording.polls === 0 ? say('panel_preparing_first') : say('panel_preparing', { n: recording.polls }),
        sub:
          seconds === null
            ? say('panel_preparing_sub_soon')
            : seconds <= 0
              ? say('panel_preparing_sub_now')
              : say('panel_preparing_sub', { seconds }),
      };
    case 'still_preparing':
      return {
        title: say('panel_still_preparing'),
        sub:
          next === null || next <= nowMs
            ? say('panel_still_preparing_sub')
            : say('panel_still_preparing_sub_at', { time: format.near(next, nowMs) }),
      };
    case 'queued': {
      const place = recording.place;
      return {
        title: place === null ? say('panel_queued') : say('panel_queued_place', { place }),
        sub: place === null || place < 2 ? say('panel_queued_sub') : say('panel_queued_sub_others', { n: place - 1 }),
      };
    }
    case 'downloading': {
      const percent = percentOf(recording, format);
      const all = recording.bytes_total;
      return {
        title: percent === undefined ? say('panel_downloading') : say('panel_downloading_percent', { percent }),
        sub:
          all === null
            ? say('panel_downloading_sub')
            : say('panel_downloading_sub_bytes', { here: format.bytes(recording.bytes_here), all: format.bytes(all) }),
      };
    }
    case 'partial':
      return {
        title: say('panel_partial', { percent: percentOf(recording, format) ?? '' }),
        sub: say('panel_partial_sub'),
      };
    case 'failed_retrying': {
      const n = Math.max(1, Math.min(3, recording.attempts));
      if (seconds === null || next === null || seconds <= 0)
        return { title: failure(), sub: say('panel_failed_retrying_sub') };
      return {
        title: failure(),
        sub:
          seconds < 90
            ? say('panel_failed_retrying_sub_in', { seconds, n })
            : say('panel_failed_retrying_sub_at', { time: format.near(next, nowMs), n }),
      };
    }
    case 'failed_needs_you':
      if (isLogin(reason)) return { title: say('panel_needs_login'), sub: say('panel_needs_login_sub') };
      if (reason === null) return { title: say('panel_failed_needs_you'), sub: say('error_internal_fix') };
      return { title: failure(), sub: say(fixOf(reason)) };
    case 'unavailable':
      switch (reason) {
        case 'too_short':
        case 'silent':
        case 'deleted_at_source':
        case 'past_retention':
        case 'header_only':
        case 'never_ready':
          return { title: say(`panel_${reason}`), sub: say(`panel_${reason}_sub`) };
        case 'not_answered':
          return { title: say('panel_none_expected'), sub: say('panel_none_expected_sub') };
        case 'gone':
          return { title: say('panel_deleted_at_source'), sub: say('panel_deleted_at_source_sub') };
        default:
          return { title: say('panel_unavailable'), sub: say('panel_unavailable_sub') };
      }
    case 'unsupported':
      return {
        title: say('panel_unsupported'),
        sub:
          recording.codec === null
            ? say('panel_unsupported_sub')
            : say('panel_unsupported_sub_codec', { codec: `\u2066${recording.codec}\u2069` }),
      };
    case 'none_expected':
    case 'live':
    case 'ready_online':
    case 'evicted':
    case 'restricted':
    case 'damaged':
      return { title: say(`panel_${state}`), sub: say(`panel_${state}_sub`) };
    case 'on_device':
    case 'pinned':
      return { title: say('opening'), sub: say(`rec_${state}`) };
  }
}

/** The whole sentence, for the tooltip and the screen reader: never a bare "62%". */
export function spoken(recording: RecordingView, say: Say, format: Format, nowMs: number): string {
  const { state } = recording;
  const state_ =
    state === 'on_device' || state === 'pinned' ? say(`rec_${state}`) : panelOf(recording, say, format, nowMs).title;
  return say('spoken_state', { state: state_ });
}

/** What has to be announced when it changes: the kind of state, not its percentage. */
export function announced(recording: RecordingView, say: Say): string {
  if (recording.state === 'downloading') return say('rec_downloading');
  if (recording.state === 'preparing') return say('panel_preparing_first');
  return say(`rec_${recording.state}`);
}

/** A line that stands alone ends without a full stop. */
function bare(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

function causeOf(code: string): Word {
  return known(`error_${code}`) ?? known(`reason_${code}`) ?? 'error_internal';
}

function fixOf(code: string): Word {
  return known(`error_${code}_fix`) ?? 'error_internal_fix';
}

/** Cause and fix of an error code. */
export function failureText(code: Code, say: Say, where?: 'sign_in'): Panel {
  const special = where === undefined ? undefined : known(`error_${code}_${where}`);
  const specialFix = where === undefined ? undefined : known(`error_${code}_${where}_fix`);
  return { title: bare(say(special ?? `error_${code}`)), sub: say(specialFix ?? `error_${code}_fix`) };
}

/** Can be put into the player: it sounds, or it is asked for and sounds when it has come. */
export function playable(recording: RecordingView): boolean {
  return recording.play !== 'never';
}

/** The whole file is here and its waveform can be drawn. */
export function isHere(recording: RecordingView): boolean {
  return recording.play === 'sounds';
}
