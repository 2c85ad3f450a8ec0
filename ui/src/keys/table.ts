/** What a key can ask for. A later issue adds a line here and one in the table, nothing else. */
export type Command =
  | 'play_pause'
  | 'back_5'
  | 'forward_5'
  | 'back_10'
  | 'forward_10'
  | 'back_1'
  | 'forward_1'
  | 'slower'
  | 'faster'
  | 'cycle_speed'
  | 'normal_speed'
  | 'tenth'
  | 'mute'
  | 'louder'
  | 'quieter'
  | 'next_turn'
  | 'previous_turn'
  | 'say_again'
  | 'skip_silence'
  | 'level'
  | 'solo'
  | 'repeat_a'
  | 'repeat_b'
  | 'repeat'
  | 'print'
  | 'comment'
  | 'bookmark'
  | 'go_to_time'
  | 'undo_jump'
  | 'next_call'
  | 'previous_call'
  | 'find'
  | 'insert_time'
  | 'go_calls'
  | 'go_leads'
  | 'go_offline'
  | 'go_appointments'
  | 'palette'
  | 'help'
  | 'open_settings'
  | 'lock'
  | 'sync_now'
  | 'select_all'
  | 'download'
  | 'pin'
  | 'export'
  | 'retry'
  | 'back'
  | 'next_pane'
  | 'previous_pane';

export interface Binding {
  readonly command: Command;
  /** `event.key` in lower case: how a Latin layout is matched. */
  readonly key: string;
  /** `event.code`: how every other layout is matched, and digits always. */
  readonly code: string;
  /** Ctrl, on macOS ⌘. */
  readonly ctrl?: true;
  readonly shift?: true;
  /** Works while typing, too. */
  readonly inText?: true;
}

const digits: readonly Binding[] = Array.from({ length: 10 }, (_, n) => ({
  command: 'tenth' as const,
  key: String(n),
  code: `Digit${n}`,
}));

/** The one table of keys. Enter and the arrows up and down belong to the list that has the focus. */
export const KEYS: readonly Binding[] = [
  { command: 'play_pause', key: ' ', code: 'Space' },
  { command: 'play_pause', key: 'k', code: 'KeyK' },
  { command: 'back_5', key: 'arrowleft', code: 'ArrowLeft' },
  { command: 'forward_5', key: 'arrowright', code: 'ArrowRight' },
  { command: 'back_10', key: 'j', code: 'KeyJ' },
  { command: 'forward_10', key: 'l', code: 'KeyL' },
  { command: 'back_1', key: 'arrowleft', code: 'ArrowLeft', shift: true },
  { command: 'forward_1', key: 'arrowright', code: 'ArrowRight', shift: true },
  { command: 'slower', key: '[', code: 'BracketLeft' },
  { command: 'faster', key: ']', code: 'BracketRight' },
  { command: 'cycle_speed', key: 's', code: 'KeyS' },
  { command: 'normal_speed', key: 'backspace', code: 'Backspace' },
  ...digits,
  { command: 'previous_turn', key: ',', code: 'Comma' },
  { command: 'next_turn', key: '.', code: 'Period' },
  { command: 'say_again', key: 'w', code: 'KeyW' },
  { command: 'skip_silence', key: 'x', code: 'KeyX' },
  { command: 'level', key: 'v', code: 'KeyV' },
  { command: 'solo', key: 'e', code: 'KeyE' },
  { command: 'repeat_a', key: 'i', code: 'KeyI' },
  { command: 'repeat_b', key: 'o', code: 'KeyO' },
  { command: 'repeat', key: 'l', code: 'KeyL', shift: true },
  { command: 'comment', key: 'c', code: 'KeyC' },
  { command: 'bookmark', key: 'b', code: 'KeyB' },
  { command: 'go_to_time', key: 'g', code: 'KeyG' },
  { command: 'undo_jump', key: 'z', code: 'KeyZ' },
  { command: 'mute', key: 'm', code: 'KeyM' },
  { command: 'louder', key: 'arrowup', code: 'ArrowUp', ctrl: true, inText: true },
  { command: 'quieter', key: 'arrowdown', code: 'ArrowDown', ctrl: true, inText: true },
  { command: 'next_call', key: 'n', code: 'KeyN' },
  { command: 'previous_call', key: 'p', code: 'KeyP' },
  // The player's keys while a note is typed.
  { command: 'play_pause', key: 'f8', code: 'F8', inText: true },
  { command: 'back_5', key: 'f7', code: 'F7', inText: true },
  { command: 'forward_5', key: 'f9', code: 'F9', inText: true },
  { command: 'cycle_speed', key: 'f4', code: 'F4', inText: true },
  { command: 'insert_time', key: 'j', code: 'KeyJ', ctrl: true, inText: true },
  { command: 'find', key: 'f', code: 'KeyF', ctrl: true, inText: true },
  { command: 'go_calls', key: '1', code: 'Digit1', ctrl: true, inText: true },
  { command: 'go_leads', key: '2', code: 'Digit2', ctrl: true, inText: true },
  { command: 'go_offline', key: '3', code: 'Digit3', ctrl: true, inText: true },
  { command: 'go_appointments', key: '4', code: 'Digit4', ctrl: true, inText: true },
  { command: 'palette', key: 'k', code: 'KeyK', ctrl: true, inText: true },
  { command: 'help', key: '?', code: 'Slash', shift: true },
  { command: 'open_settings', key: ',', code: 'Comma', ctrl: true, inText: true },
  { command: 'lock', key: 'l', code: 'KeyL', ctrl: true, inText: true },
  { command: 'sync_now', key: 'r', code: 'KeyR', ctrl: true, inText: true },
  { command: 'select_all', key: 'a', code: 'KeyA', ctrl: true },
  { command: 'print', key: 'p', code: 'KeyP', ctrl: true, inText: true },
  { command: 'download', key: 'd', code: 'KeyD' },
  { command: 'pin', key: 'd', code: 'KeyD', shift: true },
  { command: 'export', key: 'e', code: 'KeyE', ctrl: true, inText: true },
  { command: 'retry', key: 'r', code: 'KeyR' },
  { command: 'back', key: 'escape', code: 'Escape', inText: true },
  { command: 'next_pane', key: 'f6', code: 'F6', inText: true },
  { command: 'previous_pane', key: 'f6', code: 'F6', shift: true, inText: true },
];

