import type { KeySettings, RemappedKey } from '../bindings/contract';
import type { Binding, Command, Stroke } from './table';

/** How a key is called, here and where the change of it is kept: `ctrl+k`, `shift+d`, ` `. */
export function nameOf(binding: Pick<Binding, 'key' | 'ctrl' | 'shift'>): string {
  return [binding.ctrl === true ? 'ctrl+' : '', binding.shift === true ? 'shift+' : '', binding.key].join('');
}

/** Works without Ctrl: a letter, a digit, a sign. What works while typing (F8) is none, and stays. */
export function isSingle(binding: Binding): boolean {
  return binding.ctrl === undefined && binding.inText !== true;
}

/** The ten digits and the arrows are a scale, not a choice; Escape leaves, whatever happens. */
export function canRemap(binding: Binding): boolean {
  return binding.command !== 'tenth' && !binding.key.startsWith('arrow') && binding.command !== 'back';
}

/** The table as a person changed it: other keys where they chose some, no single ones where they are off. */
export function remapped(table: readonly Binding[], settings: KeySettings): readonly Binding[] {
  const chosen = new Map(settings.remapped.map((one) => [`${one.command} ${one.was}`, one]));
  return table
    .map((binding) => {
      const other = chosen.get(`${binding.command} ${nameOf(binding)}`);
      return other === undefined || !canRemap(binding) ? binding : applied(binding, other);
    })
    .filter((binding) => settings.singles || !isSingle(binding));
}

function applied(binding: Binding, other: RemappedKey): Binding {
  const { command, inText } = binding;
  // A single key would write itself into the text.
  const works = inText === true && (other.ctrl || /^f\d+$/.test(other.key));
  return {
    command,
    key: other.key,
    code: other.code,
    ...(other.ctrl && { ctrl: true as const }),
    ...(other.shift && { shift: true as const }),
    ...(works && { inText: true as const }),
  };
}

/** Keys that an engine, a desktop or a screen reader needs for itself. */
const NEVER = new Set(['control', 'shift', 'alt', 'meta', 'tab', 'enter', 'escape', 'capslock', 'dead', 'process']);

export type Refusal = 'never' | 'taken';

/** What a stroke would be as the key of a command, or why it cannot be. */
export function chosenKey(
  stroke: Stroke,
  mac: boolean,
  table: readonly Binding[],
  own: Binding,
): { key: Omit<RemappedKey, 'command' | 'was'> } | { refused: Refusal; by?: Command } {
  const ctrl = mac ? stroke.metaKey : stroke.ctrlKey;
  const key = stroke.key.toLowerCase();
  const latin = /^[\x20-\x7e]$/.test(key) ? key : letterOf(stroke.code);
  const named = latin ?? key;
  if (NEVER.has(key) || stroke.altKey || (ctrl && (named === ' ' || (mac ? stroke.ctrlKey : stroke.metaKey)))) {
    return { refused: 'never' };
  }
  const wanted = { key: named, code: stroke.code, ctrl, shift: stroke.shiftKey };
  const name = nameOf({ key: named, ...(ctrl && { ctrl: true }), ...(stroke.shiftKey && { shift: true }) });
  const holder = table.find((binding) => binding !== own && nameOf(binding) === name);
  return holder === undefined ? { key: wanted } : { refused: 'taken', by: holder.command };
}

/** The Latin letter of a key on which another script is typed. */
function letterOf(code: string): string | undefined {
  return /^Key([A-Z])$/.exec(code)?.[1]?.toLowerCase();
}

/** A key as a cap shows it: `Ctrl K`, `⌘ K`, `Space`. */
export function capsOf(binding: Pick<Binding, 'key' | 'ctrl' | 'shift'>, mac: boolean): string {
  const names: Record<string, string> = {
    ' ': 'Space',
    arrowleft: '←',
    arrowright: '→',
    arrowup: '↑',
    arrowdown: '↓',
    escape: 'Esc',
    backspace: mac ? '⌫' : 'Backspace',
  };
  const own = names[binding.key] ?? (binding.key.length === 1 ? binding.key.toUpperCase() : capitalised(binding.key));
  // "?" is typed with Shift by itself.
  const shift = binding.shift === true && /^[a-z]|^f\d|^arrow/.test(binding.key);
  return [...(binding.ctrl === true ? [mac ? '⌘' : 'Ctrl'] : []), ...(shift ? ['Shift'] : []), own].join(' ');
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
