//! Bookmarks, and where in a call notes were written.

use aftercall_domain::ids::CallSid;
use aftercall_engine::store::table::calls;
use aftercall_engine::store::table::marks::{self, NewMark};
use aftercall_engine::store::{Store, Tag};

use crate::dto::{MarkAddAsk, MarkKind, MarkRenameAsk, MarkView, MarksView};
use crate::errors::AppError;

/// A bookmark's name is a line, not a note.
const NAME_BYTES_MAX: usize = 1_000;

pub(crate) fn view(mark: marks::Mark) -> MarkView {
    MarkView {
        id: mark.id,
        at_ms: mark.at_ms,
        text: mark.text,
        kind: if mark.is_note { MarkKind::Note } else { MarkKind::Bookmark },
        created_at_ms: mark.created_at_ms,
    }
}

fn name(text: &str) -> Result<String, AppError> {
    let text = text.trim();
    if text.len() > NAME_BYTES_MAX {
        return Err(AppError::InvalidInput("a bookmark's name is a line"));
    }
    Ok(text.to_owned())
}

/// A call's, by their place in it.
pub(crate) async fn read(store: &Store, sid: CallSid) -> Result<MarksView, AppError> {
    let marks = store.read(move |conn| marks::of_call(conn, &sid)).await?;
    Ok(MarksView { marks: marks.into_iter().map(view).collect() })
}

/// Keeps a bookmark.
pub(crate) async fn add(store: &Store, ask: MarkAddAsk, now_ms: i64) -> Result<MarksView, AppError> {
    let sid: CallSid = ask.sid.parse()?;
    let (of, text) = (sid.clone(), name(&ask.text)?);
    let written = store.write(move |tx, changes| {
        if calls::get(tx, &of)?.is_none() {
            return Ok(false);
        }
        marks::add(tx, &of, NewMark { at_ms: ask.at_ms.max(0), text: &text, is_note: false }, now_ms)?;
        changes.touch(Tag::Marks);
        Ok(true)
    });
    if written.await? { read(store, sid).await } else { Err(AppError::NotFound("call")) }
}

/// Another name for a bookmark.
pub(crate) async fn rename(store: &Store, ask: MarkRenameAsk) -> Result<(), AppError> {
    let text = name(&ask.text)?;
    let written = store.write(move |tx, changes| {
        let found = marks::rename(tx, ask.id, &text)?;
        if found {
            changes.touch(Tag::Marks);
        }
        Ok(found)
    });
    if written.await? { Ok(()) } else { Err(AppError::NotFound("bookmark")) }
}

/// Takes a mark off this device.
pub(crate) async fn delete(store: &Store, id: i64) -> Result<(), AppError> {
    let written = store.write(move |tx, changes| {
        let found = marks::delete(tx, id)?;
        if found {
            changes.touch(Tag::Marks);
        }
        Ok(found)
    });
    if written.await? { Ok(()) } else { Err(AppError::NotFound("mark")) }
}
