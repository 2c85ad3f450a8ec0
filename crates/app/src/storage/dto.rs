//! What the window is told of the room that recordings take, and asks of it.

use aftercall_domain::retention::Limits;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use aftercall_engine::store::table::kept_lists::KeptList;

use crate::dto::CallRow;

/// How much room recordings may take. Both limits hold where both are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LimitsView {
    /// Recordings take at most this.
    #[ts(type = "number | null")]
    pub cap_bytes: Option<u64>,
    /// So much stays free on the disk.
    #[ts(type = "number | null")]
    pub keep_free_bytes: Option<u64>,
    /// Days until a voice goes that its source has deleted.
    pub deleted_after_days: u32,
}

impl From<Limits> for LimitsView {
    fn from(limits: Limits) -> Self {
        let Limits { cap_bytes, keep_free_bytes, deleted_after_days } = limits;
        Self { cap_bytes, keep_free_bytes, deleted_after_days }
    }
}

impl From<LimitsView> for Limits {
    fn from(limits: LimitsView) -> Self {
        let LimitsView { cap_bytes, keep_free_bytes, deleted_after_days } = limits;
        Self { cap_bytes, keep_free_bytes, deleted_after_days }
    }
}

/// A recording here that its source has deleted.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct DeletedView {
    /// Its call.
    pub call: CallRow,
    /// Its id.
    pub recording_id: String,
    /// When its voice goes, UTC.
    #[ts(type = "number")]
    pub goes_at_ms: i64,
    /// It is pinned, and stays until somebody says `recording_keep` or `recording_unpin`.
    pub asks: bool,
}

/// What is kept on this device.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct StorageView {
    /// What the sealed recordings take.
    #[ts(type = "number")]
    pub used_bytes: u64,
    /// What the disk has left.
    #[ts(type = "number")]
    pub free_bytes: u64,
    /// What they may take.
    pub limits: LimitsView,
    /// The disk has less than the reserve: downloads wait for room.
    pub is_full: bool,
    /// Whole recordings here, the pinned ones included.
    #[ts(type = "number")]
    pub on_device: u64,
    /// Those that never make room.
    #[ts(type = "number")]
    pub pinned: u64,
    /// What those take.
    #[ts(type = "number")]
    pub pinned_bytes: u64,
    /// Those that go before all others: heard, and not pinned.
    #[ts(type = "number")]
    pub goes_first: u64,
    /// What those take.
    #[ts(type = "number")]
    pub goes_first_bytes: u64,
    /// On their way, or waiting for it.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Failed or damaged; tried again by themselves, or needing somebody.
    #[ts(type = "number")]
    pub failed: u64,
    /// What makes room next, first first; at most 50.
    pub next_out: Vec<CallRow>,
    /// What its source has deleted and nobody has decided about yet.
    pub deleted: Vec<DeletedView>,
}

/// A list of what is kept here, on its way, or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeptListView {
    /// Whole and here.
    OnDevice,
    /// Here and pinned.
    Pinned,
    /// On their way, in order.
    Arriving,
    /// Failed or damaged, what needs a person first.
    Failed,
}

impl From<KeptListView> for KeptList {
    fn from(list: KeptListView) -> Self {
        match list {
            KeptListView::OnDevice => Self::OnDevice,
            KeptListView::Pinned => Self::Pinned,
            KeptListView::Arriving => Self::Arriving,
            KeptListView::Failed => Self::Failed,
        }
    }
}

/// Which rows of which list.
#[derive(Debug, Clone, Copy, Deserialize, TS)]
pub struct KeptAsk {
    /// The list.
    pub list: KeptListView,
    /// Ordinal of the first row wanted.
    #[ts(type = "number")]
    pub offset: u64,
    /// How many rows, at most 200.
    pub limit: u32,
}

/// Rows of a list, with how many it has.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub struct KeptWindow {
    /// Rows of the list.
    #[ts(type = "number")]
    pub matched: u64,
    /// Never: they are counted.
    pub matched_capped: bool,
    /// The same again: a list has no filter.
    #[ts(type = "number")]
    pub all: u64,
    /// Ordinal of the first row.
    #[ts(type = "number")]
    pub offset: u64,
    /// The rows.
    pub rows: Vec<CallRow>,
}
