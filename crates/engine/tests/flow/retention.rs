//! What makes room, what never does, and what is left of it.

use std::sync::Arc;

use aftercall_domain::clock::{Clock, ManualClock, SystemClock};
use aftercall_domain::download::Wish;
use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_domain::recording::{Fact, Reason, RecordingState};
use aftercall_domain::retention::{Limits, RESERVE_BYTES};
use aftercall_engine::retention::{self, Incoming, RetentionError};
use aftercall_engine::store::table::kept;
use aftercall_engine::store::table::listening::{self, Listening};
use aftercall_engine::store::table::recordings::{self, RecordingRow};
use aftercall_engine::sync::Depth;

use crate::profile::{Profile, options};

const DAY_MS: i64 = 86_400_000;

async fn fetched(profile: &Profile, count: usize) -> Vec<RecordingId> {
    let queue = profile.queue().await;
    let ids: Vec<_> = (0..count).map(|n| profile.recording(n).0).collect();
    for id in &ids {
        queue.want(id, Wish::Person).await.expect("wanted");
        let rows = queue.settled(std::slice::from_ref(id)).await.expect("settled");
        assert!(rows[0].state.is_stored(), "{:?}", rows[0]);
    }
    queue.stop().await;
    ids
}

async fn row(profile: &Profile, id: &RecordingId) -> RecordingRow {
    let id = id.clone();
    profile.store.read(move |conn| recordings::get(conn, &id)).await.expect("read").expect("a row")
}

async fn limit(profile: &Profile, limits: Limits) {
    profile.store.write(move |tx, _| kept::set_limits(tx, &limits)).await.expect("set");
}

async fn pin(profile: &Profile, id: &RecordingId) {
    let id = id.clone();
    profile.store.write(move |tx, changes| kept::set_pinned(tx, changes, &id, Some(7))).await.expect("pinned");
}

async fn used(profile: &Profile) -> u64 {
    profile.store.read(kept::used_bytes).await.expect("read")
}

#[tokio::test]
async fn heard_calls_make_room_first_pins_never_and_what_is_known_stays() {
    let profile = Profile::synced(options("[]")).await;
    let ids = fetched(&profile, 4).await;
    let heard = ids[2].sid().parse().expect("a sid");
    let listened = Listening { position_ms: 5, heard: true, ..Listening::default() };
    profile.store.write(move |tx, _| listening::set(tx, &heard, &listened, 9)).await.expect("set");
    pin(&profile, &ids[0]).await;
    assert_eq!(row(&profile, &ids[0]).await.state, RecordingState::Pinned);

    // One byte too much: the heard one goes, and no other.
    limit(&profile, Limits { cap_bytes: Some(used(&profile).await - 1), ..Limits::default() }).await;
    let gone = retention::make_room(&profile.store, &profile.vault, Incoming::Nothing).await.expect("room");
    assert_eq!(gone, [ids[2].clone()]);
    let evicted = row(&profile, &ids[2]).await;
    assert_eq!((evicted.state, evicted.reason), (RecordingState::Evicted, None));
    assert!(evicted.facts.is_some(), "what it was is known");
    let of = ids[2].clone();
    let (analysis, file) = profile
        .store
        .read(move |conn| Ok((recordings::analysis(conn, &of)?, recordings::file(conn, &of)?)))
        .await
        .expect("read");
    assert!(analysis.is_some() && file.is_none(), "the waveform stays, the key does not");
    assert!(!profile.vault.holds(&ids[2]));
    assert!(retention::make_room(&profile.store, &profile.vault, Incoming::Nothing).await.expect("room").is_empty());

    // No room at all: everything goes but the pin, which stays beyond the limit.
    limit(&profile, Limits { cap_bytes: Some(0), ..Limits::default() }).await;
    let gone = retention::make_room(&profile.store, &profile.vault, Incoming::Nothing).await.expect("room");
    assert_eq!(gone, [ids[1].clone(), ids[3].clone()], "of unheard ones the oldest first");
    assert_eq!(row(&profile, &ids[0]).await.state, RecordingState::Pinned);
    assert_eq!(profile.stored_sha256(&ids[0]).await, Some(profile.recording(0).1));

    // What made room can be had again, and is what it was.
    limit(&profile, Limits::default()).await;
    fetched(&profile, 3).await;
    assert_eq!(row(&profile, &ids[2]).await.state, RecordingState::OnDevice);
    assert_eq!(profile.stored_sha256(&ids[2]).await, Some(profile.recording(2).1));
}

