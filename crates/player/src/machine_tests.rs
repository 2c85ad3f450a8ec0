//! The table: what each command and event does in each state.

use super::*;

const SECOND: u64 = 1_000_000;

fn after(inputs: &[Input]) -> State {
    inputs.iter().fold(State::default(), |state, input| state.step(input.clone()).0)
}

fn load(play: bool) -> Input {
    Input::Command(Command::Load { from_us: 2 * SECOND, until_us: None, play })
}

fn opened(ticket: u64) -> Input {
    Input::Event(Event::Opened { ticket, duration_us: 45 * SECOND, estimated: false })
}

fn paused() -> State {
    after(&[load(false), opened(1)])
}

fn playing() -> State {
    after(&[load(true), opened(1), Input::Event(Event::DeviceOpened)])
}

fn ended() -> State {
    let state = playing();
    let epoch = state.epoch();
    state.step(Input::Event(Event::Drained { epoch })).0
}

fn failed_without_device() -> State {
    after(&[load(true), opened(1), Input::Event(Event::DeviceMissing)])
}

fn command(state: State, command: Command) -> (State, Vec<Effect>) {
    state.step(Input::Command(command))
}

fn event(state: State, event: Event) -> (State, Vec<Effect>) {
    state.step(Input::Event(event))
}

fn lost(now_ms: i64) -> Event {
    Event::DeviceLost { now_ms, why: Stop::DeviceLost }
}

fn heard(state: State, position_us: u64) -> State {
    let epoch = state.epoch() as u16;
    event(state, Event::Heard { epoch, position_us }).0
}

fn plan_of(effects: &[Effect]) -> Option<Plan> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start { plan, .. } => Some(plan.clone()),
        _ => None,
    })
}

fn start_of(effects: &[Effect]) -> Option<(u64, u64, f64)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start { epoch, plan } => Some((*epoch, plan.from_us, plan.speed)),
        _ => None,
    })
}

#[test]
fn each_command_leads_to_its_phase_from_every_state() {
    use Command::{Pause, Play, Seek, SetSpeed, SetVolume, Unload};
    let no_device = Phase::Failed(PlayerError::NoOutputDevice);
    let seek = Seek { to_us: 9 * SECOND };
    type Row = (&'static str, State, [(Command, Phase); 6]);
    let rows: Vec<Row> = vec![
        (
            "idle",
            State::default(),
            [
                (Play, Phase::Idle),
                (Pause, Phase::Idle),
                (seek.clone(), Phase::Idle),
                (SetSpeed(2.0), Phase::Idle),
                (SetVolume(0.5), Phase::Idle),
                (Unload, Phase::Idle),
            ],
        ),
        (
            "loading",
            after(&[load(false)]),
            [
                (Play, Phase::Loading),
                (Pause, Phase::Loading),
                (seek.clone(), Phase::Loading),
                (SetSpeed(2.0), Phase::Loading),
                (SetVolume(0.5), Phase::Loading),
                (Unload, Phase::Idle),
            ],
        ),
        (
            "paused",
            paused(),
            [
                (Play, Phase::Playing),
                (Pause, Phase::Paused),
                (seek.clone(), Phase::Paused),
                (SetSpeed(2.0), Phase::Paused),
                (SetVolume(0.5), Phase::Paused),
                (Unload, Phase::Idle),
            ],
        ),
        (
            "playing",
            playing(),
            [
                (Play, Phase::Playing),
                (Pause, Phase::Paused),
                (seek.clone(), Phase::Playing),
                (SetSpeed(2.0), Phase::Playing),
                (SetVolume(0.5), Phase::Playing),
                (Unload, Phase::Idle),
            ],
        ),
        (
            "ended",
            ended(),
            [
                (Play, Phase::Playing),
                (Pause, Phase::Ended),
                (seek.clone(), Phase::Paused),
                (SetSpeed(2.0), Phase::Ended),
                (SetVolume(0.5), Phase::Ended),
                (Unload, Phase::Idle),
            ],
        ),
        (
            "failed for want of a device",
            failed_without_device(),
            [
                (Play, Phase::Playing),
                (Pause, no_device.clone()),
                (seek.clone(), no_device.clone()),
                (SetSpeed(2.0), no_device.clone()),
                (SetVolume(0.5), no_device),
                (Unload, Phase::Idle),
            ],
        ),
    ];
    for (name, state, commands) in rows {
        for (wanted, phase) in commands {
            assert_eq!(*command(state.clone(), wanted.clone()).0.phase(), phase, "{name}: {wanted:?}");
        }
        let (loaded, effects) = command(state.clone(), Command::Load { from_us: 0, until_us: None, play: true });
        assert_eq!(*loaded.phase(), Phase::Loading, "{name}: load");
        assert_eq!(effects[0], Effect::Run(false), "{name}: what was heard stops");
        assert!(loaded.epoch() > state.epoch(), "{name}: what is buffered is not heard any more");
    }
}

#[test]
fn a_recording_plays_from_its_position_once_it_and_a_device_are_open() {
    let (state, effects) = after(&[load(true)]).step(opened(1));
    assert_eq!(effects, [Effect::OpenDevice]);
    let (state, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects), Some((state.epoch(), 2 * SECOND, 1.0)));
    assert_eq!(effects.last(), Some(&Effect::Run(true)));
    assert_eq!(state.duration_us(), 45 * SECOND);
}

