//! From the key to the ear: ours beside mpv, into the same captured sound card.
//!
//! Both play the same recording, a tone that rises by 400 Hz a second and begins anew every six: what is heard tells where
//! in the recording it is, and how fast. Of ours the app's own command is timed, as the window sends it, over an encrypted
//! library; of mpv its start at a place, and what is asked over its socket. The capture comes in blocks
//! of ten milliseconds, each of which counts as heard from its arrival on.

mod ear;
mod rivals;
mod tone;

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use self::ear::Ear;
use self::rivals::{App, Mpv};
use super::measured::cpu_s_of;
use super::table::{Table, median};
use super::{Asked, Programs, folder};
use crate::cli::Cli;
use crate::failure::Failure;
use crate::run;
use crate::setup::{self, Need, Probe};
use crate::stage::{Environment, Home, Sandbox, Sound};

const NEEDS: &[Need] = &[Need { package: "mpv", probe: Probe::Program("mpv") }];
/// What the goals speak of.
const ROUNDS: u32 = 30;
/// Where a start begins: half a second after the tone began anew.
const START_S: f64 = 36.5;
/// What is heard after a start and a jump, and on either side of a change of speed.
const HEARD: Duration = Duration::from_millis(700);
const BEFORE: Duration = Duration::from_millis(700);
const AFTER: Duration = Duration::from_millis(1_100);
/// While this much is played at twice the speed, CPU time is counted.
const AT_2X: Duration = Duration::from_secs(20);

pub(super) async fn bench(asked: &Asked, programs: &Programs, table: &mut Table) -> Result<(), Failure> {
    setup::require(NEEDS)?;
    run::run(&mut run::cargo(&["build", "-p", "aftercall-sandbox", "-p", "aftercall-cli"]))?;
    let logs = folder("player")?;
    let home = Home::new()?;
    let sound = Sound::open(&home, &logs).await?;
    let measured = measure(asked, programs, &home, &sound, &logs).await;
    sound.end().await;
    measured?.judge(table);
    Ok(())
}

/// Milliseconds of each round, ours and mpv's.
#[derive(Default)]
struct Pair {
    ours_ms: Vec<f64>,
    mpv_ms: Vec<f64>,
}

impl Pair {
    fn medians(&mut self) -> (f64, f64) {
        (median(&mut self.ours_ms), median(&mut self.mpv_ms))
    }
}

#[derive(Default)]
struct Found {
    start: Pair,
    resume_ms: Vec<f64>,
    seek: Pair,
    speed: Pair,
    cpu_percent: [f64; 2],
}

impl Found {
    fn judge(mut self, table: &mut Table) {
        let shown = |ms: f64| format!("{ms:.1} ms");
        let (start, their_start) = self.start.medians();
        let (seek, their_seek) = self.seek.medians();
        let (speed, their_speed) = self.speed.medians();
        table.at_most(
            "key press to sound (mpv: start at a place)",
            shown(start),
            shown(their_start),
            start / their_start,
            0.25,
        );
        table.at_most("seek (mpv: over its socket)", shown(seek), shown(their_seek), seek / their_seek, 0.25);
        table.at_most(
            "speed change (mpv: over its socket)",
            shown(speed),
            shown(their_speed),
            speed / their_speed,
            0.5,
        );
        let whole = their_start + their_seek;
        table.at_most("seek (mpv: start and seek)", shown(seek), shown(whole), seek / whole, 0.25);
        table.within("key press to sound", start, 80.0, "ms");
        table.within("seek", seek, 50.0, "ms");
        table.within("speed change", speed, 120.0, "ms");
        table.told("key press to sound after a pause", shown(median(&mut self.resume_ms)), "-".into());
        let [ours, theirs] = self.cpu_percent;
        table.told("CPU of a core at 2x", format!("{ours:.1} %"), format!("{theirs:.1} % ({:.2}x)", ours / theirs));
    }
}

async fn measure(
    asked: &Asked,
    programs: &Programs,
    home: &Home,
    sound: &Sound,
    logs: &Path,
) -> Result<Found, Failure> {
    let recordings = home.path().join("recordings");
    std::fs::create_dir_all(&recordings).map_err(|e| Failure::file(&recordings, e))?;
    let recording = tone::recording(&recordings)?;
    let listed = recordings.to_string_lossy();
    let sandbox = Sandbox::open_with(&["--prepare-polls", "0", "--recordings", &listed], logs).await?;
    let measured = measure_from(asked, programs, home, sound, logs, &sandbox, &recording).await;
    sandbox.end().await;
    measured
}

