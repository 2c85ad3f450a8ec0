//! Writes a segment of an FTS5 index (detail = none, contentless) as FTS5 itself would write it.
//!
//! FTS5 takes a row's words one by one, and each of them once more for every prefix index: of a first sync that was the
//! largest part. Here the words of many rows come sorted, each with its rows. The format is that of `fts5_index.c`
//! (part of SQLite's file format, so it stays), and a test compares every byte with what FTS5 writes for the same rows.
//! Whatever reads, deletes and merges is FTS5.

use rusqlite::{CachedStatement, Connection};

use crate::store::StoreError;

/// Of a segment's key: bits for its pages, among them one that marks pages of a doclist index.
pub(super) const PAGE_BITS: u32 = 37;
const DOCLIST_INDEX: i64 = 1 << 36;
const HEIGHT_BITS: u32 = 31;
/// So many pages in a row without a term have a doclist index.
const LEAST_EMPTY: usize = 4;
/// Two numbers of two bytes: where the first rowid is, and where the terms' places are.
pub(super) const HEADER: usize = 4;

/// Appends a number as SQLite writes it: seven bits a byte, the highest first.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, number: u64) {
    // Nearly all are the distance to the next row.
    if number < 0x80 {
        out.push(number as u8);
    } else {
        put_long_varint(out, number);
    }
}

fn put_long_varint(out: &mut Vec<u8>, number: u64) {
    if number < 0x4000 {
        out.extend_from_slice(&[0x80 | (number >> 7) as u8, (number & 0x7f) as u8]);
    } else if number >> 56 != 0 {
        // The ninth byte holds eight bits.
        let mut bytes = [0; 9];
        bytes[8] = number as u8;
        for (n, byte) in bytes[..8].iter_mut().enumerate() {
            *byte = 0x80 | (number >> (8 + 7 * (7 - n))) as u8;
        }
        out.extend_from_slice(&bytes);
    } else {
        let last = (63 - number.leading_zeros()) / 7;
        for n in (0..=last).rev() {
            let more = if n > 0 { 0x80 } else { 0 };
            out.push(more | ((number >> (7 * n)) & 0x7f) as u8);
        }
    }
}

/// Reads a number; `None` where the bytes end before it does.
#[inline]
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    if let [byte @ ..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    take_long_varint(bytes)
}

