//! Views over the calls that a person saved, and marking many calls at once.

use aftercall_domain::ids::CallSid;
use aftercall_engine::store::Tag;
use aftercall_engine::store::table::{calls, listening, profile};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::dto::{CallsFilter, Nothing};
use crate::errors::AppError;
use crate::rows;
use crate::start::App;

const VIEWS: &str = "views";
const VIEWS_MAX: usize = 30;
const NAME_LETTERS_MAX: usize = 60;
/// Calls that one command marks.
const MARKED_MAX: usize = 1_000;

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SavedView {
    /// Its id, made by the window.
    pub id: String,
    /// As the person called it.
    pub name: String,
    /// Which calls.
    pub filter: CallsFilter,
    /// The days before today that it goes back, instead of a fixed time: 1 is today only.
    #[serde(default)]
    pub days: Option<u32>,
}

/// All of them, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct SavedViews {
    /// The views.
    pub views: Vec<SavedView>,
}

/// Calls to mark.
#[derive(Debug, Clone, Deserialize, TS)]
pub struct CallsMarkAsk {
    /// At most 1,000.
    pub sids: Vec<String>,
    /// Heard, or to be heard again.
    pub heard: bool,
}

impl App {
    pub(crate) async fn saved_views(&self) -> Result<SavedViews, AppError> {
        Ok(self.store().read(|conn| profile::get(conn, VIEWS)).await?.unwrap_or_default())
    }

    pub(crate) async fn save_views(&self, views: SavedViews) -> Result<SavedViews, AppError> {
        let is_good = |view: &SavedView| {
            !view.name.trim().is_empty() && view.name.chars().count() <= NAME_LETTERS_MAX && view.id.len() <= 64
        };
        if views.views.len() > VIEWS_MAX || !views.views.iter().all(is_good) {
            return Err(AppError::InvalidInput("thirty views at most, each with a name"));
        }
        for view in &views.views {
            rows::filter_of(view.filter.clone())?;
        }
        let kept = views.clone();
        let saved = self.store().write(move |tx, changes| {
            profile::set(tx, VIEWS, &kept)?;
            changes.touch(Tag::Settings);
            Ok(())
        });
        saved.await?;
        Ok(views)
    }

    /// Says that these calls were heard, or are to be heard again. Where somebody stopped in one stays.
    pub(crate) async fn mark_calls(&self, ask: CallsMarkAsk) -> Result<Nothing, AppError> {
        if ask.sids.len() > MARKED_MAX {
            return Err(AppError::InvalidInput("a thousand calls at most"));
        }
        let sids = ask.sids.iter().map(|sid| sid.parse()).collect::<Result<Vec<CallSid>, _>>()?;
        let (heard, now_ms) = (ask.heard, self.clock().now_ms());
        let marked = self.store().write(move |tx, changes| {
            for sid in &sids {
                // A call that nobody lists has nothing to be heard.
                if calls::listing(tx, sid)?.is_none() {
                    continue;
                }
                let known = listening::get(tx, sid)?;
                let known =
                    if heard { known } else { listening::Listening { speed: known.speed, ..Default::default() } };
                listening::set(tx, sid, &listening::Listening { heard, ..known }, now_ms)?;
            }
            changes.touch(Tag::Listening);
            Ok(())
        });
        marked.await?;
        Ok(Nothing {})
    }
}
