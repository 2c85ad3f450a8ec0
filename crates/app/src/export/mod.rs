//! What leaves the app: the untouched original, a clip of it, calls as a table. A person is asked where to, by the
//! desktop and not by the page; what stands under the chosen name is whole.

pub mod csv;
pub mod dto;
mod names;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aftercall_domain::ids::{CallSid, RecordingId};
use aftercall_engine::store::table::Span;
use aftercall_engine::store::table::calls::{self, CallListing};

use crate::desktop::Desktop;
use crate::dto::Settings;
use crate::errors::AppError;
use crate::export::dto::{CsvAsk, ExportAsk, Saved};
use crate::start::App;
use crate::{placed, rows, settings};

/// Recordings of one export.
const RECORDINGS_MAX: usize = 500;
/// Calls that are named one by one.
const CALLS_MAX: usize = 1_000;
/// Calls of one read.
const PAGE: u32 = 500;
/// Letters of a file's name that the window suggests.
const WORDS_MAX: usize = 200;

impl App {
    fn desktop(&self) -> Result<&dyn Desktop, AppError> {
        self.0.desktop.as_deref().ok_or(AppError::InvalidInput("nobody can be asked where to"))
    }

    /// Writes originals, or a clip of one, where the person says.
    ///
    /// # Errors
    /// `NotHere` for one that is not whole on this device; `Output`.
    pub(crate) async fn export_recordings(&self, ask: ExportAsk) -> Result<Saved, AppError> {
        if ask.ids.is_empty() || ask.ids.len() > RECORDINGS_MAX {
            return Err(AppError::InvalidInput("one recording to 500"));
        }
        let ids = ask.ids.iter().map(|id| id.parse()).collect::<Result<Vec<RecordingId>, _>>()?;
        let settings = settings::read(self.store()).await?;
        match (ids.as_slice(), ask.from_ms, ask.to_ms) {
            ([id], None, None) => self.export_one(id, &settings).await,
            ([id], from_ms, to_ms) => self.export_clip(id, from_ms.unwrap_or(0), to_ms, &settings).await,
            (ids, None, None) => self.export_several(ids, &settings).await,
            _ => Err(AppError::InvalidInput("a clip is of one recording")),
        }
    }

    async fn listing_of(&self, id: &RecordingId) -> Result<CallListing, AppError> {
        let sid = rows::sid_of_recording(self.store(), id).await?;
        self.store().read(move |conn| calls::listing(conn, &sid)).await?.ok_or(AppError::NotFound("call"))
    }

    async fn export_one(&self, id: &RecordingId, settings: &Settings) -> Result<Saved, AppError> {
        let listing = self.listing_of(id).await?;
        let extension = extension_of(&listing);
        // Asked for only where there is something to write.
        self.is_here(&listing)?;
        let name = names::of_call(&listing, &settings.time_zone);
        let Some(out) = self.desktop()?.save_as(name, extension).await else { return Ok(nothing()) };
        self.export(&listing.call.sid, out.clone()).await?;
        Ok(Saved { files: 1, name: name_of(&out), ..nothing() })
    }

    async fn export_clip(
        &self,
        id: &RecordingId,
        from_ms: i64,
        to_ms: Option<i64>,
        settings: &Settings,
    ) -> Result<Saved, AppError> {
        let listing = self.listing_of(id).await?;
        self.is_here(&listing)?;
        let span = |ms: i64| format!("{:02}.{:02}", ms / 60_000, ms / 1000 % 60);
        let to = to_ms.map(|ms| format!("-{}", span(ms))).unwrap_or_default();
        let name = format!("{} ({}{to})", names::of_call(&listing, &settings.time_zone), span(from_ms));
        let Some(out) = self.desktop()?.save_as(name, "wav").await else { return Ok(nothing()) };
        self.export_span(&listing.call.sid, from_ms, to_ms, out.clone()).await?;
        Ok(Saved { files: 1, name: name_of(&out), ..nothing() })
    }

