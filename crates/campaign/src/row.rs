//! One line of the table: a fault, how often it was made, and whether what must hold held.

use std::path::PathBuf;

use crate::{Failure, disk, downloads, faults, kills, migrations, network, power, sharing, traces};

/// What is to be held.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `aftercall-cli`.
    pub cli: PathBuf,
    /// This crate's own program, for the window's loop.
    pub window: PathBuf,
    /// Replays a run.
    pub seed: u64,
    /// Tells how far it is.
    pub tell: fn(&str),
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// `F1` …
    pub fault: &'static str,
    /// How often it was made.
    pub n: u64,
    /// What did not hold.
    pub wrong: Vec<String>,
    /// What was measured.
    pub figure: String,
}

impl Row {
    /// Nothing was wrong, and it was made at all.
    pub fn holds(&self) -> bool {
        self.n > 0 && self.wrong.is_empty()
    }
}

/// Makes one fault as often as each change of the code wants it.
///
/// # Errors
/// It could not be made; what the program did wrong is in the rows.
pub fn hold(fault: &str, plan: &Plan) -> Result<Vec<Row>, Failure> {
    let one = |row: Result<Row, Failure>| row.map(|row| vec![row]);
    match fault {
        "F1" => one(killed_syncs(plan)),
        "F2" => one(killed_fetches(plan)),
        "F3" | "F20" | "F21" => upgrades(plan),
        "F4" => one(system_calls(plan)),
        "F5" => one(power::row(plan)),
        "F9" => one(network::patience(plan)),
        "F11" => one(network::sessions(plan)),
        "F12" => one(network::portals(plan)),
        "F13" => one(network::bombs(plan)),
        "F16" => one(disk::full(plan)),
        "F17" => one(disk::read_only(plan)),
        "F18" => one(sharing::locked(plan)),
        "F19" => one(sharing::instances(plan)),
        "F22" => one(network::big_page(plan)),
        "T11" => one(traces::row(plan)),
        other => Err(Failure::Setup(format!("no code here makes {other}"))),
    }
}

fn all_of(verdict: &kills::Verdict) -> Vec<String> {
    [&verdict.lost, &verdict.duplicated, &verdict.half_applied, &verdict.other].into_iter().flatten().cloned().collect()
}

fn killed_syncs(plan: &Plan) -> Result<Row, Failure> {
    let report = kills::run(&kills::Plan {
        cli: plan.cli.clone(),
        window: Some(plan.window.clone()),
        kills: 200,
        seed: plan.seed,
        calls: 1500,
        tell: plan.tell,
    })?;
    let figure = format!("{} rows judged, {} steps of the server", report.rows_judged, report.steps);
    Ok(Row { fault: "F1", n: u64::from(report.kills), wrong: all_of(&report.verdict), figure })
}

fn killed_fetches(plan: &Plan) -> Result<Row, Failure> {
    let report =
        downloads::kills(&downloads::Plan { cli: plan.cli.clone(), n: 200, seed: plan.seed, tell: plan.tell })?;
    let wrong = report.wrong.iter().chain(&report.dear).cloned().collect();
    let figure = format!("{} recordings came home, {} bytes fetched again", report.arrived, report.refetched_bytes);
    Ok(Row { fault: "F2", n: u64::from(report.kills), wrong, figure })
}

fn upgrades(plan: &Plan) -> Result<Vec<Row>, Failure> {
    let (cli, seed, tell) = (plan.cli.clone(), plan.seed, plan.tell);
    let report = migrations::run(&migrations::Plan { cli, kills: 100, seed, rows: 10_000, flips: 100, tell })?;
    let is_of_page = |what: &&String| what.starts_with("flip ");
    let is_of_kill = |what: &&String| what.contains(", kill ");
    let wrong = |of: &dyn Fn(&&String) -> bool| report.wrong.iter().filter(of).cloned().collect::<Vec<_>>();
    Ok(vec![
        Row {
            fault: "F3",
            n: u64::from(report.kills),
            wrong: wrong(&is_of_kill),
            figure: format!("{} left old, {} new, none between", report.left_old, report.left_new),
        },
        Row {
            fault: "F20",
            n: u64::from(report.flips),
            wrong: wrong(&is_of_page),
            figure: format!("databases, {} random pages of them flipped", report.pages),
        },
        Row {
            fault: "F21",
            n: u64::from(report.zoo),
            wrong: wrong(&|what| !is_of_page(what) && !is_of_kill(what)),
            figure: "kinds of file, each with its end".into(),
        },
    ])
}

fn system_calls(plan: &Plan) -> Result<Row, Failure> {
    let report = faults::run(&faults::Plan { cli: plan.cli.clone(), of_each: 40, seed: plan.seed, tell: plan.tell })?;
    let figure =
        format!("system calls of upgrades, syncs and fetches hit; {} runs were over before theirs", report.missed);
    Ok(Row { fault: "F4", n: u64::from(report.hit), wrong: all_of(&report.verdict), figure })
}
