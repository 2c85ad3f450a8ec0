//! What the app tells the window: one stream, at most ten messages of a kind a second, whatever happens behind it.

use std::collections::BTreeSet;
use std::time::Duration;

use aftercall_engine::store::{Store, Tag};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::dto::{AppEvent, PlayerState, SyncState};

const GAP: Duration = Duration::from_millis(100);

/// One listener's stream. A listener that is slow loses nothing but steps in between: tags add up, states are the
/// newest.
pub struct Events {
    changes: broadcast::Receiver<aftercall_engine::store::ChangeSet>,
    player: watch::Receiver<PlayerState>,
    sync: watch::Receiver<SyncState>,
    locked: watch::Receiver<bool>,
    waiting: Vec<AppEvent>,
    not_before: Instant,
    over: bool,
}

impl Events {
    pub(crate) fn of(
        store: &Store,
        player: watch::Receiver<PlayerState>,
        sync: watch::Receiver<SyncState>,
        locked: watch::Receiver<bool>,
    ) -> Self {
        Self {
            changes: store.changes(),
            player,
            sync,
            locked,
            waiting: Vec::new(),
            not_before: Instant::now(),
            over: false,
        }
    }

    /// The next thing to tell; `None` when the app has stopped.
    pub async fn next(&mut self) -> Option<AppEvent> {
        loop {
            if *self.locked.borrow_and_update() {
                // The last thing to be told: what waited is about what may not be seen any more.
                let told = std::mem::replace(&mut self.over, true);
                return (!told).then_some(AppEvent::Locked);
            }
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            if self.gather().await.is_none() {
                // The library is closed: the app is being locked, or is over.
                self.locked.wait_for(|locked| *locked).await.ok()?;
            }
        }
    }

    /// Waits for news, then for the gap since the last, and takes what came meanwhile with it.
    async fn gather(&mut self) -> Option<()> {
        let mut tags = BTreeSet::new();
        let (mut player, mut sync) = (false, false);
        tokio::select! {
            changed = self.changes.recv() => note(changed, &mut tags)?,
            changed = self.player.changed() => { changed.ok()?; player = true; }
            changed = self.sync.changed() => { changed.ok()?; sync = true; }
            changed = self.locked.changed() => { changed.ok()?; return Some(()); }
        }
        tokio::time::sleep_until(self.not_before).await;
        self.not_before = Instant::now() + GAP;
        loop {
            match self.changes.try_recv() {
                Ok(changes) => tags.extend(changes.tags),
                Err(broadcast::error::TryRecvError::Lagged(_)) => tags.extend(ALL),
                Err(_) => break,
            }
        }
        if sync || self.sync.has_changed().unwrap_or(false) {
            self.waiting.push(AppEvent::Sync { state: self.sync.borrow_and_update().clone() });
        }
        if player || self.player.has_changed().unwrap_or(false) {
            self.waiting.push(AppEvent::Player { state: Box::new(self.player.borrow_and_update().clone()) });
        }
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|tag| tag.as_str().to_owned()).collect();
            self.waiting.push(AppEvent::Changed { tags });
        }
        Some(())
    }
}

/// Everything: for a listener that missed some news.
const ALL: [Tag; 11] = [
    Tag::Calls,
    Tag::Leads,
    Tag::Appointments,
    Tag::Calendars,
    Tag::Recordings,
    Tag::Listening,
    Tag::Settings,
    Tag::Account,
    Tag::Outbox,
    Tag::Marks,
    Tag::Queue,
];

fn note(
    changed: Result<aftercall_engine::store::ChangeSet, broadcast::error::RecvError>,
    tags: &mut BTreeSet<Tag>,
) -> Option<()> {
    match changed {
        Ok(changes) => tags.extend(changes.tags),
        Err(broadcast::error::RecvError::Lagged(_)) => tags.extend(ALL),
        Err(broadcast::error::RecvError::Closed) => return None,
    }
    Some(())
}
