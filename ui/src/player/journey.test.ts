import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PlayerState } from '../bindings/contract';
import { Changes } from '../data/changes';
import type { Host } from '../host';
import { fakeHost } from '../host/fake';
import { PageSound } from './pageSound';
import { Player } from './player.svelte';
import { FakeMedia, fakeFetch, type FakeFetch } from './fakeMedia';

const HERE = 'crm:CA00000000';
const OTHER = 'crm:CA00000003';
const PREPARED = 'crm:CA00000006';
const TOO_SHORT = 'crm:CA00000010';

interface Stage {
  readonly host: Host;
  readonly player: Player;
  readonly media: FakeMedia;
  readonly net: FakeFetch;
  readonly states: PlayerState[];
}

async function settle(ms = 60): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

async function stage(kind: 'device' | 'page', needsBlob = false): Promise<Stage> {
  const host = fakeHost(new URLSearchParams('lang=en&still=1'));
  const changes = new Changes();
  const player = new Player(host, changes);
  const media = new FakeMedia(252);
  const states: PlayerState[] = [];
  const net = fakeFetch(host);
  player.makePage = (tell) =>
    new PageSound({
      host,
      media,
      fetch: net.fetch,
      urlOf: (id) => host.recordingUrl(id),
      needsBlob,
      blobUrl: (blob) => `blob:${blob.size}`,
      rewind: () => 'gentle',
      forgetUrl: (url) => net.forgotten.push(url),
      tell: (state) => {
        states.push(state);
        tell(state);
      },
    });
  await changes.listen(host);
  await settle();
  const opened = player.open().then(() => player.use(kind));
  await settle();
  await opened;
  return { host, player, media, net, states };
}

