import { describe, expect, it } from 'vitest';
import { STANDINGS, type RecordingState, type RecordingView } from '../bindings/contract';
import { Format } from '../text/format';
import { say, type MessageArgs } from '../text/message';
import { en, type Word } from '../text/en';
import { ACTIONS, announced, LOOKS, lookOf, panelOf, playable, rowWord, spoken } from './recording';

const NOW = Date.UTC(2026, 10, 22, 12, 0);
const STATES = Object.keys(LOOKS) as RecordingState[];

function recording(part: Partial<RecordingView>): RecordingView {
  return {
    id: 'crm:CA1',
    state: 'ready_online',
    ...STANDINGS[part.state ?? 'ready_online'],
    reason: null,
    polls: 0,
    attempts: 0,
    place: null,
    next_try_at_ms: null,
    bytes_here: 0,
    bytes_total: null,
    duration_ms: null,
    channels: null,
    codec: null,
    pinned: false,
    ...part,
  };
}

describe.each(['he', 'en'] as const)('states in %s', (language) => {
  const format = new Format(language, 'Asia/Jerusalem');
  const words = (word: Word, args?: MessageArgs) => say(language, word, args);

  it.each(STATES)('%s has a word for the row, a cause for the panel and a sentence', (state) => {
    const view = recording({ state, polls: 3 });
    for (const text of [
      rowWord(view, words, format, NOW),
      panelOf(view, words, format, NOW).title,
      announced(view, words),
    ]) {
      expect(text).not.toBe('');
      expect(text).not.toMatch(/[{}]|undefined|null|NaN/);
    }
    const { action } = view;
    if (action !== null) expect(words(ACTIONS[action])).not.toBe('');
    // A bare number is never all that is read out.
    expect(spoken(view, words, format, NOW).length).toBeGreaterThan(8);
  });
});

describe('states', () => {
  const format = new Format('en', 'Asia/Jerusalem');
  const words = (word: Word, args?: MessageArgs) => say('en', word, args);

  it('names all seventeen', () => expect(STATES).toHaveLength(17));

  it('says how far the preparing is and when it is asked again', () => {
    const view = recording({ state: 'preparing', polls: 3, next_try_at_ms: NOW + 7_200 });
    expect(rowWord(view, words, format, NOW)).toBe('3/12');
    expect(panelOf(view, words, format, NOW)).toEqual({
      title: 'Being prepared, try 3 of 12',
      sub: 'Next try in 8 s · you can leave, it goes on',
    });
    expect(panelOf(view, words, format, NOW + 8_000).sub).toContain('Asking now');
  });

  it('names the time of the next try by itself', () => {
    const view = recording({
      state: 'failed_retrying',
      reason: 'server_unavailable',
      attempts: 2,
      next_try_at_ms: NOW + 31 * 60_000,
    });
    expect(rowWord(view, words, format, NOW)).toBe('Retry 14:31');
    expect(panelOf(view, words, format, NOW)).toEqual({
      title: 'The CRM is not answering',
      sub: 'Trying again by itself at 14:31, 2 of 3',
    });
  });

  it('gives "needs you" the one fix that it needs', () => {
    const signIn = recording({ state: 'failed_needs_you', reason: 'login_expired', action: 'sign_in' });
    expect(lookOf(signIn).icon).toBe('log-in');
    expect(lookOf(recording({ state: 'failed_needs_you', reason: 'disk_full' })).icon).toBe('hard-drive');
  });

  it('shows a reason that it does not know as plainly unavailable', () => {
    const view = recording({ state: 'unavailable', reason: 'eaten_by_the_dog' });
    expect(rowWord(view, words, format, NOW)).toBe('Unavailable');
    expect(panelOf(view, words, format, NOW).title).toBe(en.panel_unavailable);
  });

  it('plays nothing that can never sound, and asks for what can', () => {
    const never = STATES.filter((state) => !playable(recording({ state })));
    expect(never.sort()).toEqual(['live', 'none_expected', 'restricted', 'unavailable', 'unsupported']);
  });

  it('is red only where a person has to act', () => {
    expect(STATES.filter((state) => LOOKS[state].tone === 'danger')).toEqual(['failed_needs_you']);
  });

  it('draws every state that the app knows, and no other', () => {
    expect(STATES.sort()).toEqual(Object.keys(STANDINGS).sort());
  });
});
