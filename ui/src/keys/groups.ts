import { nameOf } from './remap';
import type { Binding, Command } from './table';

export type GroupId = 'player' | 'list' | 'everywhere' | 'writing';

export interface Line {
  readonly command: Command;
  readonly bindings: readonly Binding[];
}

export interface Group {
  readonly id: GroupId;
  readonly lines: readonly Line[];
}

const LIST: readonly Command[] = ['download', 'pin', 'retry', 'export', 'print', 'select_all', 'find', 'back'];
const EVERYWHERE: readonly Command[] = [
  'palette',
  'help',
  'go_calls',
  'go_leads',
  'go_offline',
  'go_appointments',
  'sync_now',
  'open_settings',
  'lock',
  'next_pane',
  'previous_pane',
];

function groupOf(binding: Binding): GroupId {
  if (/^f\d+$/.test(binding.key) && binding.key !== 'f6') return 'writing';
  if (binding.command === 'insert_time') return 'writing';
  if (LIST.includes(binding.command)) return 'list';
  return EVERYWHERE.includes(binding.command) ? 'everywhere' : 'player';
}

/** The table as it is shown: by where a key is used, one line for a command, each key once. */
export function groupsOf(table: readonly Binding[]): Group[] {
  const groups = new Map<GroupId, Map<Command, Binding[]>>(
    (['player', 'list', 'everywhere', 'writing'] as const).map((id) => [id, new Map()]),
  );
  for (const binding of table) {
    const lines = groups.get(groupOf(binding));
    const bindings = lines?.get(binding.command) ?? [];
    // The ten digits are one line.
    if (binding.command === 'tenth' && bindings.length > 0) continue;
    if (!bindings.some((other) => nameOf(other) === nameOf(binding))) bindings.push(binding);
    lines?.set(binding.command, bindings);
  }
  return [...groups].map(([id, lines]) => ({
    id,
    lines: [...lines].map(([command, bindings]) => ({ command, bindings })),
  }));
}