/** Runs a command to its end, with the clock that the tests turn by hand. */
async function done(asked: Promise<unknown>): Promise<void> {
  await settle();
  await asked;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe.each(['device', 'page'] as const)('a journey over the %s', (kind) => {
  it('plays, with the right length before the first sound, and the head moves', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await settle(200);
    expect(player.state.phase).toBe('playing');
    expect(player.state.duration_ms).toBe(252_000);
    const before = player.positionMs;
    await settle(2_000);
    expect(player.positionMs).toBeGreaterThan(before + 1_500);
  });

  it('pauses and goes on where it stood, and starts again from the end', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await done(player.seek(100_000));
    await done(player.playPause());
    expect(player.state.phase).toBe('paused');
    const at = player.state.position_ms;
    await settle(5_000);
    expect(player.state.position_ms).toBe(at);
    await done(player.playPause());
    expect(player.state.phase).toBe('playing');
    await done(player.seek(251_900));
    await settle(1_000);
    expect(player.state.phase).toBe('ended');
    await done(player.playPause());
    await settle(200);
    expect(player.state.phase).toBe('playing');
    expect(player.state.position_ms).toBeLessThan(2_000);
  });

  it('stays inside the recording wherever it is sent, and steps add up', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, false));
    await done(player.seek(-5));
    expect(player.state.position_ms).toBe(0);
    await done(player.seek(9_999_999));
    expect(player.state.position_ms).toBe(252_000);
    await done(player.seek(60_000));
    for (let n = 0; n < 3; n += 1) await done(player.seekBy(5_000));
    await done(player.seekBy(-1_000));
    expect(player.state.position_ms).toBe(74_000);
    await done(player.tenth(5));
    expect(player.state.position_ms).toBe(126_000);
  });

  it('takes a jump back', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, false));
    await done(player.seek(30_000));
    await settle(4_000);
    await done(player.seek(200_000));
    expect(player.state.can_undo).toBe(true);
    await done(player.undo());
    expect(player.state.position_ms).toBe(30_000);
  });

  it('plays at 1x, 1.5x and 2x, and the speed stays for the next call', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    for (const speed of [1.5, 2, 1, 1.5]) {
      await done(player.cycleSpeed());
      expect(player.state.speed).toBe(speed);
      const [from, since] = [player.positionMs, Date.now()];
      await settle(2_000);
      expect((player.positionMs - from) / (Date.now() - since)).toBeCloseTo(speed, 0);
    }
    await done(player.load(OTHER, true));
    expect(player.state.speed).toBe(1.5);
  });

  it('goes from turn to turn', async () => {
    const { player, host } = await stage(kind);
    await done(player.load(HERE, false));
    const asked = host.call('recording_turns', { id: HERE });
    await settle();
    const starts = (await asked).turns.map((turn) => turn.start_ms);
    await done(player.turn(1));
    expect(player.state.position_ms).toBe(starts[0]);
    await done(player.turn(1));
    expect(player.state.position_ms).toBe(starts[1]);
  });

  it('leaves out silence while that is on, and never inside a loop', async () => {
    const { player, host } = await stage(kind);
    await done(player.load(HERE, true));
    const asked = host.call('recording_turns', { id: HERE });
    await settle();
    const cut = (await asked).cuts.find(([from, to]) => to - from > 3_000);
    expect(cut).toBeDefined();
    const [from, to] = cut ?? [0, 0];
    await done(player.skipSilence(true));
    expect(player.state.skip_saves_ms).toBeGreaterThan(0);
    await done(player.seek(from - 300));
    await settle(1_000);
    expect(player.positionMs).toBeGreaterThanOrEqual(to - 10);
    await done(player.repeat('a', from));
    await done(player.repeat('b', to));
    await done(player.seek(from + 100));
    await settle(1_000);
    expect(player.positionMs).toBeLessThan(to);
  });

  it('repeats from A to B until it is let go', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await done(player.repeat('a', 10_000));
    await done(player.repeat('b', 12_000));
    await done(player.seek(11_500));
    await settle(1_200);
    expect(player.positionMs).toBeGreaterThanOrEqual(10_000);
    expect(player.positionMs).toBeLessThan(12_100);
    await done(player.repeat('clear'));
    await settle(3_000);
    expect(player.positionMs).toBeGreaterThan(12_100);
  });

  it('says again slower, then goes on at the speed it had', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await done(player.seek(60_000));
    await done(player.setSpeed(1.5));
    await done(player.sayAgain());
    expect(player.state.saying_again).toBe(true);
    expect(player.state.pace).toBeCloseTo(1.125);
    expect(player.positionMs).toBeLessThan(55_500);
    await settle(6_000);
    expect(player.state.saying_again).toBe(false);
    expect(player.state.pace).toBe(1.5);
  });

  it('is muted and loud again without losing the volume', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await done(player.setVolume(0.4));
    await done(player.toggleMute());
    expect([player.state.muted, player.state.volume]).toEqual([true, 0.4]);
    await done(player.setVolume(0.5));
    expect([player.state.muted, player.state.volume]).toEqual([false, 0.5]);
  });

  it('waits for a recording that is not here, under its own name', async () => {
    const { player } = await stage(kind);
    await done(player.load(PREPARED, true));
    await settle(500);
    expect(player.state.phase).toBe('waiting');
    expect(player.state.call?.recording.id).toBe(PREPARED);
  });

  it('says why there is nothing to hear', async () => {
    const { player } = await stage(kind);
    await done(player.load(TOO_SHORT, true));
    await settle(500);
    expect(player.state.phase).toBe('waiting');
    expect(player.state.call?.recording.reason).toBe('too_short');
  });

  it('goes on with the queue when a call is over, and back', async () => {
    const { player } = await stage(kind);
    await done(player.load(HERE, true));
    await done(player.enqueue([OTHER], false));
    await done(player.seek(251_900));
    await settle(1_500);
    expect(player.state.call?.recording.id).toBe(OTHER);
    expect(player.state.phase).toBe('playing');
    const back = player.queued(-1);
    await done(back);
    await settle(300);
    expect(await back).toBe(true);
    expect(player.state.call?.recording.id).toBe(HERE);
  });

  it('lets a late answer to a former choice change nothing', async () => {
    const { player } = await stage(kind);
    const both = Promise.all([player.load(OTHER, true), player.load(HERE, true)]);
    await done(both);
    await settle(500);
    expect(player.state.call?.recording.id).toBe(HERE);
    expect(player.state.phase).toBe('playing');
  });
});

