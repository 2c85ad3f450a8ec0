//! From when on the lists are read, and when what was unfinished is asked for again. Pure.

use aftercall_domain::backoff::DAY_MS;
use serde::{Deserialize, Serialize};

/// Rows still change so long after they were listed. It must exceed the longest call: a recording is listed by when it
/// began.
const OVERLAP_MS: i64 = 2 * DAY_MS;
/// The API's filters are documented by the day; a time of day in them may be read as midnight.
const GRANULARITY_MS: i64 = DAY_MS;
/// Deleted recordings stay in the list for so long.
const DELETED_STAY_MS: i64 = 40 * DAY_MS;
/// They are looked for so often.
const DELETIONS_EVERY_MS: i64 = DAY_MS;
/// The pauses between askings for what is unfinished; then once a day, for a week.
const RECHECK_MS: &[i64] = &[5_000, 30_000, 120_000, 600_000, 3_600_000];
const GIVE_UP_AFTER_MS: i64 = 7 * DAY_MS;

/// How far a list was read: up to what began or ended before this request was sent. Another account starts anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub account: String,
    pub at_ms: i64,
}

/// A span that is asked for, and the narrower one that is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    pub asked_ms: i64,
    pub kept_ms: i64,
}

/// `None` reads everything: nothing was read yet, or everything is wanted.
pub(super) fn since(mark: Option<&Mark>, account: &str, full: bool) -> Option<Since> {
    let mark = mark.filter(|mark| mark.account == account && !full)?;
    let kept_ms = mark.at_ms - OVERLAP_MS;
    Some(Since { asked_ms: kept_ms - GRANULARITY_MS, kept_ms })
}

/// Whether a row belongs to the span: one without any time does.
pub(super) fn is_kept(since: Since, times: &[Option<i64>]) -> bool {
    let mut known = times.iter().flatten().peekable();
    known.peek().is_none() || known.any(|at_ms| *at_ms >= since.kept_ms)
}

/// Once a day the recordings are read back to where deleted ones are forgotten.
pub(super) fn with_deletions(since: Since, last_ms: Option<i64>, now_ms: i64) -> (Since, bool) {
    let due = last_ms.is_none_or(|at_ms| !(0..DELETIONS_EVERY_MS).contains(&(now_ms - at_ms)));
    if !due {
        return (since, false);
    }
    let from_ms = now_ms - DELETED_STAY_MS;
    let wide = Since { asked_ms: since.asked_ms.min(from_ms - GRANULARITY_MS), kept_ms: since.kept_ms.min(from_ms) };
    (wide, true)
}

/// When something unfinished is asked for again; `None` gives it up.
pub(super) fn again_at_ms(since_ms: i64, tries: u32, now_ms: i64) -> Option<i64> {
    if now_ms - since_ms >= GIVE_UP_AFTER_MS {
        return None;
    }
    let wait = usize::try_from(tries).ok().and_then(|tries| RECHECK_MS.get(tries)).copied().unwrap_or(DAY_MS);
    Some(now_ms + wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    #[test]
    fn the_lists_are_read_from_48_hours_before_the_mark_and_asked_for_from_a_day_earlier() {
        let mark = Mark { account: "AC1".into(), at_ms: NOW };
        let since = since(Some(&mark), "AC1", false).expect("a span");
        assert_eq!(NOW - since.kept_ms, 48 * 3_600_000);
        assert_eq!(since.kept_ms - since.asked_ms, 24 * 3_600_000);
        assert!(is_kept(since, &[Some(since.kept_ms), None]) && is_kept(since, &[None, None]));
        assert!(is_kept(since, &[Some(0), Some(NOW)]) && !is_kept(since, &[Some(since.kept_ms - 1), None]));
    }

    #[test]
    fn everything_is_read_at_first_when_asked_and_for_another_account() {
        let mark = Mark { account: "AC1".into(), at_ms: NOW };
        assert_eq!(since(None, "AC1", false), None);
        assert_eq!(since(Some(&mark), "AC1", true), None);
        assert_eq!(since(Some(&mark), "AC2", false), None);
    }

    #[test]
    fn deleted_recordings_are_looked_for_once_a_day_over_forty_days() {
        let usual = Since { asked_ms: NOW - 3 * DAY_MS, kept_ms: NOW - 2 * DAY_MS };
        assert_eq!(with_deletions(usual, Some(NOW - DAY_MS + 1), NOW), (usual, false));
        for last in [None, Some(NOW - DAY_MS), Some(NOW + 1)] {
            let (wide, due) = with_deletions(usual, last, NOW);
            assert!(due && NOW - wide.kept_ms == 40 * DAY_MS, "{last:?}");
        }
    }

    #[test]
    fn what_is_unfinished_is_asked_for_after_5_s_30_s_2_min_10_min_1_h_then_daily_for_a_week() {
        let (mut at_ms, mut waits, mut tries) = (NOW, Vec::new(), 0);
        while let Some(next_ms) = again_at_ms(NOW, tries, at_ms) {
            waits.push((next_ms - at_ms) / 1_000);
            (at_ms, tries) = (next_ms, tries + 1);
        }
        assert_eq!(waits[..5], [5, 30, 120, 600, 3_600]);
        assert!(waits[5..].iter().all(|seconds| *seconds == 86_400) && waits.len() == 12, "{waits:?}");
    }
}
