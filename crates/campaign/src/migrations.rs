//! Old databases (F3, F20, F21): killed while they are upgraded, and broken in every way that files get broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::old::{self, Print};
use crate::program::{Ended, Profile, kill_after};
use crate::{Failure, Histogram, zoo};

/// A database that never gets its kill is smaller than the machine is fast.
const RUNS_PER_KILL: u32 = 12;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `aftercall-cli`.
    pub cli: PathBuf,
    /// How many kills.
    pub kills: u32,
    /// Decides moments and places.
    pub seed: u64,
    /// Rows of each database.
    pub rows: u32,
    /// Databases of which random pages are damaged.
    pub flips: u32,
    /// Tells how far it is.
    pub tell: fn(&str),
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Upgrades that were killed.
    pub kills: u32,
    /// Upgrades that were done before their moment.
    pub missed: u32,
    /// Files that a kill left at the old version.
    pub left_old: u32,
    /// Files that a kill left at the new one.
    pub left_new: u32,
    /// Moment of each kill, as a share of the upgrade's length.
    pub by_time: Histogram,
    /// Broken files that were tried.
    pub zoo: u32,
    /// Databases with flipped pages that were tried.
    pub flips: u32,
    /// Pages of them that were flipped.
    pub pages: u32,
    /// Whatever did not hold.
    pub wrong: Vec<String>,
}

/// One old database, to be copied.
struct Template {
    name: String,
    path: PathBuf,
    version: usize,
    key: Option<String>,
    print: Print,
    length: Duration,
}

/// Holds the campaign.
///
/// # Errors
/// It could not be held; what the program did wrong is in the report.
pub fn run(plan: &Plan) -> Result<Report, Failure> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut report = Report::default();
    let profile = profile(&plan.cli)?;
    let templates = templates(plan, &profile, &mut report)?;
    for template in &templates {
        let (version, ms) = (template.version, template.length.as_millis());
        (plan.tell)(&format!("{}: version {version}, an upgrade takes {ms} ms", template.name));
    }
    for n in 0..plan.kills {
        let template = &templates[n as usize % templates.len()];
        kill(&profile, template, &mut rng, &mut report)?;
        if (n + 1).is_multiple_of(20) {
            (plan.tell)(&format!("{} of {} kills, {} wrong", n + 1, plan.kills, report.wrong.len()));
        }
    }
    zoo::run(&profile, &mut report)?;
    (plan.tell)(&format!("{} broken files, {} wrong", report.zoo, report.wrong.len()));
    zoo::flips(plan, &profile, &mut rng, &mut report)?;
    Ok(report)
}

/// A profile with a library, so that sealed files have a key.
pub(crate) fn profile(cli: &Path) -> Result<Profile, Failure> {
    let profile = Profile::new(cli)?;
    // Nobody is signed in: that is what it answers, and the library is made.
    let answer = profile.run(&["sync"])?;
    if profile.library().exists() {
        Ok(profile)
    } else {
        Err(Failure::Setup(format!("no library was made: {answer:?}")))
    }
}

fn templates(plan: &Plan, profile: &Profile, report: &mut Report) -> Result<Vec<Template>, Failure> {
    let key = old::database_key(&profile.key_file())?;
    let latest = old::migrations()?.len();
    let mut templates = Vec::new();
    for version in 1..=latest {
        for (kind, key, history) in [("plain", None, true), ("sealed", Some(&key), true), ("bare", None, false)] {
            // Only the first version was ever without a history.
            if !history && version > 1 {
                continue;
            }
            let name = format!("{kind}-v{version:02}");
            let path = profile.path(&format!("{name}.db"));
            let key = key.cloned();
            old::make(&path, key.as_deref(), version, plan.rows, history)?;
            let print = old::print(&old::connect(&path, key.as_deref())?, None)?;
            let mut template = Template { name, path, version, key, print, length: Duration::ZERO };
            let trial = profile.path("trial.db");
            old::copy_with_companions(&template.path, &trial)?;
            let answer = profile.run(&["db", "upgrade", &trial.to_string_lossy()])?;
            template.length = answer.took;
            if answer.code != Some(0) {
                report.wrong.push(format!("{}: an undisturbed upgrade ended with {}", template.name, answer.word()));
            }
            judge_whole(profile, &template, &trial, "undisturbed", report)?;
            clear(profile)?;
            // The latest has nothing to be killed in.
            if version < latest {
                templates.push(template);
            }
        }
    }
    Ok(templates)
}