describe('the element of the window', () => {
  it('asks with HEAD at 3, 5, 8, 10, 15 seconds, twelve times at most', async () => {
    const { player, net } = await stage('page');
    net.answers.set(PREPARED, () => 202);
    await done(player.load(PREPARED, true));
    const seen: number[] = [];
    for (let s = 0; s < 260; s += 1) {
      seen.push(net.heads.length);
      await settle(1_000);
    }
    const waits = net.heads.slice(1).map((head, n) => Math.round((head.atMs - (net.heads[n]?.atMs ?? 0)) / 1000));
    expect(waits).toEqual([3, 5, 8, 10, 15, 15, 15, 15, 15, 15, 15]);
    expect(net.heads).toHaveLength(12);
    expect(player.state.phase).toBe('waiting');
  });

  it('plays as soon as an answer says that it is here', async () => {
    const { player, net } = await stage('page');
    let polls = 0;
    net.answers.set(HERE, () => ((polls += 1) < 3 ? 202 : 200));
    await done(player.load(HERE, true));
    await settle(9_000);
    expect(player.state.phase).toBe('playing');
  });

  it('can be called off at any time: no request goes out for what nobody waits for', async () => {
    const { player, net } = await stage('page');
    net.answers.set(PREPARED, () => 202);
    await done(player.load(PREPARED, true));
    await settle(4_000);
    await done(player.load(HERE, true));
    const before = net.heads.filter((head) => head.id === PREPARED).length;
    await settle(60_000);
    expect(net.heads.filter((head) => head.id === PREPARED)).toHaveLength(before);
  });

  it('keeps the pitch, and tells the element the speed', async () => {
    const { player, media } = await stage('page');
    await done(player.load(HERE, true));
    await done(player.setSpeed(2));
    expect([media.preservesPitch, media.playbackRate]).toEqual([true, 2]);
  });

  it('reads a Blob in ranges of a megabyte where the engine plays no scheme of ours, and lets go of it', async () => {
    const { player, media, net } = await stage('page', true);
    net.bytes = 2_500_000;
    await done(player.load(HERE, true));
    await settle(300);
    expect(net.ranges).toEqual(['bytes=0-1048575', 'bytes=1048576-2097151', 'bytes=2097152-2499999']);
    expect(media.src).toBe('blob:2500000');
    expect(player.state.phase).toBe('playing');
    await done(player.load(OTHER, true));
    expect(net.forgotten).toEqual(['blob:2500000']);
  });

  it('never joins parts of two files', async () => {
    const { player, net } = await stage('page', true);
    net.bytes = 2_500_000;
    net.etagOf = (from) => (from < 2_000_000 ? '"one"' : '"two"');
    await done(player.load(HERE, true));
    await settle(300);
    expect([player.state.phase, player.state.error]).toEqual(['failed', 'damaged']);
  });

  it('swallows no error of the element', async () => {
    for (const [code, error] of [
      [3, 'damaged'],
      [4, 'unsupported_audio'],
    ] as const) {
      const { player, media } = await stage('page');
      await done(player.load(HERE, true));
      media.fail(code);
      expect([player.state.phase, player.state.error]).toEqual(['failed', error]);
    }
  });

  it('remembers the place on pause and while it plays, and begins there', async () => {
    const { player, host } = await stage('page');
    await done(player.load(HERE, true));
    await done(player.seek(50_000));
    await settle(6_000);
    await done(player.playPause());
    const read = host.call('listening_read', { sid: 'CA00000000' });
    await settle();
    expect((await read).position_ms).toBeGreaterThan(55_000);
    await done(player.load(OTHER, false));
    await done(player.load(HERE, false));
    await settle(200);
    expect(player.state.position_ms).toBeGreaterThan(55_000);
  });

  it('tells what was played, and that a jump was none', async () => {
    const { host, player } = await stage('page');
    const told: { position_ms: number; played_from_ms: number | null }[] = [];
    const call = host.call.bind(host);
    vi.spyOn(host, 'call').mockImplementation((command, args) => {
      if (command === 'listening_keep') told.push(args as never);
      return call(command, args);
    });
    await done(player.load(HERE, true));
    await settle(2_000);
    await done(player.seek(100_000));
    await settle(1_000);
    await done(player.playPause());
    const played = told.map(({ position_ms, played_from_ms }) => [played_from_ms, position_ms]);
    const near = (found: number | null | undefined, wanted: number) => Math.abs((found ?? -1) - wanted) < 300;
    const [before, ...after] = played;
    expect(near(before?.[0], 0) && near(before?.[1], 2_000), JSON.stringify(played)).toBe(true);
    expect(near(after[0]?.[0], 100_000) && near(after.at(-1)?.[1], 101_000), JSON.stringify(played)).toBe(true);
    after.slice(1).forEach(([from], n) => expect(from).toBe(after[n]?.[1]));
  });

  it('goes back a little after a pause, the more the longer, and not after a seek by hand', async () => {
    const { player } = await stage('page');
    await done(player.load(HERE, true));
    await done(player.seek(60_000));
    for (const [pausedMs, back] of [
      [500, 0],
      [30_000, 1_000],
      [120_000, 3_000],
    ] as const) {
      await done(player.playPause());
      const at = player.state.position_ms;
      await settle(pausedMs);
      await done(player.playPause());
      expect(Math.abs(player.positionMs - (at - back))).toBeLessThan(250);
    }
    await done(player.playPause());
    await settle(120_000);
    await done(player.seek(30_000));
    await done(player.playPause());
    expect(player.positionMs).toBeGreaterThanOrEqual(30_000);
  });

  it('levels the sides where it can part them, and that is on again when the device is back', async () => {
    const { player } = await stage('device');
    await done(player.level(true));
    expect([player.state.level, player.canLevel]).toEqual([true, true]);
    await done(player.use('page'));
    await done(player.level(true));
    expect([player.state.level, player.canLevel]).toEqual([false, false]);
    await done(player.use('device'));
    expect(player.state.level).toBe(true);
  });

  it('takes over where no device opens', async () => {
    const { player } = await stage('device');
    const told = vi.fn();
    player.onFallback = told;
    const lost: PlayerState = { ...player.state, phase: 'failed', error: 'no_output_device', revision: 1e6 };
    const asked = player.load(HERE, true);
    await done(asked);
    player.take({ ...lost, call: player.state.call });
    await settle(500);
    expect(told).toHaveBeenCalledOnce();
    expect([player.kind, player.state.phase]).toEqual(['page', 'playing']);
  });
});