#[test]
fn pause_while_it_opens_keeps_it_silent_and_play_makes_it_sound() {
    let silent = after(&[load(true), Input::Command(Command::Pause), opened(1)]);
    assert_eq!(*silent.phase(), Phase::Paused);
    let (sounding, effects) = after(&[load(false), Input::Command(Command::Play)]).step(opened(1));
    assert_eq!((sounding.phase(), effects), (&Phase::Playing, vec![Effect::OpenDevice]));
}

#[test]
fn seek_and_speed_raise_the_epoch_and_start_from_where_it_is_heard() {
    let state = playing();
    let epoch = state.epoch();
    let heard = Event::Heard { epoch: epoch as u16, position_us: 7 * SECOND };
    let (state, _) = event(state, heard);
    let (state, effects) = command(state, Command::SetSpeed(2.0));
    assert_eq!(start_of(&effects), Some((epoch + 1, 7 * SECOND, 2.0)));
    let (state, effects) = command(state, Command::Seek { to_us: 60 * SECOND });
    assert_eq!(start_of(&effects), Some((epoch + 2, 45 * SECOND, 2.0)), "beyond the end means the end");
    assert_eq!(state.position_us(), 45 * SECOND);
}

#[test]
fn the_same_speed_again_disturbs_nothing() {
    let (state, effects) = command(playing(), Command::SetSpeed(1.0));
    assert_eq!((state, effects), (playing(), vec![]));
}

#[test]
fn speed_and_volume_stay_within_their_bounds() {
    for (asked, got) in [(0.1, 0.5), (9.0, 3.0), (1.25, 1.25), (f64::NAN, 1.0), (f64::INFINITY, 1.0)] {
        assert_eq!(command(paused(), Command::SetSpeed(asked)).0.speed(), got);
    }
    for (asked, got) in [(-1.0, 0.0), (7.0, 1.0), (0.3, 0.3), (f32::NAN, 1.0)] {
        assert_eq!(command(paused(), Command::SetVolume(asked)).0.volume(), got);
    }
}

#[test]
fn resuming_goes_on_with_what_is_buffered() {
    let (state, _) = command(playing(), Command::Pause);
    let (state, effects) = command(state, Command::Play);
    assert_eq!(effects, [Effect::Run(true)]);
    assert_eq!(state.epoch(), playing().epoch());
}

