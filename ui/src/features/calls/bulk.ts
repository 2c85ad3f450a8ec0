import type { App } from '../../app.svelte';
import type { CallRow, CallsFilter } from '../../bindings/contract';
import { playable } from '../../elements/recording';
import { HostError } from '../../host';
import type { Word } from '../../text/en';

/** Does it to one after the other, and goes on where one is refused. Resolves with how many it was done to. */
async function each(app: App, rows: readonly CallRow[], one: (row: CallRow) => Promise<unknown>): Promise<number> {
  let done = 0;
  for (const row of rows) {
    try {
      await one(row);
      done += 1;
    } catch (thrown) {
      const { code } = HostError.from(thrown);
      // What would be refused for each of them is said once.
      if (code === 'login_expired' || code === 'locked') {
        if (code === 'login_expired') app.signingIn = true;
        break;
      }
    }
  }
  return done;
}

function told(app: App, word: Word, done: number, of: number): void {
  // What was chosen is done with.
  app.calls.selection.clear();
  const left = of - done;
  const text = app.say(word, { n: done, count: app.format.count(done) });
  app.tell({ text: left > 0 ? `${text} ${app.say('bulk_left', { n: left, count: app.format.count(left) })}` : text });
}

export async function download(app: App, rows: readonly CallRow[]): Promise<void> {
  const wanted = rows.filter(({ recording }) =>
    ['download', 'download_again', 'try_now', 'want'].includes(recording.action ?? ''),
  );
  told(
    app,
    'bulk_downloading',
    await each(app, wanted, ({ recording }) => app.host.call('recording_want', { id: recording.id })),
    rows.length,
  );
}

export async function pin(app: App, rows: readonly CallRow[]): Promise<void> {
  const wanted = rows.filter(({ recording }) => playable(recording));
  told(
    app,
    'bulk_pinned',
    await each(app, wanted, ({ recording }) => app.host.call('recording_pin', { id: recording.id })),
    rows.length,
  );
}

/** In the order of the list, behind what waits already. */
export async function enqueue(app: App, rows: readonly CallRow[]): Promise<void> {
  const ids = rows.filter(({ recording }) => playable(recording)).map(({ recording }) => recording.id);
  try {
    if (ids.length > 0) await app.player.enqueue(ids, false);
  } catch (thrown) {
    const { code } = HostError.from(thrown);
    return app.tell({ text: app.say(code === 'invalid_input' ? 'queue_full' : `error_${code}`), bad: true });
  }
  told(app, 'bulk_queued', ids.length, rows.length);
}

/** With a way back: many rows change at once, and somewhere else than under the eye. */
export async function mark(app: App, rows: readonly CallRow[], heard: boolean): Promise<void> {
  const sids = rows.filter((row) => row.heard !== heard).map((row) => row.sid);
  const write = (to: boolean) => app.host.call('calls_mark', { sids, heard: to });
  try {
    await write(heard);
  } catch (thrown) {
    return app.tell({ text: app.say(`error_${HostError.from(thrown).code}`), bad: true });
  }
  app.calls.selection.clear();
  app.tell({
    text: app.say(heard ? 'bulk_heard' : 'bulk_unheard', { n: sids.length, count: app.format.count(sids.length) }),
    action: { label: app.say('undo'), run: () => (app.hush(), void write(!heard).catch(() => undefined)) },
  });
}

/** The untouched originals, where the person says. */
export async function exportRecordings(app: App, rows: readonly CallRow[]): Promise<void> {
  const ids = rows.filter(({ recording }) => playable(recording)).map(({ recording }) => recording.id);
  if (ids.length === 0) return app.announce(app.say('nothing_to_play'));
  await saving(app, () => app.host.call('recordings_export', { ids, from_ms: null, to_ms: null }));
}

/** A piece of one recording, where the person says. */
export async function exportClip(app: App, recordingId: string, from_ms: number, to_ms: number): Promise<void> {
  await saving(app, () => app.host.call('recordings_export', { ids: [recordingId], from_ms, to_ms }));
}

/** These calls as a table, or all that the filter finds. */
export async function exportTable(app: App, rows: readonly CallRow[] | undefined, filter: CallsFilter): Promise<void> {
  const { say } = app;
  const words: Record<string, string> = { heard_yes: say('csv_yes'), heard_no: say('csv_no') };
  for (const one of ['inbound', 'outbound', 'unknown'] as const) words[`direction_${one}`] = say(`direction_${one}`);
  for (const one of ['answered', 'missed', 'busy', 'failed', 'live', 'other'] as const)
    words[`outcome_${one}`] = say(`outcome_${one}`);
  for (const one of [
    'none_expected',
    'live',
    'ready_online',
    'queued',
    'downloading',
    'partial',
    'on_device',
    'pinned',
    'evicted',
    'failed_retrying',
    'failed_needs_you',
    'unavailable',
    'restricted',
    'damaged',
    'unsupported',
    'still_preparing',
  ] as const)
    words[`rec_${one}`] = say(`rec_${one}`);
  const heads = (
    ['time', 'direction', 'lead', 'number', 'result', 'length', 'heard', 'recording', 'summary', 'id'] as const
  ).map((head) => say(`csv_${head}`));
  const name = `${say('calls_title')} ${app.format.dayKey(Date.now())}`;
  await saving(app, () =>
    app.host.call('calls_csv', { sids: rows?.map((row) => row.sid) ?? null, filter, name, heads, words }),
  );
}

async function saving(
  app: App,
  save: () => Promise<{ files: number; left_out: number; name: string | null; rows: number | null }>,
) {
  try {
    const { files, left_out, name, rows } = await save();
    // The person thought better of it.
    if (files === 0) return;
    const what =
      rows !== null
        ? app.say('saved_rows', { n: rows, count: app.format.count(rows), name: name ?? '' })
        : name !== null
          ? app.say('saved_file', { name })
          : app.say('saved_files', { n: files, count: app.format.count(files) });
    app.tell({
      text: left_out > 0 ? `${what} ${app.say('bulk_left', { n: left_out, count: app.format.count(left_out) })}` : what,
    });
  } catch (thrown) {
    const { code } = HostError.from(thrown);
    app.tell({ text: app.say(code === 'invalid_input' ? 'export_not_here' : `error_${code}`), bad: true });
  }
}
