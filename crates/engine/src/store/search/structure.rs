//! The record of which segments an FTS5 index has.

use rusqlite::Connection;

use super::segment::{put_varint, take_varint};
use crate::store::StoreError;

/// Where FTS5 keeps it.
const STRUCTURE: i64 = 10;
/// What it begins with, after four bytes that count changes of the settings.
const VERSION_2: [u8; 4] = [0xff, 0, 0, 1];
const SEGMENTS_MAX: i64 = 2_000;
/// Above this one FTS5 knows no level.
const LEVELS_MAX: usize = 60;

/// A record of the index of calls.
pub(super) fn block(conn: &Connection, id: i64) -> Result<Vec<u8>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT block FROM call_search_data WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// One segment, as FTS5 keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Segment {
    id: u64,
    first_page: u64,
    last_page: u64,
    first_origin: u64,
    last_origin: u64,
    tombstone_pages: u64,
    tombstones: u64,
    rows: u64,
}

/// Which pages a segment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) segment: i64,
    pub(super) first_page: i64,
    pub(super) last_page: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Level {
    /// Segments that are being merged.
    merging: u64,
    segments: Vec<Segment>,
}

/// Which segments there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Structure {
    cookie: [u8; 4],
    written: u64,
    levels: Vec<Level>,
}

impl Structure {
    pub(super) fn read(conn: &Connection) -> Result<Self, StoreError> {
        Self::of(&block(conn, STRUCTURE)?).ok_or(StoreError::Damaged { what: "its search index" })
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (cookie, rest) = bytes.split_first_chunk::<4>()?;
        let mut rest = rest.strip_prefix(&VERSION_2)?;
        let mut number = || take_varint(&mut rest);
        let (count, _segments, written) = (number()?, number()?, number()?);
        let mut levels = Vec::new();
        for _ in 0..count {
            let (merging, count) = (number()?, number()?);
            let mut segments = Vec::new();
            for _ in 0..count {
                segments.push(Segment {
                    id: number()?,
                    first_page: number()?,
                    last_page: number()?,
                    first_origin: number()?,
                    last_origin: number()?,
                    tombstone_pages: number()?,
                    tombstones: number()?,
                    rows: number()?,
                });
            }
            levels.push(Level { merging, segments });
        }
        Some(Self { cookie: *cookie, written, levels })
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.levels.iter().flat_map(|level| &level.segments)
    }

    pub(super) fn free_segment(&self) -> Result<i64, StoreError> {
        let is_free = |id: &i64| self.segments().all(|segment| segment.id != id.cast_unsigned());
        (1..=SEGMENTS_MAX).find(is_free).ok_or(StoreError::BadValue("more segments than a search index has"))
    }

    pub(super) fn next_origin(&self) -> u64 {
        self.segments().map(|segment| segment.last_origin).max().unwrap_or(0) + 1
    }

    /// A new one, of `rows` rows.
    pub(super) fn add(&mut self, segment: i64, pages: i64, origin: u64, rows: u64) {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let pages = pages.cast_unsigned();
        self.levels[0].segments.push(Segment {
            id: segment.cast_unsigned(),
            first_page: 1,
            last_page: pages,
            first_origin: origin,
            last_origin: origin,
            rows,
            ..Segment::default()
        });
        self.written += pages;
    }

    /// All segments, where no row of them was deleted and none is being merged.
    pub(super) fn untouched(&self) -> Option<Vec<Span>> {
        let is_whole = |segment: &Segment| segment.tombstones == 0 && segment.tombstone_pages == 0;
        if self.levels.iter().any(|level| level.merging > 0) || !self.segments().all(is_whole) {
            return None;
        }
        let span = |segment: &Segment| Span {
            segment: segment.id.cast_signed(),
            first_page: segment.first_page.cast_signed(),
            last_page: segment.last_page.cast_signed(),
        };
        // The oldest first: higher levels hold what was merged before.
        Some(self.levels.iter().rev().flat_map(|level| &level.segments).map(span).collect())
    }

    /// One segment in place of all, a level above them, as FTS5 puts it.
    pub(super) fn replace_all(&mut self, segment: i64, pages: i64) {
        let joined = Segment {
            id: segment.cast_unsigned(),
            first_page: 1,
            last_page: pages.cast_unsigned(),
            first_origin: self.segments().map(|segment| segment.first_origin).min().unwrap_or(0),
            last_origin: self.segments().map(|segment| segment.last_origin).max().unwrap_or(0),
            rows: self.segments().map(|segment| segment.rows).sum(),
            ..Segment::default()
        };
        let highest = self.levels.iter().rposition(|level| !level.segments.is_empty()).unwrap_or(0);
        let level = (highest + 1).min(LEVELS_MAX);
        self.levels = vec![Level::default(); level];
        self.levels.push(Level { merging: 0, segments: vec![joined] });
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.cookie.to_vec();
        bytes.extend_from_slice(&VERSION_2);
        let mut put = |number| put_varint(&mut bytes, number);
        put(self.levels.len() as u64);
        put(self.segments().count() as u64);
        put(self.written);
        for level in &self.levels {
            put(level.merging);
            put(level.segments.len() as u64);
            for segment in &level.segments {
                let Segment { id, first_page, last_page, first_origin, last_origin, tombstone_pages, tombstones, rows } =
                    *segment;
                for number in [id, first_page, last_page, first_origin, last_origin, tombstone_pages, tombstones, rows]
                {
                    put(number);
                }
            }
        }
        bytes
    }

    pub(super) fn write(&self, conn: &Connection) -> Result<(), StoreError> {
        let mut statement = conn.prepare_cached("REPLACE INTO call_search_data (id, block) VALUES (?1, ?2)")?;
        statement.execute((STRUCTURE, self.bytes()))?;
        Ok(())
    }
}
