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

fn start_of(effects: &[Effect]) -> Option<(u64, u64, f64)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start { epoch, from_us, speed, .. } => Some((*epoch, *from_us, *speed)),
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
                (seek, Phase::Idle),
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
                (seek, Phase::Loading),
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
                (seek, Phase::Paused),
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
                (seek, Phase::Playing),
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
                (seek, Phase::Paused),
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
                (seek, no_device.clone()),
                (SetSpeed(2.0), no_device.clone()),
                (SetVolume(0.5), no_device),
                (Unload, Phase::Idle),
            ],
        ),
    ];
    for (name, state, commands) in rows {
        for (wanted, phase) in commands {
            assert_eq!(*command(state.clone(), wanted).0.phase(), phase, "{name}: {wanted:?}");
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
    assert!(matches!(effects[0], Effect::Start { from_us: SECOND, until_us, .. } if until_us == Some(3 * SECOND)));
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
    let (state, effects) = event(state, Event::DeviceLost);
    assert_eq!((state.phase(), state.position_us()), (&Phase::Paused, 11 * SECOND));
    assert!(effects.contains(&Effect::CloseDevice) && effects.contains(&Effect::Run(false)));
    let (state, effects) = command(state, Command::Play);
    assert_eq!(effects, [Effect::OpenDevice]);
    let (_, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects).map(|start| start.1), Some(11 * SECOND));
    let opening = after(&[load(true), Input::Event(Event::DeviceLost), opened(1)]);
    assert_eq!(*opening.phase(), Phase::Paused, "not even a recording that was being opened");
}

#[test]
fn an_output_that_breaks_down_is_opened_again_where_it_stood_if_it_was_sounding() {
    let state = playing();
    let heard = Event::Heard { epoch: state.epoch() as u16, position_us: 11 * SECOND };
    let (state, _) = event(state, heard);
    let (state, effects) = event(state, Event::DeviceBroken);
    assert_eq!((state.phase(), effects.last()), (&Phase::Playing, Some(&Effect::OpenDevice)));
    let (_, effects) = event(state, Event::DeviceOpened);
    assert_eq!(start_of(&effects).map(|start| start.1), Some(11 * SECOND));
    let (state, _) = command(playing(), Command::Pause);
    let (state, effects) = event(state, Event::DeviceBroken);
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
