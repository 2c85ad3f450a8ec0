//! The search index: words folded by `domain::search`, under a lead's place in its list and a call's rowid.
//!
//! Prefixes are cut when a row is written, where its sentences are at hand, not when somebody asks: a query is then two
//! or three words, and each is one run through the index. FTS5 parts the words at spaces only (`tokenize = 'ascii'`):
//! they are folded already.
//!
//! The first letters of a word have an index of their own (`prefix` of the tables). With more letters FTS5 would join
//! the rows of every word that begins so before it gives the newest; asked for these words by name it gives the newest
//! at once. So they are looked up first: the distinct words in order, a step of two microseconds each.

mod join;
mod load;
mod segment;
mod structure;

use aftercall_domain::call::Direction;
use aftercall_domain::search::{QueryWord, index_row, query_words, visit_row};
use rusqlite::Connection;
use smallvec::SmallVec;

use super::StoreError;
use super::list_key::Listed;
pub(crate) use load::Gathered;

/// Letters whose beginnings have an index (`prefix` of the tables).
const INDEXED_LETTERS: usize = 3;
/// Words that are asked for by name; of more, all rows are joined.
const WORDS_MAX: usize = 256;

/// Pages of the index, of about 4 KiB, that are written by one step of joining segments.
const SEGMENT_PAGES_AT_ONCE: i64 = 2_000;

/// What the filters of the screens ask of a call, as words of the index that no text holds. So a search within a filter is
/// met in the index: looking up the row of each call that has the words took 140 ms at 200 000 calls where none passed.
pub(crate) const MISSED: &str = "\u{e000}missed";
pub(crate) const RECORDED: &str = "\u{e000}recorded";
pub(crate) const INBOUND: &str = "\u{e000}inbound";
pub(crate) const OUTBOUND: &str = "\u{e000}outbound";

/// The mark of a direction that calls are filtered by.
pub(crate) fn mark_of(direction: Direction) -> Option<&'static str> {
    match direction {
        Direction::Inbound => Some(INBOUND),
        Direction::Outbound => Some(OUTBOUND),
        Direction::Unknown => None,
    }
}

/// What a row is found by: `names` of whom it is about, `texts` about it, `numbers` that belong to it.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    names: SmallVec<[&'a str; 1]>,
    texts: SmallVec<[&'a str; 2]>,
    numbers: SmallVec<[&'a str; 3]>,
    marks: SmallVec<[&'static str; 3]>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(names: &[Option<&'a str>], texts: &[Option<&'a str>], numbers: &[Option<&'a str>]) -> Self {
        Self {
            names: names.iter().flatten().copied().collect(),
            texts: texts.iter().flatten().copied().collect(),
            numbers: numbers.iter().flatten().copied().collect(),
            marks: SmallVec::new(),
        }
    }

    /// With marks that filters look for.
    pub(crate) fn marked(self, marks: impl IntoIterator<Item = &'static str>) -> Self {
        Self { marks: marks.into_iter().collect(), ..self }
    }

    /// Its words, folded, each once, and its marks.
    pub(crate) fn words(&self) -> String {
        let mut words = index_row(&self.names, &self.texts, &self.numbers);
        for mark in &self.marks {
            words.push(' ');
            words.push_str(mark);
        }
        words
    }

    fn visit(&self, visit: &mut dyn FnMut(&str)) {
        visit_row(&self.names, &self.texts, &self.numbers, &mut *visit);
        self.marks.iter().for_each(|mark| visit(mark));
    }
}

/// What is typed, as an FTS5 query. None when nothing is looked for; a query of signs only finds nothing.
pub(crate) fn expression(conn: &Connection, table: Listed, query: &str) -> Result<Option<String>, StoreError> {
    if query.trim().is_empty() {
        return Ok(None);
    }
    let words = query_words(query);
    if words.is_empty() {
        return Ok(Some(NOTHING.to_owned()));
    }
    let mut all = Vec::with_capacity(words.len());
    for word in &words {
        match any_form(conn, table, word)? {
            Some(forms) => all.push(forms),
            None => return Ok(Some(NOTHING.to_owned())),
        }
    }
    Ok(Some(all.join(" AND ")))
}

/// A word that no folded text holds: FTS5 has no query for "nothing".
const NOTHING: &str = "\"\u{1}\"";

/// None where nothing begins like this.
fn any_form(conn: &Connection, table: Listed, word: &QueryWord) -> Result<Option<String>, StoreError> {
    let mut forms = Vec::with_capacity(word.forms.len());
    for form in &word.forms {
        let parts = form.split(' ').map(|part| beginning(conn, table, part)).collect::<Result<Option<Vec<_>>, _>>()?;
        forms.extend(parts.map(|parts| parts.join(" AND ")));
    }
    Ok((!forms.is_empty()).then(|| format!("({})", forms.join(" OR "))))
}

/// The distinct words from `?1` up to `?2`, one more than are asked for by name. One statement for the whole walk: opening
/// the vocabulary costs ten times a step. A step passes over all rows of a word, and behind a number's head over the
/// words that are met under it.
macro_rules! walk {
    ($vocabulary:literal) => {
        concat!(
            "WITH RECURSIVE walk(term) AS (
                 SELECT (SELECT term FROM ",
            $vocabulary,
            " WHERE term >= ?1 LIMIT 1)
                 UNION ALL
                 SELECT (SELECT term FROM ",
            $vocabulary,
            " WHERE term >= walk.term
                     || CASE WHEN walk.term GLOB '0[0-9][0-9][0-9][0-9]'
                       OR walk.term GLOB '0[0-9][0-9][0-9][0-9][0-9][0-9][0-9]' THEN ':' ELSE char(1) END LIMIT 1)
                 FROM walk WHERE walk.term < ?2 LIMIT 257)
             SELECT term FROM walk WHERE term < ?2"
        )
    };
}

/// The words that begin like this. Folded words hold letters and digits only, so quoting needs no escape.
fn beginning(conn: &Connection, table: Listed, word: &str) -> Result<Option<String>, StoreError> {
    let any = || format!("\"{word}\"*");
    if word.chars().nth(INDEXED_LETTERS).is_none() {
        return Ok(Some(any()));
    }
    let mut walk = conn.prepare_cached(match table {
        Listed::Calls => walk!("call_vocabulary"),
        Listed::Leads => walk!("lead_vocabulary"),
    })?;
    let words = walk.query_map((word, format!("{word}{}", char::MAX)), |row| row.get::<_, String>(0))?;
    let words = words.map(|word| Ok(format!("\"{}\"", word?))).collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(match words.len() {
        0 => None,
        1..=WORDS_MAX => Some(format!("({})", words.join(" OR "))),
        _ => Some(any()),
    })
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
/// whether there is more to do: where FTS5 does it, a step is a transaction's work, not a pause.
pub(crate) fn join_segments(conn: &Connection) -> Result<bool, StoreError> {
    if join::join_all(conn)? {
        return Ok(false);
    }
    let changes = |conn: &Connection| conn.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
    let before = changes(conn)?;
    conn.execute("INSERT INTO call_search (call_search, rank) VALUES ('merge', ?1)", [-SEGMENT_PAGES_AT_ONCE])?;
    // SQLite's documentation: fewer than two changes say that nothing was left to do.
    Ok(changes(conn)? - before >= 2)
}