#[test]
fn late_news_of_another_epoch_or_load_changes_nothing() {
    let state = playing();
    let old_epoch = state.epoch() - 1;
    for late in [
        Event::Heard { epoch: old_epoch as u16, position_us: 30 * SECOND },
        Event::Drained { epoch: old_epoch },
        Event::FillFailed { epoch: old_epoch, error: PlayerError::DecoderStopped },
        Event::Opened { ticket: 0, duration_us: 1, estimated: false },
        Event::OpenFailed { ticket: 0, error: PlayerError::NotAudio },
    ] {
        assert_eq!(event(state.clone(), late.clone()), (state.clone(), vec![]), "{late:?}");
    }
    let second = after(&[load(true), load(true)]);
    assert_eq!(second.clone().step(opened(1)), (second, vec![]), "the first load has been overtaken");
}

#[test]
fn at_the_end_the_position_is_the_end_and_play_begins_again() {
    let state = ended();
    assert_eq!((state.phase(), state.position_us()), (&Phase::Ended, 45 * SECOND));
    let (state, effects) = command(state, Command::Play);
    assert_eq!(start_of(&effects), Some((state.epoch(), 0, 1.0)));
}

#[test]
fn a_window_ends_where_it_was_told_to() {
    let window = Command::Load { from_us: SECOND, until_us: Some(3 * SECOND), play: true };
    let state = after(&[Input::Command(window), opened(1)]);
    let (_, effects) = event(state, Event::DeviceOpened);
    assert!(
        matches!(&effects[0], Effect::Start { plan, .. } if (plan.from_us, plan.until_us) == (SECOND, Some(3 * SECOND)))
    );
}

#[test]
fn without_a_device_it_fails_keeps_the_recording_and_the_next_play_tries_again() {
    let state = failed_without_device();
    assert_eq!(*state.phase(), Phase::Failed(PlayerError::NoOutputDevice));
    assert_eq!(state.position_us(), 2 * SECOND);
    let (state, effects) = command(state, Command::Play);
    assert_eq!(effects, [Effect::OpenDevice]);
    let (state, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects), Some((state.epoch(), 2 * SECOND, 1.0)));
}

#[test]
fn a_lost_device_pauses_keeps_the_position_and_never_resumes_by_itself() {
    let state = playing();
    let heard = Event::Heard { epoch: state.epoch() as u16, position_us: 11 * SECOND };
    let (state, _) = event(state, heard);
    let (state, effects) = event(state, lost(0));
    assert_eq!((state.phase(), state.position_us()), (&Phase::Paused, 11 * SECOND));
    assert_eq!(state.stopped_by(), Some(Stop::DeviceLost));
    assert!(effects.contains(&Effect::CloseDevice) && effects.contains(&Effect::Run(false)));
    let (state, effects) = command(state, Command::Play);
    assert_eq!(effects, [Effect::OpenDevice]);
    let (_, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects).map(|start| start.1), Some(11 * SECOND));
    let opening = after(&[load(true), Input::Event(lost(0)), opened(1)]);
    assert_eq!(*opening.phase(), Phase::Paused, "not even a recording that was being opened");
}

#[test]
fn an_output_that_breaks_down_is_opened_again_where_it_stood_if_it_was_sounding() {
    let state = playing();
    let heard = Event::Heard { epoch: state.epoch() as u16, position_us: 11 * SECOND };
    let (state, _) = event(state, heard);
    let (state, effects) = event(state, Event::DeviceBroken { now_ms: 0 });
    assert_eq!((state.phase(), effects.last()), (&Phase::Playing, Some(&Effect::OpenDevice)));
    let (_, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects).map(|start| start.1), Some(11 * SECOND));
    let (state, _) = command(playing(), Command::Pause);
    let (state, effects) = event(state, Event::DeviceBroken { now_ms: 0 });
    assert_eq!(*state.phase(), Phase::Paused);
    assert!(!effects.contains(&Effect::OpenDevice), "nobody wants sound now");
}

