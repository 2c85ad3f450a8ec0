//! Others at the same library: a lock that somebody holds (F18), and a second instance (F19).

use std::time::{Duration, Instant};

use aftercall_app::profile::ProfileFolder;
use serde_json::json;

use crate::network::{Scene, manners, spawn};
use crate::program::finish;
use crate::row::{Plan, Row};
use crate::{Failure, old, pause};

const ROUNDS: u32 = 50;
/// A start that takes longer has not taken over.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// F18: another program holds the write lock of the library for a second, five, and a minute. Reading goes on, writing
/// waits or says why not, and nothing is lost.
pub(crate) fn locked(plan: &Plan) -> Result<Row, Failure> {
    let scene = Scene::new(plan)?;
    let key = old::database_key(&scene.profile.key_file())?;
    let mut row = Row { fault: "F18", ..Row::default() };
    let mut slowest_read = Duration::ZERO;
    for (held_s, command, ends) in [
        (1, "sync", &["ok"][..]),
        (5, "sync", &["ok"]),
        (60, "sync", &["ok", "profile_in_use"]),
        (1, "fetch", &["ok"]),
        (5, "fetch", &["ok"]),
        (60, "fetch", &["ok", "profile_in_use"]),
    ] {
        scene.sandbox.move_on(20);
        let sid = scene.sandbox.ready().recordings[row.n as usize].call_sid.clone();
        let other = old::connect(&scene.profile.library(), Some(&key))?;
        other.execute_batch("BEGIN IMMEDIATE; UPDATE profile SET value = value")?;
        let arguments: Vec<&str> = if command == "sync" { vec!["sync"] } else { vec!["fetch", &sid] };
        let command = scene.profile.command(&arguments);
        let (answer, read) = std::thread::scope(|scope| {
            let running = scope.spawn(|| finish(command));
            pause(Duration::from_millis(300));
            let began = Instant::now();
            let read = scene.profile.run(&["calls", "--limit", "50"]);
            slowest_read = slowest_read.max(began.elapsed());
            let until = Instant::now() + Duration::from_secs(held_s);
            while !running.is_finished() && Instant::now() < until {
                pause(Duration::from_millis(50));
            }
            let released = other.execute_batch("ROLLBACK");
            let answer = running.join().unwrap_or_else(|_| Err(Failure::Setup("a thread died".into())));
            released.map_err(Failure::from).and(answer).map(|answer| (answer, read))
        })?;
        let at = format!("{} with the lock held for {held_s} s", arguments[0]);
        manners(&at, &answer, ends, &mut row.wrong);
        manners("reading beside it", &read?, &["ok"], &mut row.wrong);
        manners("the same after it", &scene.profile.run(&arguments)?, &["ok"], &mut row.wrong);
        row.n += 1;
    }
    if slowest_read > Duration::from_secs(2) {
        row.wrong.push(format!("reading took {} ms", slowest_read.as_millis()));
    }
    row.figure = format!("reads went on, the slowest in {} ms with its start", slowest_read.as_millis());
    Ok(row)
}

/// F19: two windows' loops over one profile at once; one owns it, the other says so and ends; SIGKILL frees the lock.
/// That the second window brings the first to the front is the shell's, and not judged here.
pub(crate) fn instances(plan: &Plan) -> Result<Row, Failure> {
    let scene = Scene::new(plan)?;
    scene.script(&json!([]))?;
    let folder =
        ProfileFolder::of(Some(&scene.profile.profile())).map_err(|error| Failure::Setup(error.to_string()))?;
    let mut row = Row { fault: "F19", ..Row::default() };
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let start = || {
            let mut command = scene.profile.command_of(&plan.window, &["window"]);
            command.env("AFTERCALL_LOG", "off");
            spawn(command)
        };
        let began = Instant::now();
        let mut both = [start()?, start()?];
        // One of them ends by itself, because the other has it.
        let loser = loop {
            let ended = both.iter_mut().position(|one| matches!(one.0.try_wait(), Ok(Some(_))));
            if ended.is_some() || began.elapsed() > TAKE_OVER {
                break ended;
            }
            pause(Duration::from_millis(2));
        };
        let Some(loser) = loser else {
            row.wrong.push(format!("round {round}: two own one profile"));
            continue;
        };
        let [first, second] = both;
        let (mut winner, lost) = if loser == 0 { (second, first) } else { (first, second) };
        drop(lost);
        pause(Duration::from_millis(30));
        if !matches!(winner.0.try_wait(), Ok(None)) {
            row.wrong.push(format!("round {round}: neither owns the profile"));
        }
        if folder.lock().is_ok() {
            row.wrong.push(format!("round {round}: the owner holds no lock"));
        }
        manners("writing beside the owner", &scene.profile.run(&["sync"])?, &["profile_in_use"], &mut row.wrong);
        // SIGKILL.
        drop(winner);
        let killed = Instant::now();
        match folder.lock() {
            Ok(lock) => drop(lock),
            Err(error) => row.wrong.push(format!("round {round}: after SIGKILL {error}")),
        }
        slowest = slowest.max(killed.elapsed());
        row.n += 1;
    }
    manners("a sync after all of it", &scene.profile.run(&["sync"])?, &["ok"], &mut row.wrong);
    row.figure = format!("one owner each time; free {} us after SIGKILL at most", slowest.as_micros());
    Ok(row)
}
