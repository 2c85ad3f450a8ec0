//! What stays on this device: how much room recordings may take, which go first, and when a voice goes that its source
//! has deleted.

use serde::{Deserialize, Serialize};

use crate::recording::RecordingState;

/// Room on the disk that no download takes: the library, its log and everybody else's programs need some.
pub const RESERVE_BYTES: u64 = 200 << 20;
/// What recordings may take where nobody has set anything, about 700 hours of telephone sound.
const CAP_BYTES: u64 = 20_000_000_000;
/// After so many days a voice goes that was deleted where it came from, where nobody has set anything.
const DELETED_AFTER_DAYS: u32 = 7;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a person allows. Both limits hold where both are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Recordings take at most this, sealed.
    pub cap_bytes: Option<u64>,
    /// So much stays free on the disk, whoever fills it.
    pub keep_free_bytes: Option<u64>,
    /// Days until a voice goes that its source has deleted.
    pub deleted_after_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cap_bytes: Some(CAP_BYTES), keep_free_bytes: None, deleted_after_days: DELETED_AFTER_DAYS }
    }
}

/// The disk as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What all recordings here take, sealed.
    pub used_bytes: u64,
    /// What the disk has left.
    pub free_bytes: u64,
}

/// There is no room, and recordings that may go would not make enough of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for recordings")]
pub struct NoRoom;

/// A recording that may make room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate<T> {
    /// Which.
    pub what: T,
    /// What it takes on the disk.
    pub bytes: u64,
    /// Its call was heard.
    pub is_heard: bool,
    /// When it was last listened to, or arrived, UTC.
    pub used_at_ms: i64,
}

impl Limits {
    /// Bytes that must go so that `incoming_bytes` fit.
    ///
    /// The reserve alone costs no recording: a disk that other programs fill pauses the downloads, and what somebody
    /// took along for a journey stays. Only a limit that a person set makes room.
    ///
    /// # Errors
    /// [`NoRoom`] where the reserve would be touched.
    pub fn bytes_to_free(&self, space: Space, incoming_bytes: u64) -> Result<u64, NoRoom> {
        let over_cap =
            self.cap_bytes.map_or(0, |cap| space.used_bytes.saturating_add(incoming_bytes).saturating_sub(cap));
        let short_of_free = self
            .keep_free_bytes
            .map_or(0, |keep| keep.max(RESERVE_BYTES).saturating_add(incoming_bytes).saturating_sub(space.free_bytes));
        let to_free = over_cap.max(short_of_free);
        let free_then = space.free_bytes.saturating_add(to_free.min(space.used_bytes));
        // Nothing is coming: there is nothing that the reserve could be kept from.
        if incoming_bytes > 0 && free_then < RESERVE_BYTES.saturating_add(incoming_bytes) {
            return Err(NoRoom);
        }
        Ok(to_free)
    }
}

/// Puts those first that go first: heard calls before unheard ones, and of each the one that was not touched for the
/// longest time.
pub fn sort_by_turn<T: Ord>(candidates: &mut [Candidate<T>]) {
    candidates.sort_by(|a, b| (!a.is_heard, a.used_at_ms, &a.what).cmp(&(!b.is_heard, b.used_at_ms, &b.what)));
}

/// Of candidates in the order of their turn, as few as make room for `to_free` bytes. Where even all of them do not,
/// none goes: it would help nobody.
///
/// # Errors
/// [`NoRoom`].
pub fn going<T>(candidates: Vec<Candidate<T>>, to_free: u64) -> Result<Vec<T>, NoRoom> {
    let (mut freed, mut going) = (0_u64, Vec::new());
    for candidate in candidates {
        if freed >= to_free {
            break;
        }
        freed = freed.saturating_add(candidate.bytes);
        going.push(candidate.what);
    }
    if freed >= to_free { Ok(going) } else { Err(NoRoom) }
}

/// When a voice goes whose deletion at the source was noticed at `noticed_at_ms`.
pub fn goes_at_ms(limits: &Limits, noticed_at_ms: i64) -> i64 {
    noticed_at_ms.saturating_add(i64::from(limits.deleted_after_days).saturating_mul(DAY_MS))
}

