import type { MarkView, NoteView } from '../../bindings/contract';

/** One line of "notes and marks": what was marked on this device, what the CRM has of it, or both. */
export interface MarkEntry {
  readonly key: string;
  readonly kind: MarkView['kind'];
  readonly atMs: number;
  readonly text: string;
  readonly markId: number | null;
  readonly note: NoteView | null;
}

const second = (ms: number) => Math.floor(ms / 1000);

/**
 * Marks of a call beside the notes of its lead that name a second of it. A note that was written here is both: it is
 * shown once, with the words that the lead has now. The CRM keeps whole seconds.
 */
export function entriesOf(marks: readonly MarkView[], notes: readonly NoteView[]): MarkEntry[] {
  const rest = notes.filter((note) => note.call !== null);
  const take = (fits: (note: NoteView) => boolean): NoteView | null => {
    const at = rest.findIndex(fits);
    return at < 0 ? null : (rest.splice(at, 1)[0] ?? null);
  };
  const words = (note: NoteView) => note.pending?.text ?? note.text;
  const pairs = new Map<number, NoteView | null>();
  const own = marks.filter((mark) => mark.kind === 'note');
  const sameTime = (mark: MarkView, note: NoteView) => second(note.call?.at_ms ?? -1) === second(mark.at_ms);
  // Those that say the same first; then those whose note was changed since.
  for (const mark of own)
    pairs.set(
      mark.id,
      take((note) => sameTime(mark, note) && words(note) === mark.text),
    );
  for (const mark of own)
    if (pairs.get(mark.id) === null)
      pairs.set(
        mark.id,
        take((note) => sameTime(mark, note)),
      );
  const entries: MarkEntry[] = marks.map((mark) => {
    const note = pairs.get(mark.id) ?? null;
    const text = note === null ? mark.text : words(note);
    return { key: `mark ${mark.id}`, kind: mark.kind, atMs: mark.at_ms, text, markId: mark.id, note };
  });
  for (const note of rest) {
    const atMs = note.call?.at_ms ?? 0;
    entries.push({ key: `note ${note.id}`, kind: 'note', atMs, text: words(note), markId: null, note });
  }
  return entries.sort((a, b) => a.atMs - b.atMs || a.key.localeCompare(b.key));
}

/** Marks that lie so near each other on the lanes that they share a tab. */
export interface Tab {
  readonly atMs: number;
  readonly kind: MarkView['kind'];
  readonly entries: readonly MarkEntry[];
}

export function tabsOf(entries: readonly MarkEntry[], nearMs: number): Tab[] {
  const tabs: { atMs: number; kind: MarkView['kind']; entries: MarkEntry[] }[] = [];
  for (const entry of entries) {
    const last = tabs.at(-1);
    if (last !== undefined && last.kind === entry.kind && entry.atMs - last.atMs <= nearMs) last.entries.push(entry);
    else tabs.push({ atMs: entry.atMs, kind: entry.kind, entries: [entry] });
  }
  return tabs;
}