fn take_long_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for n in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if n == 8 {
            return Some(number << 8 | u64::from(*byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

/// One level of the index over a doclist that spans many pages.
#[derive(Default)]
struct DoclistIndex {
    bytes: Vec<u8>,
    page: i64,
    before: Option<i64>,
}

/// A segment that is being written: terms in the order of their bytes.
pub(super) struct SegmentWriter<'c> {
    insert_page: CachedStatement<'c>,
    insert_index: CachedStatement<'c>,
    segment: i64,
    page_bytes: usize,
    page: i64,
    bytes: Vec<u8>,
    /// Where the terms of the page lie.
    places: Vec<u8>,
    last_place: usize,
    term: Vec<u8>,
    /// The page whose first term is next in the index of pages, with what tells it from the term before.
    indexed_page: i64,
    indexed_term: Vec<u8>,
    is_without_term: bool,
    is_without_row: bool,
    doclist_index: Vec<DoclistIndex>,
    /// Pages without a term since the last one with a term.
    empty: usize,
    doclist: Vec<u8>,
}

impl<'c> SegmentWriter<'c> {
    /// `segment` is a number that is free, `page_bytes` the index's `pgsz`.
    pub(super) fn new(conn: &'c Connection, segment: i64, page_bytes: usize) -> Result<Self, StoreError> {
        Ok(Self {
            insert_page: conn.prepare_cached("REPLACE INTO call_search_data (id, block) VALUES (?1, ?2)")?,
            insert_index: conn.prepare_cached("INSERT INTO call_search_idx (segid, term, pgno) VALUES (?1, ?2, ?3)")?,
            segment,
            page_bytes,
            page: 1,
            bytes: vec![0; HEADER],
            places: Vec::new(),
            last_place: 0,
            term: Vec::new(),
            indexed_page: 1,
            indexed_term: Vec::new(),
            is_without_term: true,
            is_without_row: true,
            doclist_index: vec![DoclistIndex::default()],
            empty: 0,
            doclist: Vec::new(),
        })
    }

    /// Adds a term, which is greater than the one before, with its rows, ascending and at least one.
    pub(super) fn add(&mut self, term: &[u8], rows: impl Iterator<Item = i64> + Clone) -> Result<(), StoreError> {
        self.add_term(term)?;
        let mut doclist = std::mem::take(&mut self.doclist);
        doclist.clear();
        let mut before = 0;
        let room = self.page_bytes.saturating_sub(self.bytes.len() + self.places.len());
        // Each takes a byte at least.
        let may_fit = rows.size_hint().0 < room;
        for row in rows.clone().take_while(|_| may_fit) {
            put_varint(&mut doclist, row.wrapping_sub(before).cast_unsigned());
            before = row;
        }
        if may_fit && self.page_bytes > self.bytes.len() + self.places.len() + doclist.len() {
            self.bytes.extend_from_slice(&doclist);
        } else {
            let mut before = 0;
            for row in rows {
                if self.is_without_row {
                    let place = (self.bytes.len() as u16).to_be_bytes();
                    self.bytes[..2].copy_from_slice(&place);
                    put_varint(&mut self.bytes, row.cast_unsigned());
                    self.is_without_row = false;
                    self.index_row(0, self.page, row)?;
                } else {
                    put_varint(&mut self.bytes, row.wrapping_sub(before).cast_unsigned());
                }
                before = row;
                if self.bytes.len() + self.places.len() >= self.page_bytes {
                    self.write_page()?;
                }
            }
        }
        self.doclist = doclist;
        Ok(())
    }

    fn add_term(&mut self, term: &[u8]) -> Result<(), StoreError> {
        if self.bytes.len() + self.places.len() + term.len() + 2 >= self.page_bytes && self.bytes.len() > HEADER {
            self.write_page()?;
        }
        put_varint(&mut self.places, (self.bytes.len() - self.last_place) as u64);
        self.last_place = self.bytes.len();
        let common = self.term.iter().zip(term).take_while(|(was, is)| was == is).count();
        let mut shared = common;
        if self.is_without_term {
            shared = 0;
            if self.page != 1 {
                let told = if self.term.is_empty() { term.len() } else { common + 1 };
                self.write_indexed()?;
                self.indexed_term.extend_from_slice(&term[..told.min(term.len())]);
                self.indexed_page = self.page;
            }
        } else {
            put_varint(&mut self.bytes, shared as u64);
        }
        put_varint(&mut self.bytes, (term.len() - shared) as u64);
        self.bytes.extend_from_slice(&term[shared..]);
        self.term.clear();
        self.term.extend_from_slice(term);
        self.is_without_term = false;
        self.is_without_row = false;
        self.doclist_index[0].page = self.page;
        Ok(())
    }

    fn write_page(&mut self) -> Result<(), StoreError> {
        let end = (self.bytes.len() as u16).to_be_bytes();
        self.bytes[2..HEADER].copy_from_slice(&end);
        if self.is_without_term {
            if self.is_without_row && !self.doclist_index[0].bytes.is_empty() {
                put_varint(&mut self.doclist_index[0].bytes, 0);
            }
            self.empty += 1;
        } else {
            self.bytes.append(&mut self.places);
        }
        self.insert_page.execute((self.segment << PAGE_BITS | self.page, &self.bytes))?;
        self.bytes.clear();
        self.bytes.resize(HEADER, 0);
        self.places.clear();
        self.last_place = 0;
        self.page += 1;
        (self.is_without_term, self.is_without_row) = (true, true);
        Ok(())
    }

    /// The page that waits for it goes into the index of pages, and its last term's doclist index to the pages.
    fn write_indexed(&mut self) -> Result<(), StoreError> {
        if self.indexed_page == 0 {
            return Ok(());
        }
        let has_index = !self.doclist_index[0].bytes.is_empty() && self.empty >= LEAST_EMPTY;
        for level in 0..self.doclist_index.len() {
            if self.doclist_index[level].bytes.is_empty() {
                break;
            }
            if has_index {
                self.write_doclist_index(level)?;
            }
            self.doclist_index[level].bytes.clear();
            self.doclist_index[level].before = None;
        }
        self.empty = 0;
        self.insert_index.execute((self.segment, &self.indexed_term, self.indexed_page << 1 | i64::from(has_index)))?;
        self.indexed_term.clear();
        self.indexed_page = 0;
        Ok(())
    }

    fn write_doclist_index(&mut self, level: usize) -> Result<(), StoreError> {
        let index = &self.doclist_index[level];
        let id = self.segment << PAGE_BITS | DOCLIST_INDEX | (level as i64) << HEIGHT_BITS | index.page;
        self.insert_page.execute((id, &index.bytes))?;
        Ok(())
    }

    /// `row` is the first on its page, at a level of the doclist index; `below` is the page that it leads to.
    fn index_row(&mut self, level: usize, below: i64, row: i64) -> Result<(), StoreError> {
        if self.doclist_index.len() == level {
            self.doclist_index.push(DoclistIndex::default());
        }
        let is_full = self.doclist_index[level].bytes.len() >= self.page_bytes;
        if is_full {
            self.doclist_index[level].bytes[0] = 1;
            self.write_doclist_index(level)?;
            let index = &mut self.doclist_index[level];
            let (page, first) = (index.page, first_row(&index.bytes));
            index.bytes.clear();
            index.before = None;
            index.page += 1;
            if self.doclist_index.len() == level + 1 {
                self.doclist_index.push(DoclistIndex::default());
            }
            let above = &mut self.doclist_index[level + 1];
            if above.bytes.is_empty() {
                above.page = page;
                for number in [0, page, first] {
                    put_varint(&mut above.bytes, number.cast_unsigned());
                }
                above.before = Some(first);
            }
        }
        let index = &mut self.doclist_index[level];
        match index.before {
            Some(before) => put_varint(&mut index.bytes, row.wrapping_sub(before).cast_unsigned()),
            None => {
                for number in [i64::from(is_full), below, row] {
                    put_varint(&mut index.bytes, number.cast_unsigned());
                }
            }
        }
        index.before = Some(row);
        if is_full {
            let page = self.doclist_index[level].page;
            self.index_row(level + 1, page, row)?;
        }
        Ok(())
    }

    /// Writes what is left; returns how many pages the segment has.
    pub(super) fn finish(mut self) -> Result<i64, StoreError> {
        if self.bytes.len() > HEADER {
            self.write_page()?;
        }
        let pages = self.page - 1;
        if pages > 0 {
            self.write_indexed()?;
        }
        Ok(pages)
    }
}

/// The first rowid in a page of a doclist index.
fn first_row(index: &[u8]) -> i64 {
    let mut bytes = index.get(1..).unwrap_or_default();
    take_varint(&mut bytes);
    take_varint(&mut bytes).unwrap_or(0).cast_signed()
}
