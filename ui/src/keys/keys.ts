import { remapped } from './remap';
import type { KeySettings } from '../bindings/contract';
import { find, isLatin, KEYS, type Binding, type Command, type Stroke } from './table';

export type Run = (binding: Binding) => boolean | void;
export type Handlers = Partial<Record<Command, Run>>;

/** On macOS ⌘ is what is Ctrl elsewhere. */
export const MAC = /mac/i.test(navigator.platform);

/**
 * Listens once for the whole window. The handlers added last are asked first; one that answers `false` passes on,
 * so that a screen can speak for its row and the player answers for the rest.
 */
export class Keys {
  readonly #stack: Handlers[] = [];
  #table: readonly Binding[] = KEYS;
  #latin = true;

  /** From now on the keys are as a person changed them. */
  set(settings: KeySettings): void {
    this.#table = this.table(settings);
  }

  /** The table as a person changed it. */
  table(settings: KeySettings): readonly Binding[] {
    return remapped(KEYS, settings);
  }

  /** Adds handlers; the returned function takes them away. */
  use(handlers: Handlers): () => void {
    this.#stack.push(handlers);
    return () => {
      const at = this.#stack.indexOf(handlers);
      if (at >= 0) this.#stack.splice(at, 1);
    };
  }

  listen(target: Window): () => void {
    const down = (event: KeyboardEvent) => this.#down(event);
    target.addEventListener('keydown', down);
    return () => target.removeEventListener('keydown', down);
  }

  #down(event: KeyboardEvent): void {
    const stroke: Stroke = {
      key: event.key,
      code: event.code,
      ctrlKey: event.ctrlKey,
      metaKey: event.metaKey,
      shiftKey: event.shiftKey,
      altKey: event.altKey,
      altGraph: event.getModifierState('AltGraph'),
    };
    this.#latin = isLatin(stroke, this.#latin);
    if (event.defaultPrevented || event.isComposing) return;
    const binding = find(stroke, this.#latin, MAC, this.#table);
    if (binding === undefined || !allowedAt(event.target, binding)) return;
    for (let i = this.#stack.length - 1; i >= 0; i -= 1) {
      const run: Run | undefined = this.#stack[i]?.[binding.command];
      if (run !== undefined && run(binding) !== false) {
        event.preventDefault();
        return;
      }
    }
  }
}

/** Single keys keep out of text fields, of open menus, and off the keys that a control has for itself. */
export function allowedAt(target: EventTarget | null, binding: Binding): boolean {
  if (!(target instanceof HTMLElement)) return true;
  if (isTextField(target)) return binding.inText === true;
  // What lies over the page has the keys to itself.
  if (target.closest('[role=menu], [role=listbox], [role=dialog]') !== null) return false;
  const single = binding.ctrl === undefined;
  if (
    single &&
    binding.code === 'Space' &&
    target.closest('button, a[href], input, summary, [role=menuitem]') !== null
  ) {
    return false;
  }
  if (single && binding.code.startsWith('Arrow') && target.closest('input, select, [role=tablist]') !== null)
    return false;
  return true;
}

function isTextField(element: HTMLElement): boolean {
  if (element.isContentEditable || element instanceof HTMLTextAreaElement) return true;
  return (
    element instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button', 'submit'].includes(element.type)
  );
}
