import type { App } from '../app.svelte';
import type { Handlers } from '../keys/keys';

/** The player's keys. A screen that speaks for its own row or call is asked before them. */
export function playerKeys(app: App, play: () => void, step: (by: 1 | -1) => void): Handlers {
  const { player } = app;
  const recording = () => player.call?.recording;
  /** A key that means nothing while there is nothing to hear is left to others. */
  const ready = (run: () => Promise<void>) => () => {
    if (!player.ready) return false;
    void run();
    return true;
  };
  return {
    play_pause: play,
    back_5: ready(() => player.seekBy(-5_000)),
    forward_5: ready(() => player.seekBy(5_000)),
    back_10: ready(() => player.seekBy(-10_000)),
    forward_10: ready(() => player.seekBy(10_000)),
    back_1: ready(() => player.seekBy(-1_000)),
    forward_1: ready(() => player.seekBy(1_000)),
    previous_turn: ready(() => player.turn(-1)),
    next_turn: ready(() => player.turn(1)),
    tenth: (binding) => ready(() => player.tenth(Number(binding.key)))(),
    undo_jump: () => {
      if (!player.state.can_undo) return false;
      void player.undo().then(() => app.announce(app.say('spoken_undone')));
      return true;
    },
    say_again: ready(() => player.sayAgain()),
    repeat_a: ready(() => player.repeat('a').then(() => app.announce(app.say('spoken_loop_a')))),
    repeat_b: () => {
      if (player.state.repeat === null) return false;
      void player.repeat('b').then(() => app.announce(app.say('spoken_loop')));
      return true;
    },
    repeat: () => {
      if (player.state.repeat?.b_ms == null) return false;
      const on = !player.state.repeat.on;
      void player.repeat('toggle').then(() => app.announce(app.say(on ? 'spoken_loop' : 'spoken_loop_off')));
      return true;
    },
    slower: () => void player.stepSpeed(-0.1),
    faster: () => void player.stepSpeed(0.1),
    cycle_speed: () => void player.cycleSpeed(),
    normal_speed: () => void player.setSpeed(1),
    skip_silence: () => {
      const on = !player.state.skip_silence;
      void player.skipSilence(on).then(() => app.announce(app.say(on ? 'spoken_skip_on' : 'spoken_skip_off')));
    },
    level: () => {
      if (!player.canLevel) return false;
      const on = !player.state.level;
      void player.level(on).then(() => app.announce(app.say(on ? 'spoken_level_on' : 'spoken_level_off')));
      return true;
    },
    solo: () => {
      if (!player.canSplit || !player.ready) return false;
      void player.cycleSolo().then(() => {
        const { solo } = player.state;
        const side = solo === null ? undefined : player.turns?.sides[solo - 1];
        app.announce(
          side === undefined ? app.say('spoken_solo_off') : app.say('call_solo_of', { side: app.say(`side_${side}`) }),
        );
      });
      return true;
    },
    bookmark: () => {
      const sid = player.state.call?.sid;
      if (sid === undefined || !player.ready) return false;
      void bookmark(app, sid);
      return true;
    },
    mute: () => void player.toggleMute(),
    louder: () => void player.setVolume(player.state.volume + 0.1),
    quieter: () => void player.setVolume(player.state.volume - 0.1),
    next_call: () => step(1),
    previous_call: () => step(-1),
    download: () => {
      const known = recording();
      if (known === undefined || (known.action !== 'download' && known.action !== 'download_again')) return false;
      void app.want(known.id);
      return true;
    },
    retry: () => {
      const known = recording();
      if (player.state.phase === 'failed') void player.retry();
      else if (player.state.phase !== 'waiting' || known === undefined) return false;
      else if (known.action === 'sign_in') app.signingIn = true;
      else if (known.action === 'try_now' || known.action === 'want') void app.want(known.id);
      else return false;
      return true;
    },
  };
}

/** A bookmark where the head is, in the call that is in the player. */
export async function bookmark(app: App, sid: string): Promise<void> {
  const at_ms = Math.round(app.player.shownMs);
  await app.host.call('mark_add', { sid, at_ms, text: '' });
  app.announce(app.say('call_bookmarked', { time: app.format.spokenLength(at_ms) }));
}
