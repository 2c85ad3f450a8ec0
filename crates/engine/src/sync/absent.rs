//! Which calls a whole reading of the list did not meet, found on the way down.
//!
//! The list goes by time, newest first, and so do the places of the calls here. What lies between two pages' ends and
//! is on neither is missing. So memory grows with what is missing or out of order, never with what is there.

use std::collections::{HashMap, HashSet};

use super::SyncError;
use crate::store::Store;
use crate::store::table::call_reads::{self, CallRead};

/// So many rows out of order say that the list does not go by time: nothing is judged missing.
const OUT_OF_ORDER_MAX: usize = 100_000;
const READS_AT_ONCE: u32 = 4_096;

#[derive(Debug)]
pub(super) struct Absent {
    /// Everything from here up was judged.
    floor: i64,
    /// Not met so far, and whether the reading before missed them too.
    missing: HashMap<i64, bool>,
    /// Met, and not judged yet: out of order, or of the same millisecond as the page's end.
    ahead: HashSet<i64>,
    /// Missed by the reading before, and met now.
    returned: Vec<i64>,
    out_of_order: bool,
}

impl Default for Absent {
    fn default() -> Self {
        Self {
            floor: i64::MAX,
            missing: HashMap::new(),
            ahead: HashSet::new(),
            returned: Vec::new(),
            out_of_order: false,
        }
    }
}

impl Absent {
    pub(super) fn floor(&self) -> i64 {
        self.floor
    }

    /// A row that lies in the page's span here; what lies below `end` is judged with the next page.
    pub(super) fn look(&mut self, read: CallRead, is_here: bool, end: i64) {
        if is_here {
            if read.missed {
                self.returned.push(read.list_key);
            }
            if read.list_key < end {
                self.ahead.insert(read.list_key);
            }
        } else if read.list_key >= end && !self.ahead.contains(&read.list_key) {
            self.missing.insert(read.list_key, read.missed);
        }
    }

    /// The page was looked at.
    pub(super) fn turn(&mut self, end: i64) {
        self.floor = self.floor.min(end);
        let floor = self.floor;
        self.ahead.retain(|list_key| *list_key < floor);
        self.out_of_order |= self.ahead.len() > OUT_OF_ORDER_MAX;
    }

    /// These were on a page and had to be written.
    pub(super) fn met(&mut self, list_keys: &[i64]) {
        for list_key in list_keys {
            self.missing.remove(list_key);
            if *list_key < self.floor && !self.out_of_order {
                self.ahead.insert(*list_key);
            }
        }
    }

    /// Judges what lies below the last page. Returns what is missing, each with whether it was missing before, and what
    /// was missing and is there; nothing when there is nothing to say.
    pub(super) async fn finish(&mut self, store: &Store) -> Result<Option<(Vec<(i64, bool)>, Vec<i64>)>, SyncError> {
        if self.out_of_order {
            return Ok(None);
        }
        let mut most = self.floor - 1;
        loop {
            let reads = store.read(move |conn| call_reads::between(conn, i64::MIN, most, READS_AT_ONCE)).await?;
            let last = reads.last().filter(|_| reads.len() == READS_AT_ONCE as usize).map(|read| read.list_key);
            for read in reads {
                let is_here = self.ahead.contains(&read.list_key);
                self.look(read, is_here, i64::MIN);
            }
            match last {
                Some(last) => most = last - 1,
                None => break,
            }
        }
        let missing: Vec<(i64, bool)> = self.missing.drain().collect();
        let returned = std::mem::take(&mut self.returned);
        Ok((!missing.is_empty() || !returned.is_empty()).then_some((missing, returned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list_key: i64, missed: bool) -> CallRead {
        CallRead { list_key, hash: list_key, missed }
    }

    #[test]
    fn what_lies_between_two_pages_and_is_on_neither_is_missing() {
        let mut absent = Absent::default();
        for (list_key, is_here) in [(90, true), (80, false), (70, true)] {
            absent.look(read(list_key, false), is_here, 71);
        }
        absent.turn(71);
        // 70 came with the first page's end and is looked at again with the next page, which does not have it.
        for (list_key, is_here) in [(70, false), (60, true), (50, false)] {
            absent.look(read(list_key, false), is_here, 51);
        }
        absent.turn(51);
        assert_eq!(
            (absent.missing, absent.floor),
            (HashMap::from([(80, false)]), 51),
            "50 is judged with the next page"
        );
    }

    #[test]
    fn a_row_that_had_to_be_written_is_not_missing_wherever_it_lies() {
        let mut absent = Absent::default();
        absent.look(read(80, true), false, 71);
        absent.turn(71);
        absent.met(&[80, 12]);
        absent.look(read(12, false), absent.ahead.contains(&12), i64::MIN);
        assert!(absent.missing.is_empty());
    }

    #[test]
    fn what_was_missing_and_is_there_again_is_told() {
        let mut absent = Absent::default();
        absent.look(read(80, true), true, 71);
        absent.look(read(75, true), false, 71);
        assert_eq!((absent.returned, absent.missing), (vec![80], HashMap::from([(75, true)])));
    }
}
