//! Devices that go and come, and a computer that sleeps: nothing breaks, nothing is lost, nothing plays by itself.
//! These are F24 of the faults list; each test makes its fault a hundred times.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aftercall_domain::clock::{Clock as _, ManualClock};
use aftercall_player::output::{Device, Headless};
use aftercall_player::{OutputChoice, Phase, Player, Status, Stop};

use crate::support::{source, until};

const CALL: &str = "call-dual-4min.mp3";
const RATE: usize = 8_000;
const TIMES: i64 = 100;
/// As long as a device may take to be opened anew.
const REBUILD: Duration = Duration::from_secs(1);

struct Rig {
    player: Player,
    headless: Headless,
    clock: Arc<ManualClock>,
}

fn rig() -> Rig {
    let clock = Arc::new(ManualClock::at(1_800_000_000_000));
    let headless = Headless::stepped(RATE as u32);
    let player = Player::start_by(OutputChoice::Headless(headless.clone()), clock.clone(), Box::new(|_| {}));
    player.load(source(CALL), 0, true);
    until(&player, |status| status.phase == Phase::Playing);
    Rig { player, headless, clock }
}

impl Rig {
    /// Plays a second; says where it stands then.
    fn heard(&self) -> Status {
        self.headless.step(RATE);
        self.player.status()
    }

    /// After the fault: it stands still, where it stood, for this reason, and makes no sound.
    fn assert_stands(&self, before: &Status, why: Stop) {
        let status = until(&self.player, |status| status.stopped_by == Some(why));
        assert_eq!(status.phase, Phase::Paused);
        assert!((status.position_ms - before.position_ms).abs() <= 1_000, "{before:?} {status:?}");
        assert!(self.headless.step(RATE / 4).iter().all(|sample| *sample == 0.0), "it plays by itself");
        assert_eq!(self.player.status().phase, Phase::Paused);
    }
}

#[test]
fn a_hundred_losses_stand_still_where_they_were_and_never_play_by_themselves() {
    let rig = rig();
    for n in 0..TIMES {
        let before = rig.heard();
        let opened = rig.headless.opened();
        let began = Instant::now();
        // In turn: another device takes its place, it comes back a little later, it comes back when somebody plays.
        match n % 3 {
            0 => {
                rig.headless.change();
                until(&rig.player, |_| rig.headless.opened() > opened && rig.headless.is_open());
                assert!(began.elapsed() < REBUILD, "{:?}", began.elapsed());
            }
            1 => {
                rig.headless.unplug();
                until(&rig.player, |status| status.phase == Phase::Paused);
                rig.headless.plug();
            }
            _ => {
                rig.headless.unplug();
                rig.assert_stands(&before, Stop::DeviceLost);
                rig.headless.plug();
            }
        }
        rig.assert_stands(&before, Stop::DeviceLost);
        rig.clock.advance_ms(2_000);
        let status = rig.player.play();
        assert_eq!((status.phase, status.stopped_by), (Phase::Playing, None));
    }
    assert!(rig.heard().position_ms >= TIMES * 1_000 * 9 / 10, "it went on each time");
    println!("cases F24 {TIMES}");
}

#[test]
fn a_hundred_sleeps_stand_still_where_they_were_and_never_play_by_themselves() {
    let rig = rig();
    for n in 0..TIMES {
        let before = rig.heard();
        let opened = rig.headless.opened();
        match n % 2 {
            // The monotonic clock stands still in a sleep, on most systems.
            0 => rig.clock.set_wall_ms(rig.clock.now_ms() + 8 * 3_600_000),
            _ => rig.clock.advance_ms(8 * 3_600_000),
        }
        rig.assert_stands(&before, Stop::Slept);
        until(&rig.player, |_| rig.headless.opened() > opened);
        rig.clock.advance_ms(2_000);
        assert_eq!(rig.player.play().phase, Phase::Playing);
    }
    assert!(rig.heard().position_ms >= TIMES * 1_000 * 9 / 10, "it went on each time");
    println!("cases F24 {TIMES}");
}

#[test]
fn a_device_that_flickers_is_opened_anew_once_in_two_seconds() {
    let rig = rig();
    let opened = rig.headless.opened();
    // A minute on the player's clock, in which the device is lost as often as it looks.
    for _ in 0..120 {
        rig.headless.change();
        rig.player.status();
        rig.clock.advance_ms(500);
        rig.player.status();
    }
    let reopened = rig.headless.opened() - opened;
    assert!((2..=31).contains(&reopened), "{reopened} times in 60 s");
    assert_eq!(rig.player.status().phase, Phase::Paused);
}

#[test]
fn what_stood_still_stays_so_and_what_was_being_opened_does_not_start() {
    let rig = rig();
    rig.player.pause();
    rig.headless.change();
    rig.clock.set_wall_ms(rig.clock.now_ms() + 3_600_000);
    let status = rig.player.status();
    assert_eq!((status.phase, status.stopped_by), (Phase::Paused, None), "a person had paused it");
    assert!(rig.headless.step(RATE).iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_chosen_device_is_used_while_it_is_there_and_else_the_default() {
    let rig = rig();
    let headset = Device { id: "usb-headset".into(), name: "Headset".into() };
    rig.headless.set_devices(vec![headset.clone()]);
    let status = rig.player.set_device(Some(headset.id.clone()));
    assert_eq!((status.phase, status.elsewhere), (Phase::Playing, false), "goes on where it was sent");
    assert_eq!(rig.headless.device(), Some(headset.id.clone()));
    assert!(rig.headless.step(4 * RATE).iter().any(|sample| sample.abs() > 0.01));
    // It is pulled out: the loudspeaker must not take over by itself.
    rig.headless.set_devices(Vec::new());
    rig.headless.change();
    let status = until(&rig.player, |status| status.stopped_by == Some(Stop::DeviceLost));
    assert_eq!(status.phase, Phase::Paused);
    let status = rig.player.play();
    assert_eq!((status.phase, status.elsewhere, rig.headless.device()), (Phase::Playing, true, None));
    let status = rig.player.set_device(None);
    assert_eq!((status.phase, status.elsewhere), (Phase::Playing, false));
}
