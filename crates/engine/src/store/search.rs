//! The search index: words folded by `domain::search`, under the row's place in its list.

use aftercall_domain::search::{QueryWord, index_number, index_text, query_words};
use rusqlite::Connection;

use super::StoreError;
use super::list_key::Listed;

/// The words under which a row is found.
pub(crate) fn document(texts: &[Option<&str>], numbers: &[Option<&str>]) -> String {
    let mut words: Vec<String> = texts.iter().flatten().map(|text| index_text(text)).collect();
    words.extend(numbers.iter().flatten().map(|number| index_number(number)));
    words.retain(|text| !text.is_empty());
    words.join(" ")
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
    let star = if word.is_prefix { "*" } else { "" };
    let forms: Vec<String> = word.forms.iter().map(|form| format!("\"{form}\"{star}")).collect();
    format!("({})", forms.join(" OR "))
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
