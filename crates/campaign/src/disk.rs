//! A disk that is full (F16) or may not be written (F17): a small tmpfs of the program's own, where the kernel lets
//! users have namespaces.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Failure;
use crate::judge::Truth;
use crate::network::Scene;
use crate::program::finish;
use crate::row::{Plan, Row};

/// Above the 200 MiB that no download touches.
const ROOM_KIB: u64 = 400 << 10;

/// What a command ended with on the disk of its own: its code, or `ok`; and the same command where there is room.
struct Ended {
    first: String,
    said: String,
}

/// Runs `aftercall-cli` over a copy of the profile in a tmpfs of `kib`, made read-only or not; then the profile comes
/// back from there. `None` where this machine lets nobody have a namespace.
fn on_small_disk(
    scene: &Scene,
    kib: u64,
    is_read_only: bool,
    arguments: &[&str],
    back: &Path,
) -> Result<Option<Ended>, Failure> {
    let mount = scene.profile.path("small");
    let said = scene.profile.path("said.json");
    let _ = fs::create_dir(&mount);
    let command = scene.profile.command(&[]);
    let cli = command.get_program().to_string_lossy().into_owned();
    let remount =
        if is_read_only { format!("mount -o remount,ro '{}' || exit 77", mount.display()) } else { String::new() };
    let script = format!(
        "mount -t tmpfs -o size={kib}k tmpfs '{mount}' && cp -a '{profile}' '{mount}/profile' || exit 77
         {remount}
         timeout -k 1 40 '{cli}' {arguments} --json --profile '{mount}/profile' > '{said}' 2> '{said}.err'; code=$?
         rm -rf '{back}' && cp -a '{mount}/profile' '{back}' || exit 77
         exit $code",
        mount = mount.display(),
        profile = scene.profile.profile().display(),
        arguments = arguments.join(" "),
        said = said.display(),
        back = back.display(),
    );
    let mut run = Command::new("unshare");
    run.args(["-rm", "sh", "-c", &script]).env("AFTERCALL_KEY_FILE", scene.profile.key_file());
    let answer = finish(run)?;
    if answer.code == Some(77) || answer.stderr.contains("unshare") {
        return Ok(None);
    }
    let text = fs::read_to_string(&said).unwrap_or_default();
    let errors = fs::read_to_string(said.with_extension("json.err")).unwrap_or_default();
    let object: Value = text.lines().next().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let first = if answer.code == Some(0) {
        "ok".to_owned()
    } else if answer.code == Some(124) {
        "no end".to_owned()
    } else {
        object["error"]["code"].as_str().unwrap_or("no word").to_owned()
    };
    Ok(Some(Ended { first, said: errors }))
}

fn kib_of(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { kib_of(&entry.path()) * 1024 } else { about.len().next_multiple_of(4096) };
    }
    bytes / 1024
}

/// Whether the library that came back is sound and goes on where there is room.
fn judge(scene: &Scene, at: &str, back: &Path, arguments: &[&str], row: &mut Row) -> Result<(), Failure> {
    let again = |arguments: &[&str]| {
        let mut command = Command::new(scene.profile.command(&[]).get_program());
        command.args(arguments).args(["--json", "--profile"]).arg(back);
        command.env("AFTERCALL_KEY_FILE", scene.profile.key_file());
        finish(command)
    };
    let library = back.join("library.db");
    let checked = again(&["db", "check", &library.to_string_lossy()])?;
    if checked.code != Some(0) {
        row.wrong.push(format!("{at}: db check ended with {}", checked.word()));
    }
    let done = again(arguments)?;
    if done.code != Some(0) {
        row.wrong.push(format!("{at}: with room again it ended with {} {}", done.word(), done.json));
    }
    Ok(())
}

/// F16: syncs and fetches with less and less room.
pub(crate) fn full(plan: &Plan) -> Result<Row, Failure> {
    let mut row = Row { fault: "F16", ..Row::default() };
    let scene = Scene::new(plan)?;
    scene.sandbox.move_on(400);
    // Some were deleted while the business went on.
    let there = Truth::sids(&scene.sandbox);
    let known = scene.sandbox.ready().recordings.iter().map(|one| one.call_sid.clone());
    let sids: Vec<String> = known.filter(|sid| there.contains(sid)).take(6).collect();
    let fetch: Vec<&str> = std::iter::once("fetch").chain(sids.iter().map(String::as_str)).collect();
    let used = kib_of(&scene.profile.profile());
    let back = scene.profile.path("back");
    let mut ends = std::collections::BTreeMap::new();
    for arguments in [&["sync", "--full"][..], &fetch] {
        for room in [16, 64, 256, 512, 1_024, ROOM_KIB] {
            let at = format!("{} with {room} KiB free", arguments[0]);
            let Some(ended) = on_small_disk(&scene, used + 64 + room, false, arguments, &back)? else {
                row.wrong.push("this machine lets nobody have a small disk (unshare)".into());
                return Ok(row);
            };
            row.n += 1;
            *ends.entry(ended.first.clone()).or_insert(0) += 1;
            let must = if room == ROOM_KIB { &["ok"][..] } else { &["ok", "disk_full"] };
            if !must.contains(&ended.first.as_str()) || ended.said.contains("panicked") {
                row.wrong.push(format!("{at}: it ended with {}, not {must:?}: {}", ended.first, ended.said));
            }
            judge(&scene, &at, &back, arguments, &mut row)?;
        }
    }
    if !ends.contains_key("disk_full") {
        row.wrong.push("no disk was ever full".into());
    }
    row.figure = ends.iter().map(|(end, n)| format!("{end} {n}")).collect::<Vec<_>>().join(", ");
    Ok(row)
}

/// F17: a profile that may not be written: what reads goes on or says why not, what writes says why not.
pub(crate) fn read_only(plan: &Plan) -> Result<Row, Failure> {
    let mut row = Row { fault: "F17", ..Row::default() };
    let scene = Scene::new(plan)?;
    let used = kib_of(&scene.profile.profile());
    let back = scene.profile.path("back");
    let sid = scene.sandbox.ready().recordings[0].call_sid.clone();
    let mut ends = Vec::new();
    for arguments in
        [&["calls", "--limit", "5"][..], &["leads"], &["doctor"], &["sync"], &["fetch", &sid], &["doctor", "--repair"]]
    {
        let Some(ended) = on_small_disk(&scene, used + 4_096, true, arguments, &back)? else {
            row.wrong.push("this machine lets nobody have a small disk (unshare)".into());
            return Ok(row);
        };
        row.n += 1;
        if ["no word", "internal"].contains(&ended.first.as_str()) || ended.said.contains("panicked") {
            row.wrong.push(format!("{}: it ended with {} {}", arguments.join(" "), ended.first, ended.said));
        }
        judge(&scene, &arguments.join(" "), &back, &["sync"], &mut row)?;
        ends.push(format!("{} {}", arguments[0], ended.first));
    }
    row.figure = ends.join(", ");
    Ok(row)
}
