import { describe, expect, it, vi } from 'vitest';
import { App } from '../../app.svelte';
import { fakeHost } from '../../host/fake';
import { HostError } from '../../host';
import * as bulk from './bulk';

async function chosen(search = '') {
  const app = new App(fakeHost(new URLSearchParams(`wait=0&lang=en&${search}`)));
  await app.start();
  const { rows } = await app.host.call('calls_window', { filter: app.calls.filter, offset: 0, limit: 20 });
  return { app, rows };
}

describe('several calls into the queue', () => {
  it('takes those that can be heard, in their order, and says how many were left out', async () => {
    const { app, rows } = await chosen();
    await bulk.enqueue(app, rows);
    const { calls } = await app.host.call('queue_read', {});
    const silent = rows.filter((row) => row.recording.state === 'none_expected');
    expect(silent.length).toBeGreaterThan(0);
    expect(calls.length).toBeGreaterThan(1);
    expect(calls.map((call) => call.sid)).toEqual(
      rows.map((row) => row.sid).filter((sid) => calls.some((call) => call.sid === sid)),
    );
    expect(calls.some((call) => call.recording.state === 'none_expected')).toBe(false);
    expect(app.toast?.text).toContain(`${calls.length} calls in the queue`);
    expect(app.toast?.text).toContain(`${rows.length - calls.length} were left out`);
  });

  it('says that the queue is full, and keeps what was chosen', async () => {
    const { app, rows } = await chosen();
    app.calls.selection.toggle(rows[0]!, 0, undefined);
    vi.spyOn(app.host, 'call').mockRejectedValue(
      new HostError({ code: 'invalid_input', retry_after_ms: null, ref: 'x' }),
    );
    await bulk.enqueue(app, rows);
    expect(app.toast).toMatchObject({ bad: true, text: app.say('queue_full') });
    expect(app.calls.selection.size).toBe(1);
  });
});
