import { describe, expect, it } from 'vitest';
import { groupsOf } from './groups';
import { capsOf, chosenKey, nameOf, remapped } from './remap';
import { find, KEYS, type Binding, type Stroke } from './table';

function stroke(key: string, code: string, held: Partial<Stroke> = {}): Stroke {
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, altGraph: false, ...held };
}

const of = (command: string) => KEYS.find((binding) => binding.command === command) as Binding;

describe('keys that a person moved', () => {
  it('works at its new place and not at its old one', () => {
    const remappedKeys = [{ command: 'download', was: 'd', key: 'y', code: 'KeyY', ctrl: false, shift: false }];
    const table = remapped(KEYS, { singles: true, remapped: remappedKeys });
    expect(find(stroke('y', 'KeyY'), true, false, table)?.command).toBe('download');
    // On a Hebrew layout by its place.
    expect(find(stroke('ט', 'KeyY'), false, false, table)?.command).toBe('download');
    expect(find(stroke('d', 'KeyD'), true, false, table)).toBeUndefined();
  });

  it('can be switched off as far as they need no Ctrl', () => {
    const table = remapped(KEYS, { singles: false, remapped: [] });
    expect(find(stroke('k', 'KeyK'), true, false, table)).toBeUndefined();
    expect(find(stroke('?', 'Slash', { shiftKey: true }), true, false, table)).toBeUndefined();
    expect(find(stroke('k', 'KeyK', { ctrlKey: true }), true, false, table)?.command).toBe('palette');
    // What works while typing stays, or a note could not be typed beside a call.
    expect(find(stroke('F8', 'F8'), true, false, table)?.command).toBe('play_pause');
    expect(find(stroke('Escape', 'Escape'), true, false, table)?.command).toBe('back');
  });

  it('refuses a key that is taken and keys that the system needs', () => {
    expect(chosenKey(stroke('p', 'KeyP'), false, KEYS, of('download'))).toEqual({
      refused: 'taken',
      by: 'previous_call',
    });
    for (const never of [
      stroke('Tab', 'Tab'),
      stroke('Enter', 'Enter'),
      stroke('a', 'KeyA', { altKey: true }),
      stroke(' ', 'Space', { ctrlKey: true }),
    ])
      expect(chosenKey(never, false, KEYS, of('download'))).toEqual({ refused: 'never' });
    expect(chosenKey(stroke('d', 'KeyD'), false, KEYS, of('download'))).toMatchObject({ key: { key: 'd' } });
    // Typed on a Hebrew layout it is the Latin letter of that key that is kept.
    expect(chosenKey(stroke('ט', 'KeyY'), false, KEYS, of('download'))).toEqual({
      key: { key: 'y', code: 'KeyY', ctrl: false, shift: false },
    });
  });

  it('leaves the digits, the arrows and Escape where they are', () => {
    const table = remapped(KEYS, {
      singles: true,
      remapped: [{ command: 'back', was: 'escape', key: 'y', code: 'KeyY', ctrl: false, shift: false }],
    });
    expect(find(stroke('Escape', 'Escape'), true, false, table)?.command).toBe('back');
  });

  it('shows each key as its cap says, and every command once in one group', () => {
    expect(capsOf(of('palette'), false)).toBe('Ctrl K');
    expect(capsOf(of('palette'), true)).toBe('⌘ K');
    expect(capsOf(of('help'), false)).toBe('?');
    expect(capsOf(of('pin'), false)).toBe('Shift D');
    const lines = groupsOf(KEYS).flatMap((group) => group.lines.map((line) => `${group.id} ${line.command}`));
    expect(new Set(lines).size).toBe(lines.length);
    for (const { command } of KEYS) expect(lines.some((line) => line.endsWith(` ${command}`))).toBe(true);
    expect(nameOf(of('palette'))).toBe('ctrl+k');
  });
});
