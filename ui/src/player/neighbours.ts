import type { CallRow } from '../bindings/contract';
import { playable } from '../elements/recording';
import type { App } from '../app.svelte';

const REACH = 100;

/**
 * The next (1) or previous (−1) call with something to hear, in the list from which the current one was started.
 * Rows may have moved since: the current call is looked for around its old place first.
 */
export async function neighbour(app: App, by: 1 | -1): Promise<CallRow | undefined> {
  const { listening } = app;
  const sid = app.player.state.call?.sid;
  if (listening === undefined || sid === undefined) return undefined;
  if (listening.in === 'lead') {
    const page = await app.host.call('lead_read', { id: listening.id });
    return beside(page.calls, sid, by)?.call;
  }
  const offset = Math.max(0, listening.ordinal - REACH);
  const piece = await app.host.call('calls_window', { filter: listening.filter, offset, limit: REACH * 2 });
  const found = beside(piece.rows, sid, by);
  if (found !== undefined) app.listening = { ...listening, ordinal: offset + found.at };
  return found?.call;
}

export function beside(rows: readonly CallRow[], sid: string, by: 1 | -1): { call: CallRow; at: number } | undefined {
  const from = rows.findIndex((row) => row.sid === sid);
  if (from < 0) return undefined;
  for (let at = from + by; at >= 0 && at < rows.length; at += by) {
    const call = rows[at];
    if (call !== undefined && playable(call.recording)) return { call, at };
  }
  return undefined;
}
