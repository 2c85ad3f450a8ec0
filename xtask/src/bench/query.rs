//! Pages of lists and of searches.

use serde_json::Value;
use tokio::process::Command;

use super::measured::measure;
use super::peers::Python;
use super::table::Table;
use super::{Asked, Crm, Library, Programs, empty, folder};
use crate::failure::Failure;

pub(super) async fn bench(
    asked: &Asked,
    programs: &Programs,
    python: &Python,
    table: &mut Table,
) -> Result<(), Failure> {
    let library = Library::at(programs, &format!("library-{}", asked.calls))?;
    let database = folder("")?.join(format!("peer-{}.db", asked.calls));
    if !library.profile.join("library.db").exists() || !database.exists() {
        println!("filling the libraries with {} calls", asked.calls);
        let crm = Crm::open(programs, asked.calls).await?;
        library.forget()?;
        library.sign_in(&crm).await?;
        library.ask(&["sync"]).await?;
        let name = format!("pages-{}", asked.calls);
        let pages = folder(&name)?;
        empty(&pages)?;
        python.save_pages(&crm, &folder(&name)?).await?;
        crm.end().await;
        let _ = std::fs::remove_file(&database);
        python.sync(&pages, &database).await?;
        empty(&pages)?;
    }
    for round in 1..=asked.rounds.unwrap_or(1).max(1) {
        println!("round {round}: ours, then Python's sqlite3");
        let mut command = Command::new(programs.example("measure_query"));
        command.arg(&library.profile).arg(&library.key);
        let ours = measure(command).await?.json("measure_query")?;
        let peer = python.query(&database).await?;
        judge(&ours, &peer, table)?;
    }
    if !asked.keep {
        library.forget()?;
        let _ = std::fs::remove_file(&database);
    }
    Ok(())
}

fn judge(ours: &Value, peer: &Value, table: &mut Table) -> Result<(), Failure> {
    let of = |value: &Value, name: &str| value.as_f64().ok_or_else(|| Failure::answer("a measurement", name));
    let p50 = |name: &str| of(&ours[name]["p50"], name);
    let p99 = |name: &str| of(&ours[name]["p99"], name);
    let theirs = |name: &str| of(&peer[name], name);
    let us = |us: f64| format!("{us:.0} us");
    let both = |name: &str| Ok::<_, Failure>(format!("{:.0} / {:.0} us", p50(name)?, p99(name)?));
    let python = |name: &str| Ok::<_, Failure>(format!("{:.0} us (Python)", theirs(name)?));
    let first = p50("first_us")?;
    table.told("first page of 50, p50 / p99", both("first_us")?, python("first_us")?);
    table.at_most(
        "keyset page anywhere against the first",
        both("keyset_us")?,
        us(first),
        p50("keyset_us")? / first,
        2.5,
    );
    let ratio = theirs("offset_us")? / p50("keyset_us")?;
    table.at_least("keyset page against OFFSET", both("keyset_us")?, python("offset_us")?, ratio, 50.0);
    let ratio = theirs("offset_us")? / p50("jump_us")?;
    table.told("page by ordinal (scroll bar)", both("jump_us")?, format!("{} {ratio:.0}x", python("offset_us")?));
    table.told("keyset page", both("keyset_us")?, python("keyset_us")?);
    table.told("first page of a quick view", both("views_us")?, "-".into());
    table.within("search page as typed, p50", p50("search_us")? / 1e3, 0.2, "ms");
    table.told("search page as typed, p50 / p99", both("search_us")?, python("search_us")?);
    table.told("the same, asked for the first time", both("search_first_time_us")?, python("like_us")?);
    table.told("search within views and directions", both("filtered_us")?, "-".into());
    table.told("count, capped at 10 001", both("count_us")?, "-".into());
    let (queries, found, capped) = (&ours["queries"], &ours["found"], &ours["capped"]);
    table.told("queries of the mix", format!("{queries}, {found} find"), format!("{capped} capped"));
    Ok(())
}
