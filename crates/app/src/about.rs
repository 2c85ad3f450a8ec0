//! What this is, and where it keeps what it keeps.

use serde::Serialize;
use ts_rs::TS;

use crate::errors::AppError;
use crate::start::App;

/// What the screen About shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct AboutView {
    /// Version of the app.
    pub version: String,
    /// The folder of everything that is kept here.
    pub folder: String,
    /// What the library takes.
    #[ts(type = "number")]
    pub library_bytes: u64,
    /// What the sealed recordings take.
    #[ts(type = "number")]
    pub recordings_bytes: u64,
}

impl App {
    pub(crate) async fn about(&self) -> Result<AboutView, AppError> {
        let folder = self.0.folder.path();
        let length = |name: &str| std::fs::metadata(folder.join(name)).map(|facts| facts.len()).unwrap_or(0);
        Ok(AboutView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            folder: folder.display().to_string(),
            library_bytes: length("library.db") + length("library.db-wal"),
            recordings_bytes: self.storage_view().await?.used_bytes,
        })
    }
}