async fn measure_from(
    asked: &Asked,
    programs: &Programs,
    home: &Home,
    sound: &Sound,
    logs: &Path,
    sandbox: &Sandbox,
    recording: &Path,
) -> Result<Found, Failure> {
    let mut env: Environment = home.environment();
    env.extend(sound.environment());
    env.push(("AFTERCALL_KEY_FILE", home.path().join("root.key").to_string_lossy().into_owned()));
    let profile = home.path().join("profile");
    let cli = Cli::new(&profile, env.clone())?;
    cli.sign_in(&sandbox.ready.url, &sandbox.ready.email, &sandbox.ready.password)?;
    cli.ask(&["sync"], None)?;
    let sid = sandbox.ready.recordings.first().map(|recording| recording.call_sid.clone());
    let sid = sid.ok_or_else(|| Failure::answer("aftercall-sandbox", "no recordings"))?;
    cli.ask(&["fetch", &sid], None)?;
    let ear = Ear::open(sound, logs).await?;
    let mut app = App::open(&programs.example("measure_player"), &profile, &format!("crm:{sid}"), &env, logs)?;
    let found = compare(asked.rounds.unwrap_or(ROUNDS), &ear, &mut app, home, recording, &env, logs).await;
    app.end()?;
    ear.end().await;
    found
}

async fn compare(
    rounds: u32,
    ear: &Ear,
    app: &mut App,
    home: &Home,
    recording: &Path,
    env: &Environment,
    logs: &Path,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    let start_mpv = || Mpv::start(recording, START_S, home, env, logs);
    // Both are read from the disk once.
    start_mpv()?.0.end().await;
    app.load(START_S).await?;
    app.pause()?;
    for round in 0..rounds {
        sleep(HEARD).await;
        let key = app.load(START_S).await?;
        sleep(HEARD).await;
        found.start.ours_ms.push(ear.began_ms(key, "ours begins")?);
        app.pause()?;
        sleep(HEARD).await;
        let key = app.play()?;
        sleep(HEARD).await;
        found.resume_ms.push(ear.began_ms(key, "ours goes on")?);
        // Elsewhere in the six seconds than what is heard by now.
        let place_s = 60.0 + 6.0 * f64::from(round) + if round % 2 == 0 { 4.0 } else { 1.0 };
        for place_s in [place_s, place_s + 9.0] {
            let key = app.seek(place_s)?;
            sleep(HEARD).await;
            found.seek.ours_ms.push(ear.jumped_ms(key, place_s, "ours jumps")?);
        }
        app.seek(60.5)?;
        sleep(BEFORE).await;
        let key = app.speed(2.0)?;
        sleep(AFTER).await;
        found.speed.ours_ms.push(ear.bent_ms(key, "ours is faster")?);
        app.speed(1.0)?;
        app.pause()?;
        sleep(HEARD).await;

        let (mut mpv, key) = start_mpv()?;
        sleep(HEARD + HEARD).await;
        found.start.mpv_ms.push(ear.began_ms(key, "mpv begins")?);
        mpv.connect().await?;
        for place_s in [place_s, place_s + 9.0] {
            let key = mpv.seek(place_s)?;
            sleep(HEARD).await;
            found.seek.mpv_ms.push(ear.jumped_ms(key, place_s, "mpv jumps")?);
        }
        mpv.seek(60.5)?;
        sleep(BEFORE).await;
        let key = mpv.speed(2.0)?;
        sleep(AFTER).await;
        found.speed.mpv_ms.push(ear.bent_ms(key, "mpv is faster")?);
        mpv.end().await;
        println!("round {}: {}", round + 1, found.last());
    }
    found.cpu_percent = cpu_at_2x(app, start_mpv()?.0).await?;
    Ok(found)
}

impl Found {
    /// The last round, for whoever watches.
    fn last(&self) -> String {
        let of = |name, pair: &Pair| {
            let last = |all: &[f64]| all.last().copied().unwrap_or(f64::NAN);
            format!("{name} {:.0} / {:.0} ms", last(&pair.ours_ms), last(&pair.mpv_ms))
        };
        [of("start", &self.start), of("seek", &self.seek), of("speed", &self.speed)].join(", ")
    }
}

/// Of a core, ours and mpv's, each while it plays alone.
async fn cpu_at_2x(app: &mut App, mut mpv: Mpv) -> Result<[f64; 2], Failure> {
    mpv.connect().await?;
    mpv.speed(2.0)?;
    let theirs = percent_of(mpv.id()).await;
    mpv.end().await;
    app.load(START_S).await?;
    app.speed(2.0)?;
    let ours = percent_of(app.id()).await;
    app.pause()?;
    Ok([ours?, theirs?])
}

async fn percent_of(id: u32) -> Result<f64, Failure> {
    // The start is not what is asked for.
    sleep(HEARD).await;
    let before = cpu_s_of(id)?;
    sleep(AT_2X).await;
    Ok((cpu_s_of(id)? - before) / AT_2X.as_secs_f64() * 100.0)
}
