//! What a list of a million calls keeps at hand between two looks at it: how many there are, and where every thousandth
//! one lies, so that the scroll bar reaches any of them by its ordinal without passing over those before it.
//!
//! Nothing of it is stored. It holds until the next commit that says it changed something, and is found again step by
//! step, as far as somebody scrolls.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::StoreError;
use super::table::calls::{self, CallListing, CallsFilter, Totals};
use super::table::{Page, Span};

/// Calls between two places that are kept.
const STEP: u64 = 1_000;
/// Filters whose places are kept.
const FILTERS_MAX: usize = 8;

#[derive(Debug, Default)]
struct Known {
    commits: u64,
    totals: Option<Totals>,
    /// Per filter: places of the calls before the ordinals `STEP`, twice `STEP` and so on.
    places: Vec<(CallsFilter, Vec<i64>)>,
}

/// What all who look share.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Known>>);

/// A look at the calls, as of a moment before the read that uses it began.
#[derive(Debug, Clone)]
pub struct Overview {
    shared: Shared,
    commits: u64,
}

impl Overview {
    /// `commits` were counted before the read begins: what is found then is at least as new as they are.
    pub(super) fn new(shared: Shared, commits: u64) -> Self {
        Self { shared, commits }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        // Nothing panics while it holds the lock.
        let mut known = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.commits < self.commits {
            *known = Known { commits: self.commits, ..Known::default() };
        }
        look(&mut known)
    }

    /// Who looks with an older count finds for itself and keeps nothing.
    fn keep(&self, change: impl FnOnce(&mut Known)) {
        let commits = self.commits;
        self.with(|known| {
            if known.commits == commits {
                change(known);
            }
        });
    }

    /// Counts over the library.
    ///
    /// # Errors
    /// SQLite's.
    pub fn totals(&self, conn: &Connection) -> Result<Totals, StoreError> {
        if let Some(totals) = self.with(|known| known.totals) {
            return Ok(totals);
        }
        let totals = calls::totals(conn)?;
        self.keep(|known| known.totals = Some(totals));
        Ok(totals)
    }

    /// Calls that match, newest first, at most `limit`, from an ordinal on.
    ///
    /// # Errors
    /// SQLite's.
    pub fn calls(
        &self,
        conn: &Connection,
        filter: &CallsFilter,
        ordinal: u64,
        limit: u32,
    ) -> Result<Page<CallListing>, StoreError> {
        let steps = usize::try_from(ordinal / STEP).unwrap_or(usize::MAX);
        if steps == 0 {
            return calls::list(conn, filter, Span::From(ordinal), limit);
        }
        let mut places = self.with(|known| {
            let kept = known.places.iter().find(|(of, _)| of == filter);
            kept.map(|(_, places)| places.clone()).unwrap_or_default()
        });
        let found = places.len();
        while places.len() < steps {
            match calls::place_after(conn, filter, places.last().copied(), STEP - 1)? {
                Some(place) => places.push(place),
                None => break,
            }
        }
        let at = places.get(steps - 1).copied();
        if places.len() > found {
            self.keep(|known| {
                known.places.retain(|(of, _)| of != filter);
                known.places.truncate(FILTERS_MAX - 1);
                known.places.insert(0, (filter.clone(), places));
            });
        }
        match at {
            Some(place) => calls::list(conn, filter, Span::Beyond(Some(place), ordinal % STEP), limit),
            None => Ok(Page { rows: Vec::new(), next: None }),
        }
    }
}