#[test]
fn broken_decoding_is_a_failure_that_says_why() {
    let state = playing();
    let epoch = state.epoch();
    let (state, effects) = event(state, Event::FillFailed { epoch, error: PlayerError::DecoderStopped });
    assert_eq!(*state.phase(), Phase::Failed(PlayerError::DecoderStopped));
    assert_eq!(effects, [Effect::Run(false), Effect::Hush { epoch: epoch + 1 }]);
    let failed = Event::OpenFailed { ticket: 1, error: PlayerError::NotAudio };
    let state = event(after(&[load(true)]), failed).0;
    assert_eq!(*state.phase(), Phase::Failed(PlayerError::NotAudio));
    assert_eq!(command(state, Command::Play).1, vec![], "there is nothing to play");
}

#[test]
fn what_is_said_again_goes_back_slower_and_ends_where_it_was_asked() {
    let state = heard(command(playing(), Command::SetSpeed(2.0)).0, 20 * SECOND);
    let (state, effects) = command(state, Command::SayAgain);
    let plan = plan_of(&effects).expect("a start");
    assert_eq!((plan.from_us, plan.speed), (15 * SECOND, 1.5));
    assert_eq!((state.speed(), state.pace(), state.is_saying_again()), (2.0, 1.5, true));
    let (state, effects) = command(heard(state, 17 * SECOND), Command::SayAgain);
    assert_eq!(plan_of(&effects).map(|plan| plan.from_us), Some(12 * SECOND), "again and again reaches further back");
    let state = heard(state, 20 * SECOND - 1);
    assert!(state.is_saying_again());
    let epoch = state.epoch() as u16;
    let (state, effects) = event(state, Event::Heard { epoch, position_us: 20 * SECOND });
    assert_eq!(plan_of(&effects).map(|plan| (plan.from_us, plan.speed)), Some((20 * SECOND, 2.0)));
    assert!(!state.is_saying_again());
}

#[test]
fn saying_again_plays_whatever_stood_still_and_a_seek_or_a_speed_ends_it() {
    for state in [paused(), ended()] {
        let state = command(state, Command::SayAgain).0;
        assert_eq!((state.phase(), state.is_saying_again()), (&Phase::Playing, true));
        assert!(!command(state.clone(), Command::Seek { to_us: 0 }).0.is_saying_again());
        let faster = command(state, Command::SetSpeed(1.0)).0;
        assert_eq!((faster.is_saying_again(), faster.pace()), (false, 1.0));
    }
    assert_eq!(command(ended(), Command::SayAgain).0.position_us(), 40 * SECOND);
    assert_eq!(command(State::default(), Command::SayAgain).1, vec![]);
}

#[test]
fn a_stretch_goes_round_from_inside_it_and_takes_what_is_outside_to_its_beginning() {
    let stretch = Some((10 * SECOND, 12 * SECOND));
    let (state, effects) = command(heard(playing(), 11 * SECOND), Command::SetRepeat(stretch));
    let plan = plan_of(&effects).expect("a start");
    assert_eq!((plan.from_us, plan.repeat), (11 * SECOND, stretch));
    let (state, effects) = command(state, Command::SetRepeat(None));
    assert_eq!(plan_of(&effects).expect("a start").repeat, None);
    let (_, effects) = command(heard(state, 30 * SECOND), Command::SetRepeat(stretch));
    assert_eq!(plan_of(&effects).map(|plan| plan.from_us), Some(10 * SECOND));
    let backwards = Some((12 * SECOND, 10 * SECOND));
    assert_eq!(command(playing(), Command::SetRepeat(backwards)).0.repeat(), None);
}

