//! What a stranger on the bus sees and can press, asked by libdbus' own client.

use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;

/// Set in the run that has a bus of its own around it.
const ON_A_BUS: &str = "AFTERCALL_TEST_ON_A_BUS";
const NAME: &str = "org.mpris.MediaPlayer2.aftercall";
const PATIENCE: Duration = Duration::from_secs(20);

fn playing() -> NowPlaying {
    NowPlaying {
        plays: true,
        title: "Call recording".into(),
        position_ms: 61_000,
        duration_ms: Some(180_000),
        pace: 1.5,
        has_next: false,
    }
}

/// What the client printed, as words; nothing where it was refused.
fn ask(method: &str, arguments: &[&str]) -> Option<String> {
    let destination = format!("--dest={NAME}");
    let mut client = Command::new("dbus-send");
    client.args(["--session", "--print-reply", &destination, "/org/mpris/MediaPlayer2", method]).args(arguments);
    let output = client.output().expect("dbus-send is needed for this test: run `cargo xtask setup`");
    let words = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    output.status.success().then_some(words)
}

fn property(name: &str) -> Option<String> {
    let player = "string:org.mpris.MediaPlayer2.Player";
    ask("org.freedesktop.DBus.Properties.Get", &[player, &format!("string:{name}")])
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it never came to hold: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn pressed(presses: &Receiver<Press>, method: &str, arguments: &[&str]) -> Option<Press> {
    ask(&format!("org.mpris.MediaPlayer2.Player.{method}"), arguments).expect(method);
    presses.try_recv().ok()
}

#[test]
fn the_desktop_sees_what_plays_and_its_keys_arrive() {
    if std::env::var_os(ON_A_BUS).is_none() {
        // Once more, with nobody else's bus around it.
        let this = std::env::current_exe().expect("this test");
        let mut again = Command::new("dbus-run-session");
        again
            .arg("--")
            .arg(this)
            .args(["--exact", "media_keys::tests::the_desktop_sees_what_plays_and_its_keys_arrive"]);
        let output = again.env(ON_A_BUS, "1").output().expect("dbus-run-session is needed: run `cargo xtask setup`");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (press, presses) = channel();
    let keys = MediaKeys::default();
    keys.open(move |pressed| {
        // Whoever listens is there to the end.
        let _ = press.send(pressed);
    });
    assert_eq!(property("PlaybackStatus"), None, "nothing is on the bus before something is in the player");

    keys.show(Some(playing()));
    until("it is on the bus", || property("PlaybackStatus").is_some());
    assert!(property("PlaybackStatus").unwrap().contains("\"Playing\""));
    assert!(property("Rate").unwrap().contains("1.5"));
    let metadata = property("Metadata").unwrap();
    assert!(metadata.contains("\"Call recording\"") && metadata.contains("int64 180000000"), "{metadata}");
    let position_ms = |said: String| said.rsplit(' ').next().unwrap().parse::<i64>().unwrap() / 1_000;
    let (first, asked) = (position_ms(property("Position").unwrap()), Instant::now());
    assert!((61_000..90_000).contains(&first), "{first}");
    until("a second goes by", || asked.elapsed() > Duration::from_secs(1));
    let gone = position_ms(property("Position").unwrap()) - first;
    assert!(gone >= 1_500, "it goes on at 1.5x between two words of the app: {gone}");

    for (method, press) in [
        ("Play", Press::Play),
        ("Pause", Press::Pause),
        ("Stop", Press::Pause),
        ("PlayPause", Press::PlayPause),
        ("Next", Press::Next),
        ("Previous", Press::Previous),
    ] {
        assert_eq!(pressed(&presses, method, &[]), Some(press), "{method}");
    }
    assert_eq!(pressed(&presses, "Seek", &["int64:-5000000"]), Some(Press::SeekBy(-5_000)));
    let track = "objpath:/aftercall/track";
    assert_eq!(pressed(&presses, "SetPosition", &[track, "int64:90000000"]), Some(Press::SeekTo(90_000)));
    assert_eq!(pressed(&presses, "SetPosition", &[track, "int64:180000001000"]), None, "behind the end");
    assert_eq!(pressed(&presses, "SetPosition", &["objpath:/another", "int64:1000000"]), None);
    assert_eq!(ask("org.mpris.MediaPlayer2.Player.OpenUri", &["string:file:///etc/passwd"]), None);
    ask("org.mpris.MediaPlayer2.Raise", &[]).unwrap();
    assert_eq!(presses.try_recv(), Ok(Press::Raise));

    keys.show(Some(NowPlaying { plays: false, has_next: true, position_ms: 5_000, ..playing() }));
    until("the pause is seen", || property("PlaybackStatus").is_some_and(|said| said.contains("\"Paused\"")));
    assert_eq!(position_ms(property("Position").unwrap()), 5_000);
    assert!(property("CanGoNext").unwrap().contains("true"));
    // Locked, or nothing in the player: nothing is left for anybody to read.
    keys.show(None);
    until("it is off the bus", || property("Metadata").is_none());
    keys.show(Some(playing()));
    until("it is on the bus again", || property("Metadata").is_some());
}

#[test]
fn without_a_session_bus_there_are_no_keys_and_nothing_fails() {
    const TEST: &str = "media_keys::tests::without_a_session_bus_there_are_no_keys_and_nothing_fails";
    if std::env::var_os(ON_A_BUS).is_none() {
        let mut again = Command::new(std::env::current_exe().expect("this test"));
        again.args(["--exact", TEST]).env(ON_A_BUS, "1").env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all");
        let output = again.output().expect("this test");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
        return;
    }
    let (told, tells) = tokio::sync::watch::channel(Some(playing()));
    let served = tauri::async_runtime::block_on(mpris::serve(tells, std::sync::Arc::new(|_| {})));
    assert!(served.is_err());
    assert!(told.send(None).is_err(), "nobody listens any more, which nobody has to know");
    let keys = MediaKeys::default();
    keys.open(|_| {});
    keys.show(Some(playing()));
    keys.show(None);
}