/// Removes what a run made: the file, its companions and its copies.
fn clear(profile: &Profile) -> Result<(), Failure> {
    let folder = profile.path("");
    for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
        let path = entry.map_err(Failure::file(&folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("trial.db") || name.starts_with("look.db") {
            fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
    }
    Ok(())
}

/// The copies that were made before an upgrade.
fn copies(profile: &Profile) -> Result<Vec<PathBuf>, Failure> {
    let folder = profile.path("");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Failure::file(&folder))? {
        let path = entry.map_err(Failure::file(&folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("trial.db.before-upgrade-") && name.ends_with(".db") {
            found.push(path);
        }
    }
    Ok(found)
}

fn kill(profile: &Profile, template: &Template, rng: &mut StdRng, report: &mut Report) -> Result<(), Failure> {
    let trial = profile.path("trial.db");
    let mut length = template.length;
    for _ in 0..RUNS_PER_KILL {
        clear(profile)?;
        old::copy_with_companions(&template.path, &trial)?;
        let share: f64 = rng.random_range(0.0..1.0);
        let command = profile.command(&["db", "upgrade", &trial.to_string_lossy()]);
        match kill_after(command, || true, length.mul_f64(share))? {
            Ended::ByItself(answer) => {
                report.missed += 1;
                length = length.min(answer.took);
            }
            Ended::Killed(_) => {
                report.kills += 1;
                report.by_time.add(share);
                let at = format!("kill {} at {:.0} %", report.kills, share * 100.0);
                judge_killed(profile, template, &trial, &at, report)?;
                return Ok(());
            }
        }
    }
    Err(Failure::Setup(format!("no upgrade of {} lasted until its kill", template.name)))
}

fn judge_killed(
    profile: &Profile,
    template: &Template,
    trial: &Path,
    at: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let name = &template.name;
    let mut wrong = Vec::new();
    // What was left, looked at in a copy of all that is there.
    let look = profile.path("look.db");
    old::copy_with_companions(trial, &look)?;
    wrong.extend(differences(&look, template.key.as_deref(), &template.print));
    for copy in copies(profile)? {
        wrong.extend(
            differences(&copy, template.key.as_deref(), &template.print).into_iter().map(|w| format!("the copy: {w}")),
        );
    }
    let checked = profile.run(&["db", "check", &trial.to_string_lossy()])?;
    let latest = checked.json["to_version"].as_u64();
    match checked.json["from_version"].as_u64() {
        Some(version) if version == template.version as u64 => report.left_old += 1,
        Some(version) if Some(version) == latest => report.left_new += 1,
        Some(version) => wrong.push(format!("it is left at version {version}")),
        None => wrong.push(format!("db check ends with {}", checked.word())),
    }
    let again = profile.run(&["db", "upgrade", &trial.to_string_lossy()])?;
    if again.code != Some(0) {
        wrong.push(format!("the next upgrade ends with {}", again.word()));
    }
    report.wrong.extend(wrong.into_iter().map(|what| format!("{name}, {at}: {what}")));
    judge_whole(profile, template, trial, at, report)
}

/// After an upgrade that came to its end: every value is there, and the next one has nothing to do.
fn judge_whole(
    profile: &Profile,
    template: &Template,
    trial: &Path,
    at: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut wrong = differences(trial, template.key.as_deref(), &template.print);
    let again = profile.run(&["db", "upgrade", &trial.to_string_lossy()])?;
    let nothing = again.json["applied"].as_array().is_some_and(Vec::is_empty) && again.json["backup"].is_null();
    if again.code != Some(0) || !nothing || again.json["from_version"] != again.json["to_version"] {
        wrong.push(format!("a second upgrade does something: {} {}", again.word(), again.json));
    }
    for copy in copies(profile)? {
        wrong.extend(
            differences(&copy, template.key.as_deref(), &template.print).into_iter().map(|w| format!("the copy: {w}")),
        );
    }
    report.wrong.extend(wrong.into_iter().map(|what| format!("{}, {at}: {what}", template.name)));
    Ok(())
}

/// What is not as it was in a file: its values, its pages, its references.
fn differences(path: &Path, key: Option<&str>, print: &Print) -> Vec<String> {
    let look = || -> Result<Vec<String>, Failure> {
        let conn = old::connect(path, key)?;
        let mut found = Vec::new();
        let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            found.push(format!("integrity: {verdict}"));
        }
        let dangling: i64 = conn.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
        if dangling > 0 {
            found.push(format!("{dangling} rows point at nothing"));
        }
        let now = old::print(&conn, Some(print))?;
        for (table, before) in print {
            match now.get(table) {
                Some(now) if now.1 != before.1 => {
                    found.push(format!("{table} had {} rows and has {}", before.1, now.1))
                }
                Some(now) if now.2 != before.2 => found.push(format!("{table} has other values")),
                Some(_) => {}
                None => found.push(format!("{table} is gone")),
            }
        }
        Ok(found)
    };
    look().unwrap_or_else(|failure| vec![failure.to_string()])
}