#[test]
fn silences_are_left_out_unless_a_stretch_goes_round_or_something_is_said_again() {
    let cuts: Arc<[Cut]> = Arc::from([Cut { start_ms: 3_000, end_ms: 4_000 }]);
    let (state, effects) = command(playing(), Command::SetCuts(Arc::clone(&cuts)));
    assert_eq!(effects, [], "not before somebody wants that");
    let (state, effects) = command(state, Command::SetSkip(true));
    assert_eq!(plan_of(&effects).expect("a start").cuts, cuts);
    let (looping, effects) = command(state.clone(), Command::SetRepeat(Some((0, 9 * SECOND))));
    assert!(plan_of(&effects).expect("a start").cuts.is_empty());
    let (_, effects) = command(looping, Command::SetRepeat(None));
    assert_eq!(plan_of(&effects).expect("a start").cuts, cuts);
    let (_, effects) = command(heard(state.clone(), 9 * SECOND), Command::SayAgain);
    assert!(plan_of(&effects).expect("a start").cuts.is_empty());
    // The next recording has silences of its own.
    let state = state.step(load(true)).0;
    let (state, effects) = event(state, Event::Opened { ticket: 2, duration_us: 45 * SECOND, estimated: false });
    assert!(plan_of(&effects).expect("a start").cuts.is_empty());
    assert!(state.is_skipping());
}

#[test]
fn solo_and_gains_are_of_one_recording_and_mute_leaves_the_volume() {
    let (state, effects) = command(playing(), Command::SetSolo(Some(2)));
    assert_eq!(plan_of(&effects).map(|plan| plan.shape.solo), Some(Some(2)));
    let (state, effects) = command(state, Command::SetGains([0.5, 9.0]));
    assert_eq!(plan_of(&effects).map(|plan| plan.shape.gains), Some([0.5, GAIN_MAX]));
    assert_eq!(state.clone().step(load(false)).0.shape(), Shape::default());
    let (state, effects) = command(state, Command::SetLevel(true));
    assert_eq!(plan_of(&effects).map(|plan| plan.shape.level), Some(true));
    assert_eq!(command(state.clone(), Command::SetLevel(true)).1, [], "it is on already");
    let next = state.step(load(false)).0.shape();
    assert_eq!(next, Shape { level: true, ..Shape::default() }, "of every recording, unlike the others");
    let (state, _) = command(playing(), Command::SetVolume(0.4));
    let (state, effects) = command(state, Command::SetMuted(true));
    assert_eq!((effects, state.volume()), (vec![Effect::Volume(0.0)], 0.4));
    assert_eq!(command(state.clone(), Command::SetMuted(false)).1, [Effect::Volume(0.4)]);
    assert_eq!(command(state, Command::SetVolume(0.5)).1, [Effect::Volume(0.5)], "who turns it up wants to hear");
}

#[test]
fn a_device_that_comes_and_goes_is_opened_anew_at_most_every_two_seconds() {
    let mut state = playing();
    let mut opened_ms = Vec::new();
    // Lost as soon as it is open, for a minute.
    for now_ms in (0..60_000).step_by(50) {
        let (next, effects) = event(state, lost(now_ms));
        let (next, later) = event(next, Event::Ticked { now_ms });
        state = next;
        if effects.contains(&Effect::OpenDevice) || later.contains(&Effect::OpenDevice) {
            opened_ms.push(now_ms);
            state = event(state, Event::DeviceOpened).0;
        }
        assert_eq!(*state.phase(), Phase::Paused);
    }
    assert!(opened_ms.windows(2).all(|pair| pair[1] - pair[0] >= REBUILD_EVERY_MS), "{opened_ms:?}");
    assert_eq!((opened_ms[0], opened_ms.len()), (0, 30));
}

#[test]
fn another_device_takes_over_what_plays() {
    let (state, effects) = command(playing(), Command::SetDevice(Some("headset".into())));
    assert_eq!(effects[0], Effect::ChooseDevice(Some("headset".into())));
    assert_eq!(effects.last(), Some(&Effect::OpenDevice));
    let (state, effects) = event(state, Event::DeviceOpened);
    assert_eq!((state.phase(), effects.last()), (&Phase::Playing, Some(&Effect::Run(true))));
    assert_eq!(command(paused(), Command::SetDevice(None)).1, [Effect::ChooseDevice(None)]);
}
