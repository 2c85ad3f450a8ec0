import { describe, expect, it, vi } from 'vitest';
import { App } from './app.svelte';
import { fakeHost } from './host/fake';

const scene = (search: string) => new App(fakeHost(new URLSearchParams(`wait=0&${search}`)));

describe('signing out', () => {
  it('leads to the sign-in and keeps nothing on the screen', async () => {
    const app = scene('');
    await app.start();
    expect(app.boot?.phase).toBe('ready');
    expect(await app.signOut(false)).toBeUndefined();
    expect(app.boot?.phase).toBe('sign_in');
    expect(app.boot?.account).toBeNull();
  });

  it('says why where it did not come to it', async () => {
    const app = scene('lang=en');
    await app.start();
    vi.spyOn(app.host, 'call').mockRejectedValue({ code: 'no_keychain', retry_after_ms: null, ref: 'x' });
    expect(await app.signOut(true)).toBe(app.say('error_no_keychain'));
    expect(app.boot?.phase).toBe('ready');
  });
});

describe('coming to the front', () => {
  it('asks for freshness once the library is open, and not before', async () => {
    const closed = scene('boot=sign_in');
    await closed.start();
    const quiet = vi.spyOn(closed.host, 'call');
    closed.nudge();
    expect(quiet).not.toHaveBeenCalled();
    const app = scene('');
    await app.start();
    const calls = vi.spyOn(app.host, 'call');
    app.nudge();
    expect(calls).toHaveBeenCalledWith('sync_nudge', {});
  });
});
