//! What the window asks to be written, and hears of it. Never where: a path stays on this side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::dto::CallsFilter;

/// Recordings to write.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct ExportAsk {
    /// Recordings, at most 500. One asks for a file, several for a folder.
    pub ids: Vec<String>,
    /// A clip begins here, media time; for one recording only.
    #[ts(type = "number | null")]
    pub from_ms: Option<i64>,
    /// And ends here.
    #[ts(type = "number | null")]
    pub to_ms: Option<i64>,
}

/// Calls to write as a table.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct CsvAsk {
    /// These calls, at most 1,000; null for all that the filter finds.
    pub sids: Option<Vec<String>>,
    /// Which calls.
    pub filter: CallsFilter,
    /// The file's name, without its ending.
    pub name: String,
    /// Heads of the columns, in order: time, direction, lead, number, result, length, heard, recording, summary, id.
    pub heads: Vec<String>,
    /// Words of the directions, outcomes and states by their keys, as the window says them.
    pub words: BTreeMap<String, String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Saved {
    /// Files written; 0 where the person thought better of it.
    pub files: u32,
    /// Recordings that are not whole on this device, and were left out.
    pub left_out: u32,
    /// The file's name, where it is one.
    pub name: Option<String>,
    /// Rows of a table.
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
}