#[tokio::test]
async fn a_fetch_makes_its_own_room_and_where_only_pins_are_left_it_says_so() {
    let profile = Profile::synced(options("[]")).await;
    let ids = fetched(&profile, 1).await;
    let (second, third) = (profile.recording(1).0, profile.recording(2).0);
    limit(&profile, Limits { cap_bytes: Some(used(&profile).await + 1000), ..Limits::default() }).await;
    let queue = profile.queue().await;
    queue.want(&second, Wish::Person).await.expect("wanted");
    let rows = queue.settled(std::slice::from_ref(&second)).await.expect("settled");
    let limits = profile.store.read(kept::limits).await.expect("read");
    if rows[0].state == RecordingState::OnDevice {
        assert_eq!(row(&profile, &ids[0]).await.state, RecordingState::Evicted);
        assert!(used(&profile).await <= limits.cap_bytes.expect("a cap"));
    }

    limit(&profile, Limits { cap_bytes: Some(1000), ..Limits::default() }).await;
    let before = profile.sandbox.requests().len();
    queue.want(&third, Wish::Person).await.expect("wanted");
    let rows = queue.settled(std::slice::from_ref(&third)).await.expect("settled");
    let full = Some(Reason::Code(Code::DiskFull));
    assert_eq!((rows[0].state, rows[0].reason), (RecordingState::FailedNeedsYou, full));
    assert!(profile.sandbox.requests().len() <= before + 1, "no byte of it was asked for");
    assert_eq!(queue.resume_where_room().await.expect("looked"), 0, "and it is not asked for again");

    // As soon as there is room it goes on by itself.
    limit(&profile, Limits::default()).await;
    assert_eq!(queue.resume_where_room().await.expect("looked"), 1);
    let rows = queue.settled(std::slice::from_ref(&third)).await.expect("settled");
    assert_eq!(rows[0].state, RecordingState::OnDevice, "{:?}", rows[0]);
    queue.stop().await;
}

#[tokio::test]
async fn a_recording_that_never_fits_evicts_nothing() {
    let profile = Profile::synced(options("[]")).await;
    let ids = fetched(&profile, 2).await;
    limit(&profile, Limits { cap_bytes: Some(used(&profile).await), ..Limits::default() }).await;
    let id = profile.recording(2).0;
    let huge = Incoming::Recording { id, total_bytes: 400 << 20 };
    let refused = retention::make_room(&profile.store, &profile.vault, huge).await;
    assert!(matches!(refused, Err(RetentionError::NoRoom(_))), "{refused:?}");
    // Nor does the reserve: other programs' data is not paid for with recordings.
    let beyond = Incoming::Recording { id: profile.recording(2).0, total_bytes: u64::MAX / 4 };
    limit(&profile, Limits { cap_bytes: None, ..Limits::default() }).await;
    let refused = retention::make_room(&profile.store, &profile.vault, beyond).await;
    assert!(matches!(refused, Err(RetentionError::NoRoom(_))), "{refused:?}");
    for id in &ids {
        assert_eq!(row(&profile, id).await.state, RecordingState::OnDevice);
    }
    assert!(profile.vault.free_bytes().expect("asked") > RESERVE_BYTES, "this test needs a disk with room");
}

#[tokio::test]
async fn a_voice_deleted_at_its_source_goes_after_seven_days_and_a_pinned_one_asks() {
    let clock = Arc::new(ManualClock::at(SystemClock::new().now_ms()));
    let profile = Profile::on_clock(options("[]"), &clock).await;
    profile.sign_in(true).await.expect("signed in");
    profile.sync(Depth::Full).await.expect("synced");
    let ids = fetched(&profile, 3).await;
    pin(&profile, &ids[1]).await;
    for id in &ids[..2] {
        assert!(profile.sandbox.remove_call(id.sid()));
    }
    let forget = || async {
        // Two whole reads: what is missing once may only have moved.
        for _ in 0..2 {
            clock.advance_ms(60_000);
            profile.sync(Depth::Full).await.expect("synced");
        }
        retention::drop_deleted(&profile.store, &profile.vault, clock.now_ms()).await.expect("looked")
    };
    assert_eq!(forget().await, 0, "it is noticed");
    let deleted = profile.store.read(kept::deleted_at_source).await.expect("read");
    assert_eq!(deleted.iter().map(|one| (&one.id, one.is_pinned)).collect::<Vec<_>>().len(), 2, "{deleted:?}");
    clock.advance_ms(7 * DAY_MS - 3_600_000);
    let at = |clock: &ManualClock| clock.now_ms();
    let looked = retention::drop_deleted(&profile.store, &profile.vault, at(&clock)).await.expect("looked");
    assert_eq!(looked, 0, "seven days are not over");
    clock.advance_ms(3_600_000);
    assert_eq!(retention::drop_deleted(&profile.store, &profile.vault, at(&clock)).await.expect("looked"), 1);
    let gone = row(&profile, &ids[0]).await;
    let reason = Some(Reason::Fact(Fact::DeletedAtSource));
    assert_eq!((gone.state, gone.reason), (RecordingState::Unavailable, reason));
    assert!(!profile.vault.holds(&ids[0]));
    assert_eq!(profile.stored_sha256(&ids[0]).await, None);
    assert_eq!(row(&profile, &ids[2]).await.state, RecordingState::OnDevice);

    // The pinned one stays and asks; kept, it asks no more; unpinned, it goes.
    assert_eq!(row(&profile, &ids[1]).await.state, RecordingState::Pinned);
    let keep = ids[1].clone();
    profile.store.write(move |tx, changes| kept::keep(tx, changes, &keep, 9)).await.expect("kept");
    let deleted = profile.store.read(kept::deleted_at_source).await.expect("read");
    assert!(deleted.iter().all(|one| one.is_kept), "{deleted:?}");
    let unpin = ids[1].clone();
    profile.store.write(move |tx, changes| kept::set_pinned(tx, changes, &unpin, None)).await.expect("unpinned");
    assert_eq!(retention::drop_deleted(&profile.store, &profile.vault, at(&clock)).await.expect("looked"), 1);
    assert!(!profile.vault.holds(&ids[1]));
}