    async fn export_several(&self, ids: &[RecordingId], settings: &Settings) -> Result<Saved, AppError> {
        let mut listings = Vec::with_capacity(ids.len());
        for id in ids {
            listings.push(self.listing_of(id).await?);
        }
        let (here, away): (Vec<_>, Vec<_>) = listings.iter().partition(|listing| self.is_here(listing).is_ok());
        let left_out = u32::try_from(away.len()).unwrap_or(u32::MAX);
        if here.is_empty() {
            return Err(AppError::InvalidInput("none of them is whole on this device"));
        }
        let Some(folder) = self.desktop()?.folder().await else { return Ok(nothing()) };
        let mut files = 0;
        for listing in here {
            let name = names::of_call(listing, &settings.time_zone);
            self.export(&listing.call.sid, free_name(&folder, &name, extension_of(listing))).await?;
            files += 1;
        }
        Ok(Saved { files, left_out, ..nothing() })
    }

    fn is_here(&self, listing: &CallListing) -> Result<(), AppError> {
        if listing.recording.state.is_stored() {
            Ok(())
        } else {
            Err(AppError::InvalidInput("not whole on this device"))
        }
    }

    /// Writes calls as a table where the person says.
    ///
    /// # Errors
    /// `Output`; the library's.
    pub(crate) async fn export_csv(&self, ask: CsvAsk) -> Result<Saved, AppError> {
        if ask.heads.len() != csv::COLUMNS
            || ask.words.len() > WORDS_MAX
            || ask.sids.as_ref().is_some_and(|sids| sids.len() > CALLS_MAX)
        {
            return Err(AppError::InvalidInput("the heads and words of the table's columns"));
        }
        let filter = rows::filter_of(ask.filter.clone())?;
        let sids = ask.sids.iter().flatten().map(|sid| sid.parse()).collect::<Result<Vec<CallSid>, _>>()?;
        let time_zone = settings::read(self.store()).await?.time_zone;
        let Some(out) = self.desktop()?.save_as(names::clean(&ask.name), "csv").await else { return Ok(nothing()) };
        let (own, store) = (self.own()?, self.store().clone());
        let place = out.clone();
        let written = tokio::task::spawn_blocking(move || {
            placed::write(&place, &own, |file| {
                let mut table = BufWriter::new(file);
                csv::head(&mut table, &ask.heads).map_err(AppError::Output)?;
                let mut row = |listing: &CallListing| {
                    csv::call(&mut table, listing, &time_zone, &ask.words).map_err(AppError::Output)
                };
                let mut rows = 0;
                if ask.sids.is_some() {
                    for sid in sids {
                        if let Some(listing) = store.read_blocking(move |conn| calls::listing(conn, &sid))? {
                            row(&listing)?;
                            rows += 1;
                        }
                    }
                } else {
                    let mut after = None;
                    loop {
                        let filter = filter.clone();
                        let span = Span::After(after);
                        let page = store.read_blocking(move |conn| calls::list(conn, &filter, span, PAGE))?;
                        for listing in &page.rows {
                            row(listing)?;
                            rows += 1;
                        }
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                }
                table.flush().map_err(AppError::Output)?;
                Ok(rows)
            })
        });
        let rows: u64 = written.await.map_err(|_| AppError::Panicked)??;
        Ok(Saved { files: 1, name: name_of(&out), rows: Some(rows), ..nothing() })
    }
}

fn nothing() -> Saved {
    Saved { files: 0, left_out: 0, name: None, rows: None }
}

fn name_of(out: &Path) -> Option<String> {
    out.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// The ending of what it is, which is not always what the source called it.
fn extension_of(listing: &CallListing) -> &'static str {
    match listing.recording.facts.as_ref().map(|facts| facts.codec.as_str()) {
        Some(codec) if codec.starts_with("mp3") => "mp3",
        Some(codec) if codec.starts_with("pcm") || codec.starts_with("wav") || codec.contains("law") => "wav",
        _ => "mp3",
    }
}

/// A name in the folder that nothing has: `… (2).mp3` for the second call of that minute.
fn free_name(folder: &Path, name: &str, extension: &str) -> PathBuf {
    let mut place = folder.join(format!("{name}.{extension}"));
    let mut n = 2;
    while place.exists() {
        place = folder.join(format!("{name} ({n}).{extension}"));
        n += 1;
    }
    place
}
