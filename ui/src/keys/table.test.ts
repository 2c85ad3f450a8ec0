import { describe, expect, it } from 'vitest';
import { allowedAt } from './keys';
import { find, isLatin, KEYS, type Stroke } from './table';

function stroke(key: string, code: string, held: Partial<Stroke> = {}): Stroke {
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, altGraph: false, ...held };
}

/** What a person gets who types this now, having typed that letter before. */
function command(typed: Stroke, latin: boolean, mac = false) {
  return find(typed, isLatin(typed, latin), mac)?.command;
}

describe('keys by layout', () => {
  it('matches a Latin layout by the letter, so Dvorak keeps its own', () => {
    // On Dvorak the letter j sits on KeyC, and KeyJ types h.
    expect(command(stroke('j', 'KeyC'), true)).toBe('back_10');
    expect(command(stroke('h', 'KeyJ'), true)).toBeUndefined();
    // Its comma sits on KeyW and its K on KeyV.
    expect(command(stroke(',', 'KeyW'), true)).toBe('previous_turn');
    expect(command(stroke('k', 'KeyV'), true)).toBe('play_pause');
  });

  it('matches a Hebrew layout by the place of the key', () => {
    expect(command(stroke('ל', 'KeyK'), true)).toBe('play_pause');
    expect(command(stroke('ח', 'KeyJ'), false)).toBe('back_10');
    expect(command(stroke('ך', 'KeyL'), false)).toBe('forward_10');
    expect(command(stroke('ד', 'KeyS'), false)).toBe('cycle_speed');
    // The Hebrew layout has its brackets the other way round: the place decides which is slower.
    expect(command(stroke(']', 'BracketLeft'), false)).toBe('slower');
    expect(command(stroke('[', 'BracketRight'), false)).toBe('faster');
  });

  it('goes by the letter again after a Latin letter', () => {
    expect(isLatin(stroke('a', 'KeyA'), false)).toBe(true);
    expect(isLatin(stroke('ש', 'KeyA'), true)).toBe(false);
    expect(isLatin(stroke('/', 'KeyQ'), false)).toBe(false);
    expect(isLatin(stroke('f', 'KeyF', { ctrlKey: true }), false)).toBe(false);
  });

  it('takes digits by their place, also where they need Shift', () => {
    expect(find(stroke('5', 'Digit5'), true, false)).toMatchObject({ command: 'tenth', key: '5' });
    expect(find(stroke('(', 'Digit5'), true, false)).toMatchObject({ command: 'tenth', key: '5' });
    expect(find(stroke('5', 'Digit5', { shiftKey: true }), true, false)).toMatchObject({ command: 'tenth', key: '5' });
  });

  it('finds Ctrl with a letter whether the engine says the Hebrew or the Latin one', () => {
    const ctrl = { ctrlKey: true };
    expect(command(stroke('כ', 'KeyF', ctrl), false)).toBe('find');
    expect(command(stroke('f', 'KeyF', ctrl), false)).toBe('find');
    expect(command(stroke('r', 'KeyR', ctrl), true)).toBe('sync_now');
    expect(command(stroke('r', 'KeyR'), true)).toBe('retry');
    expect(command(stroke('1', 'Digit1', ctrl), true)).toBe('go_calls');
  });

  it('reads Ctrl as ⌘ on macOS and leaves the other one alone', () => {
    expect(command(stroke('f', 'KeyF', { metaKey: true }), true, true)).toBe('find');
    expect(command(stroke('f', 'KeyF', { ctrlKey: true }), true, true)).toBeUndefined();
    expect(command(stroke('f', 'KeyF', { metaKey: true }), true, false)).toBeUndefined();
  });

  it('takes a character made with AltGr for what it is, and Alt for somebody else’s', () => {
    expect(command(stroke('[', 'Digit8', { ctrlKey: true, altKey: true, altGraph: true }), true)).not.toBe('go_calls');
    expect(command(stroke('s', 'KeyS', { altKey: true }), true)).toBeUndefined();
  });

  it('takes a sign for what it is, with Shift or without', () => {
    expect(command(stroke('?', 'Slash', { shiftKey: true }), true)).toBe('help');
    // AZERTY types it on the key of the comma, and a screen reader's own keys come without Shift.
    expect(command(stroke('?', 'KeyM', { shiftKey: true }), true)).toBe('help');
    expect(command(stroke('?', 'Slash'), true)).toBe('help');
    // On a Hebrew layout by its place, where "?" is on Shift too.
    expect(command(stroke('?', 'Slash', { shiftKey: true }), false)).toBe('help');
    expect(command(stroke('/', 'Slash'), true)).toBeUndefined();
  });

  it('never mirrors the arrows', () => {
    for (const latin of [true, false]) {
      expect(command(stroke('ArrowLeft', 'ArrowLeft'), latin)).toBe('back_5');
      expect(command(stroke('ArrowRight', 'ArrowRight', { shiftKey: true }), latin)).toBe('forward_1');
    }
  });

  it('has no two commands on one key', () => {
    for (const by of ['key', 'code'] as const) {
      const seen = KEYS.map((binding) => [binding[by], binding.ctrl ?? false, binding.shift ?? false].join(' '));
      expect(new Set(seen).size).toBe(seen.length);
    }
  });
});