/** Neither a letter nor a digit nor a named key. */
const SIGN = /^[^\p{L}\d\s]$/u;

/** The parts of a `KeyboardEvent` that decide. */
export interface Stroke {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  /** AltGr, which arrives as Ctrl+Alt and only makes a character. */
  readonly altGraph: boolean;
}

/**
 * Which layout the person types on, judged by the last letter. Digits, punctuation and what Ctrl turns a key into say
 * nothing: Ctrl+כ arrives as "f" from some engines.
 */
export function isLatin(stroke: Stroke, before: boolean): boolean {
  if (stroke.ctrlKey || stroke.metaKey) return before;
  if (!/^\p{L}$/u.test(stroke.key)) return before;
  return /^[a-z]$/i.test(stroke.key);
}

/**
 * The binding that a stroke means. On a Latin layout by the character, so that Dvorak and AZERTY keep their letters;
 * on any other by the place of the key, so that a Hebrew keyboard works; digits always by their place.
 */
export function find(
  stroke: Stroke,
  latin: boolean,
  mac: boolean,
  table: readonly Binding[] = KEYS,
): Binding | undefined {
  if (stroke.altKey && !stroke.altGraph) return undefined;
  const ctrl = stroke.altGraph ? false : mac ? stroke.metaKey : stroke.ctrlKey;
  const other = mac ? stroke.ctrlKey : stroke.metaKey;
  if (other && !stroke.altGraph) return undefined;
  const key = stroke.key.toLowerCase();
  // With Ctrl, an engine may already have put the Latin letter there whatever the layout.
  const byKey = latin || (ctrl && /^[a-z]$/.test(key));
  return table.find((binding) => {
    if ((binding.ctrl ?? false) !== ctrl) return false;
    const digit = binding.code.startsWith('Digit');
    // AZERTY has its digits on Shift: the place of the key is enough, with Shift or without.
    if (digit) return stroke.code === binding.code;
    // A sign is what it is, however it is typed: AZERTY has its full stop on Shift, and "?" is there on most layouts.
    if (byKey && !ctrl && SIGN.test(binding.key)) return key === binding.key;
    if ((binding.shift ?? false) !== stroke.shiftKey) return false;
    return byKey ? key === binding.key : stroke.code === binding.code;
  });
}