/// A whole file is shown as pinned while its recording is.
pub fn shown(state: RecordingState, is_pinned: bool) -> RecordingState {
    match state {
        RecordingState::OnDevice | RecordingState::Pinned if is_pinned => RecordingState::Pinned,
        RecordingState::Pinned => RecordingState::OnDevice,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn limits(cap_bytes: Option<u64>, keep_free_bytes: Option<u64>) -> Limits {
        Limits { cap_bytes, keep_free_bytes, ..Limits::default() }
    }

    fn space(used_bytes: u64, free_bytes: u64) -> Space {
        Space { used_bytes, free_bytes }
    }

    #[test]
    fn a_cap_makes_as_much_room_as_it_is_passed_by() {
        let cap = limits(Some(GB), None);
        assert_eq!(cap.bytes_to_free(space(GB - 10, 9 * GB), 10), Ok(0));
        assert_eq!(cap.bytes_to_free(space(GB - 10, 9 * GB), 11), Ok(1));
        assert_eq!(cap.bytes_to_free(space(2 * GB, 9 * GB), 0), Ok(GB));
        assert_eq!(limits(None, None).bytes_to_free(space(900 * GB, 9 * GB), GB), Ok(0));
    }

    #[test]
    fn what_is_to_stay_free_makes_room_and_the_stricter_limit_holds() {
        let both = limits(Some(10 * GB), Some(5 * GB));
        assert_eq!(both.bytes_to_free(space(9 * GB, 4 * GB), GB), Ok(2 * GB));
        assert_eq!(both.bytes_to_free(space(13 * GB, 5 * GB), GB), Ok(4 * GB));
        assert_eq!(both.bytes_to_free(space(13 * GB, 5 * GB), 0), Ok(3 * GB));
        // To keep less than the reserve cannot be wished for.
        let little = limits(None, Some(1));
        assert_eq!(little.bytes_to_free(space(9 * GB, RESERVE_BYTES), 7), Ok(7));
    }

    #[test]
    fn the_reserve_alone_pauses_and_costs_no_recording() {
        let cap = limits(Some(20 * GB), None);
        assert_eq!(cap.bytes_to_free(space(GB, RESERVE_BYTES + 7), 7), Ok(0));
        assert_eq!(cap.bytes_to_free(space(GB, RESERVE_BYTES + 7), 8), Err(NoRoom));
        assert_eq!(cap.bytes_to_free(space(GB, 0), 0), Ok(0));
        // What a cap takes away anyway is room too.
        assert_eq!(limits(Some(GB), None).bytes_to_free(space(GB, RESERVE_BYTES), 8), Ok(8));
        // More than there is cannot be taken away.
        assert_eq!(limits(None, Some(9 * GB)).bytes_to_free(space(5, RESERVE_BYTES), 8), Err(NoRoom));
    }

    #[test]
    fn heard_calls_go_first_and_of_each_kind_the_one_longest_untouched() {
        let one = |what, is_heard, used_at_ms| Candidate { what, bytes: 10, is_heard, used_at_ms };
        let mut all =
            vec![one("new", false, 9), one("old", false, 1), one("heard", true, 8), one("long ago heard", true, 2)];
        sort_by_turn(&mut all);
        assert_eq!(going(all.clone(), 11), Ok(vec!["long ago heard", "heard"]));
        assert_eq!(going(all.clone(), 30), Ok(vec!["long ago heard", "heard", "old"]));
        assert_eq!(going(all.clone(), 0), Ok(vec![]));
        assert_eq!(going(all, 41), Err(NoRoom), "where it helps nobody, nothing goes");
    }

    #[test]
    fn only_whole_files_are_shown_as_pinned() {
        assert_eq!(shown(RecordingState::OnDevice, true), RecordingState::Pinned);
        assert_eq!(shown(RecordingState::Pinned, false), RecordingState::OnDevice);
        assert_eq!(shown(RecordingState::Queued, true), RecordingState::Queued);
        assert_eq!(shown(RecordingState::Unsupported, true), RecordingState::Unsupported);
    }
}
