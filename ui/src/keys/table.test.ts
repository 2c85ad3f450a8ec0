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
    expect(command(stroke(',', 'KeyW'), true)).toBeUndefined();
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
