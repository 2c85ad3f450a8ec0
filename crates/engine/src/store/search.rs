//! The search index: words folded by `domain::search`, under a lead's place in its list and a call's rowid.
//!
//! Prefixes are cut when a row is written, where its sentences are at hand, not when somebody asks: a query is then two
//! or three words, and each is one run through the index. FTS5 parts the words at spaces only (`tokenize = 'ascii'`):
//! they are folded already.

mod load;
mod segment;
mod structure;

use aftercall_domain::search::{QueryWord, index_row, query_words, visit_row};
use rusqlite::Connection;

use super::StoreError;
use super::list_key::Listed;
pub(crate) use load::Gathered;

/// Pages of the index, of about 4 KiB, that are written by one step of joining segments.
const SEGMENT_PAGES_AT_ONCE: i64 = 2_000;

/// What a row is found by: `names` of whom it is about, `texts` about it, `numbers` that belong to it.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    names: Vec<&'a str>,
    texts: Vec<&'a str>,
    numbers: Vec<&'a str>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(names: &[Option<&'a str>], texts: &[Option<&'a str>], numbers: &[Option<&'a str>]) -> Self {
        let present = |all: &[Option<&'a str>]| all.iter().flatten().copied().collect();
        Self { names: present(names), texts: present(texts), numbers: present(numbers) }
    }

    /// Its words, folded, each once.
    pub(crate) fn words(&self) -> String {
        index_row(&self.names, &self.texts, &self.numbers)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str)) {
        visit_row(&self.names, &self.texts, &self.numbers, visit);
    }
}

/// What is typed, as an FTS5 query. None when nothing is looked for; a query of signs only finds nothing.
pub(crate) fn expression(query: &str) -> Option<String> {
    if query.trim().is_empty() {
        return None;
    }
    let words = query_words(query);
    if words.is_empty() {
        // A word that no folded text holds: FTS5 has no query for "nothing".
        return Some("\"\u{1}\"".to_owned());
    }
    Some(words.iter().map(any_form).collect::<Vec<_>>().join(" AND "))
}

fn any_form(word: &QueryWord) -> String {
    // Folded words hold letters and digits only, so quoting needs no escape.
    let all_words = |form: &String| {
        let words: Vec<String> = form.split(' ').map(|word| format!("\"{word}\"*")).collect();
        if words.len() > 1 { format!("({})", words.join(" AND ")) } else { words.join("") }
    };
    format!("({})", word.forms.iter().map(all_words).collect::<Vec<_>>().join(" OR "))
}

/// Nothing is indexed, as after a migration that made the index anew.
pub(crate) fn is_empty(conn: &Connection, table: Listed) -> Result<bool, StoreError> {
    let sql = match table {
        Listed::Calls => "SELECT NOT EXISTS (SELECT 1 FROM call_search)",
        Listed::Leads => "SELECT NOT EXISTS (SELECT 1 FROM lead_search)",
    };
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

/// Replaces the words of a row; `was` is the place it had before.
pub(crate) fn put(conn: &Connection, table: Listed, was: Option<i64>, now: i64, words: &str) -> Result<(), StoreError> {
    let (delete, insert) = match table {
        Listed::Calls => {
            ("DELETE FROM call_search WHERE rowid = ?1", "INSERT INTO call_search (rowid, words) VALUES (?1, ?2)")
        }
        Listed::Leads => {
            ("DELETE FROM lead_search WHERE rowid = ?1", "INSERT INTO lead_search (rowid, words) VALUES (?1, ?2)")
        }
    };
    if let Some(was) = was {
        conn.prepare_cached(delete)?.execute([was])?;
    }
    if !words.is_empty() {
        conn.prepare_cached(insert)?.execute((now, words))?;
    }
    Ok(())
}

/// Joins segments of the index of calls, as after a load they are many and each is looked into by every search. Returns
/// whether there is more to do: a step is a transaction's work, not a pause.
pub(crate) fn join_segments(conn: &Connection) -> Result<bool, StoreError> {
    let changes = |conn: &Connection| conn.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
    let before = changes(conn)?;
    conn.execute("INSERT INTO call_search (call_search, rank) VALUES ('merge', ?1)", [-SEGMENT_PAGES_AT_ONCE])?;
    // SQLite's documentation: fewer than two changes say that nothing was left to do.
    Ok(changes(conn)? - before >= 2)
}