describe('where keys are allowed', () => {
  const single = KEYS.find((binding) => binding.key === 'k');
  const ctrlF = KEYS.find((binding) => binding.command === 'find');
  const space = KEYS.find((binding) => binding.code === 'Space');

  it('keeps single keys out of text fields, not those with Ctrl', () => {
    const field = document.createElement('input');
    expect(single !== undefined && allowedAt(field, single)).toBe(false);
    expect(ctrlF !== undefined && allowedAt(field, ctrlF)).toBe(true);
    const range = document.createElement('input');
    range.type = 'range';
    expect(single !== undefined && allowedAt(range, single)).toBe(true);
  });

  it('leaves Space to a button that has the focus', () => {
    const button = document.createElement('button');
    expect(space !== undefined && allowedAt(button, space)).toBe(false);
    expect(single !== undefined && allowedAt(button, single)).toBe(true);
  });
});

describe('the player’s keys on the layouts that people type on', () => {
  const COMMANDS: Record<string, string> = {
    k: 'play_pause',
    j: 'back_10',
    l: 'forward_10',
    ',': 'previous_turn',
    '.': 'next_turn',
    '[': 'slower',
    ']': 'faster',
    s: 'cycle_speed',
    w: 'say_again',
    x: 'skip_silence',
    v: 'level',
    e: 'solo',
    i: 'repeat_a',
    o: 'repeat_b',
    c: 'comment',
    b: 'bookmark',
    g: 'go_to_time',
    z: 'undo_jump',
    m: 'mute',
    n: 'next_call',
    p: 'previous_call',
  };
  const US =
    'KeyK KeyJ KeyL Comma Period BracketLeft BracketRight KeyS KeyW KeyX KeyV KeyE KeyI KeyO KeyC KeyB KeyG KeyZ KeyM KeyN KeyP';
  /** What each of those places types, in the same order. Other scripts are matched by the place. */
  const BY_PLACE: Record<string, string> = {
    Hebrew: "ל ח ך ת ץ ] [ ד ' ס ה ק ן ם ב נ ע ז צ מ פ",
    Arabic: 'ن ت م و ز ج د س ص ء ر ث ه خ ؤ لا ل ئ ة ى ح',
    Russian: 'л о д б ю х ъ ы ц ч м у ш щ с и п я ь т з',
  };
  /** Where each of those letters is typed, in the same order. Latin layouts are matched by the letter. */
  const BY_LETTER: Record<string, string> = {
    French:
      'KeyK KeyJ KeyL KeyM Comma Digit5 Minus KeyS KeyZ KeyX KeyV KeyE KeyI KeyO KeyC KeyB KeyG KeyW Semicolon KeyN KeyP',
    Dvorak:
      'KeyV KeyC KeyP KeyW KeyE Minus Equal Semicolon Comma KeyB Period KeyD KeyG KeyS KeyI KeyN KeyU Slash KeyM KeyL KeyR',
    English: US,
  };
  const letters = Object.keys(COMMANDS);

  it.each(Object.entries(BY_PLACE))('%s', (_, typed) => {
    const places = US.split(' ');
    typed.split(' ').forEach((key, n) => {
      const letter = letters[n] ?? '';
      expect(command(stroke(key, places[n] ?? ''), false), letter).toBe(COMMANDS[letter]);
    });
    expect(find(stroke(typed.split(' ')[2] ?? '', 'KeyL', { shiftKey: true }), false, false)?.command).toBe('repeat');
  });

  it.each(Object.entries(BY_LETTER))('%s', (name, places) => {
    places.split(' ').forEach((place, n) => {
      const key = letters[n] ?? '';
      // AZERTY has the full stop on Shift and the brackets on AltGr, which arrives as Ctrl+Alt.
      const held =
        name !== 'French'
          ? {}
          : key === '.'
            ? { shiftKey: true }
            : '[]'.includes(key)
              ? { ctrlKey: true, altKey: true, altGraph: true }
              : {};
      expect(command(stroke(key, place, held), true), key).toBe(COMMANDS[key]);
    });
    const at = places.split(' ')[2] ?? '';
    expect(find(stroke('L', at, { shiftKey: true }), true, false)?.command).toBe('repeat');
  });

  it('while a note is typed: F4, F7, F8, F9 and Ctrl+J, and no single key', () => {
    const inText = KEYS.filter((binding) => binding.inText === true);
    const of = (key: string, code: string, ctrlKey = false) => {
      const found = find(stroke(key, code, { ctrlKey }), false, false);
      return found !== undefined && inText.includes(found) ? found.command : undefined;
    };
    expect(of('F8', 'F8')).toBe('play_pause');
    expect(of('F7', 'F7')).toBe('back_5');
    expect(of('F9', 'F9')).toBe('forward_5');
    expect(of('F4', 'F4')).toBe('cycle_speed');
    expect(of('ח', 'KeyJ', true)).toBe('insert_time');
    for (const letter of letters) expect(of(letter, 'KeyK')).toBeUndefined();
  });
});
