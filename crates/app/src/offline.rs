//! Offline age: a device that the server has not seen for long may belong to somebody who left. Its recordings are then
//! locked until the server was asked once.

use aftercall_engine::store::table::profile;
use aftercall_engine::store::{Connection, StoreError, Tag};
use aftercall_engine::sync::{last_success_at_ms, last_twilio_success_at_ms};

use crate::errors::AppError;
use crate::locking;
use crate::start::App;

const ASKED: &str = "offline.asked_at_ms";
const SEEN: &str = "offline.seen_at_ms";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Age {
    /// From then on recordings are locked.
    pub until_ms: Option<i64>,
    /// They are.
    pub is_locked: bool,
}

/// The server took a sign-in.
pub(crate) fn asked(conn: &Connection, now_ms: i64) -> Result<(), StoreError> {
    profile::set(conn, ASKED, &now_ms)?;
    profile::set(conn, SEEN, &now_ms)
}

/// `asked_at_ms` is when a server last said yes; `seen_ms` the latest moment that this computer's clock ever showed, so
/// that setting it back gains nothing.
fn judge(days: u32, asked_at_ms: i64, seen_ms: i64, now_ms: i64) -> Age {
    let until_ms = asked_at_ms.saturating_add(i64::from(days) * DAY_MS);
    Age { until_ms: Some(until_ms), is_locked: now_ms.max(seen_ms) >= until_ms }
}

/// Looks at the clock and at the last success, and locks the recordings or lets them be read.
pub(crate) async fn look(app: &App) -> Result<Age, AppError> {
    let store = app.store();
    let synced = last_success_at_ms(store).await?.max(last_twilio_success_at_ms(store).await?);
    let now_ms = app.clock().now_ms();
    let kept = store.read(|conn| {
        let days = locking::settings(conn)?.offline_days;
        Ok((days, profile::get::<i64>(conn, ASKED)?, profile::get::<i64>(conn, SEEN)?))
    });
    let (days, asked_at_ms, seen_ms) = kept.await?;
    // A library that never met a server has nothing to be taken back.
    let Some(proven_ms) = asked_at_ms.max(synced) else { return Ok(Age::default()) };
    // A success is newer than the mark: what the clock showed before it does not count.
    let seen_before_ms = seen_ms.unwrap_or(proven_ms);
    let fresh = synced.is_some_and(|at_ms| asked_at_ms.is_none_or(|asked| at_ms > asked));
    let seen_ms = if fresh { proven_ms } else { seen_before_ms };
    let age = judge(days, proven_ms, seen_ms, now_ms);
    let was_locked = app.library().vault.is_held();
    app.library().vault.hold(age.is_locked);
    if app.may_write() && (fresh || now_ms - seen_before_ms > DAY_MS / 24 || was_locked != age.is_locked) {
        let written = store.write(move |tx, changes| {
            profile::set(tx, ASKED, &proven_ms)?;
            profile::set(tx, SEEN, &now_ms.max(seen_ms))?;
            if was_locked != age.is_locked {
                changes.touch(Tag::Settings);
            }
            Ok(())
        });
        written.await?;
    }
    if age.is_locked
        && !was_locked
        && let Ok(deck) = app.deck()
    {
        // What is open would go on to be heard.
        deck.close().await;
    }
    Ok(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_lock_on_the_day_and_a_clock_set_back_gains_nothing() {
        let asked = 1_790_000_000_000;
        let until = asked + 30 * DAY_MS;
        assert_eq!(judge(30, asked, asked, until - 1), Age { until_ms: Some(until), is_locked: false });
        assert_eq!(judge(30, asked, asked, until), Age { until_ms: Some(until), is_locked: true });
        assert!(judge(30, asked, until, asked).is_locked, "the clock was set back");
        assert!(!judge(31, asked, until, asked).is_locked);
    }
}
