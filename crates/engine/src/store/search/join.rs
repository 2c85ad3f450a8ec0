//! Joins the segments that a load has left into one: each is looked into by every search.
//!
//! FTS5 joins segments too, row by row through the general machinery of its queries. The segments of a load hold rows of
//! different calls, none of them deleted, so that a word's rows are those of each segment one after the other.

use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::load::{forget_what_fts5_holds, page_bytes};
use super::segment::{HEADER, PAGE_BITS, SegmentWriter, take_varint};
use super::structure::{Span, Structure};
use crate::store::StoreError;

/// Joins all segments of the index of calls into one. False where that is left to FTS5: rows of them were deleted, or a
/// merge is under way. True as well where there is nothing to join.
pub(super) fn join_all(conn: &Connection) -> Result<bool, StoreError> {
    forget_what_fts5_holds(conn)?;
    let mut structure = Structure::read(conn)?;
    let Some(spans) = structure.untouched() else { return Ok(false) };
    if spans.len() < 2 {
        return Ok(true);
    }
    let mut readers = Vec::with_capacity(spans.len());
    for span in &spans {
        let mut reader = SegmentReader::new(conn, *span)?;
        if reader.next_term()? {
            readers.push(reader);
        }
    }
    let segment = structure.free_segment()?;
    let mut writer = SegmentWriter::new(conn, segment, page_bytes(conn)?)?;
    let (mut term, mut rows) = (Vec::new(), Vec::new());
    while let Some(least) = readers.iter().map(|reader| &reader.term).min() {
        term.clone_from(least);
        rows.clear();
        let mut is_ascending = true;
        let mut ended = false;
        for reader in readers.iter_mut().filter(|reader| reader.term == term) {
            is_ascending &= rows.last() < reader.rows.first();
            rows.append(&mut reader.rows);
            ended |= !reader.next_term()?;
        }
        if ended {
            readers.retain(|reader| !reader.is_at_end());
        }
        if !is_ascending {
            rows.sort_unstable();
        }
        writer.add(&term, rows.iter().copied())?;
    }
    let pages = writer.finish()?;
    if pages == 0 {
        return Err(BROKEN);
    }
    for span in &spans {
        let pages = (span.segment << PAGE_BITS, ((span.segment + 1) << PAGE_BITS) - 1);
        conn.prepare_cached("DELETE FROM call_search_data WHERE id BETWEEN ?1 AND ?2")?.execute(pages)?;
        conn.prepare_cached("DELETE FROM call_search_idx WHERE segid = ?1")?.execute([span.segment])?;
    }
    structure.replace_all(segment, pages);
    structure.write(conn)?;
    Ok(true)
}

/// Reads a segment from its first term to its last.
struct SegmentReader<'c> {
    read: CachedStatement<'c>,
    segment: i64,
    page: i64,
    last_page: i64,
    bytes: Vec<u8>,
    /// Where the page's rows and terms end.
    end: usize,
    /// Where the page's terms begin that were not met yet, the last one first.
    places: Vec<usize>,
    /// No term of this page was met.
    is_new: bool,
    at: usize,
    term: Vec<u8>,
    rows: Vec<i64>,
}

const BROKEN: StoreError = StoreError::Damaged { what: "its search index" };

impl<'c> SegmentReader<'c> {
    fn new(conn: &'c Connection, span: Span) -> Result<Self, StoreError> {
        let mut reader = Self {
            read: conn.prepare_cached("SELECT block FROM call_search_data WHERE id = ?1")?,
            segment: span.segment,
            page: span.first_page - 1,
            last_page: span.last_page,
            bytes: Vec::new(),
            end: 0,
            places: Vec::new(),
            is_new: true,
            at: 0,
            term: Vec::new(),
            rows: Vec::new(),
        };
        reader.next_page()?;
        Ok(reader)
    }

    fn is_at_end(&self) -> bool {
        self.rows.is_empty()
    }

    /// False behind the last page.
    fn next_page(&mut self) -> Result<bool, StoreError> {
        self.places.clear();
        self.end = 0;
        if self.page >= self.last_page {
            return Ok(false);
        }
        self.page += 1;
        let bytes = &mut self.bytes;
        let read = self.read.query_row([self.segment << PAGE_BITS | self.page], |row| {
            bytes.clear();
            bytes.extend_from_slice(row.get_ref(0)?.as_blob()?);
            Ok(())
        });
        read.optional()?.ok_or(BROKEN)?;
        self.end = self.number_at(2)?;
        let mut rest = self.bytes.get(self.end..).ok_or(BROKEN)?;
        let mut place = 0;
        while !rest.is_empty() {
            place += take_varint(&mut rest).ok_or(BROKEN)? as usize;
            self.places.push(place);
        }
        self.places.reverse();
        self.is_new = true;
        Ok(true)
    }

    fn number_at(&self, at: usize) -> Result<usize, StoreError> {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(BROKEN)?;
        Ok(usize::from(u16::from_be_bytes(*bytes)))
    }

    /// Goes to the next term, with its rows; false when there is none.
    fn next_term(&mut self) -> Result<bool, StoreError> {
        self.rows.clear();
        while self.places.is_empty() {
            if !self.next_page()? {
                return Ok(false);
            }
        }
        let place = self.places.pop().ok_or(BROKEN)?;
        let all = self.bytes.get(..self.end).ok_or(BROKEN)?;
        let mut rest = all.get(place..).ok_or(BROKEN)?;
        let mut number = || take_varint(&mut rest).ok_or(BROKEN).map(|number| number as usize);
        let shared = if self.is_new { 0 } else { number()? };
        let own = number()?;
        self.is_new = false;
        if shared > self.term.len() {
            return Err(BROKEN);
        }
        self.term.truncate(shared);
        self.term.extend_from_slice(rest.get(..own).ok_or(BROKEN)?);
        self.at = all.len() - rest.len() + own;
        self.take_rows(0)?;
        // Its rows go on where the next page begins with rows.
        while self.places.is_empty() && self.next_page()? {
            let first = self.number_at(0)?;
            if first == 0 {
                break;
            }
            if first != HEADER {
                return Err(BROKEN);
            }
            self.at = first;
            self.take_rows(0)?;
        }
        if self.rows.is_empty() { Err(BROKEN) } else { Ok(true) }
    }

    /// Rows up to the page's next term; the first one stands as it is, the others as the distance from the one before.
    fn take_rows(&mut self, mut row: i64) -> Result<(), StoreError> {
        let end = self.places.last().copied().unwrap_or(self.end);
        let mut rest = self.bytes.get(self.at..end).ok_or(BROKEN)?;
        while !rest.is_empty() {
            match take_varint(&mut rest) {
                // What stands behind a deleted row, of which there are none.
                None | Some(0) => return Err(BROKEN),
                Some(distance) => row = row.wrapping_add(distance.cast_signed()),
            }
            self.rows.push(row);
        }
        Ok(())
    }
}
