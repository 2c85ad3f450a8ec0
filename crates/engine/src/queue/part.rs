//! The file that a run fills: begun, or gone on with where the source provably still has it.

use std::sync::Arc;

use aftercall_domain::error::Code;
use aftercall_domain::ids::RecordingId;
use aftercall_media::wiped::Wiped;

use super::arriving::Arriving;
use super::inside::Inside;
use super::intake::Hold;
use crate::store::table::recording_parts::PartRow;
use crate::store::table::recordings::StoredFile;
use crate::upstream::{SameFile, Validator};
use crate::vault::VaultError;

/// What is here of the recording, and what proves that the rest is of the same file.
pub(super) struct Part {
    pub arriving: Arriving,
    pub validator: Option<Validator>,
    /// Read back from the disk, to be compared with what the source has there now.
    pub proof: Option<(u64, Wiped)>,
    /// Its keys are in a row.
    pub is_kept: bool,
}

impl Part {
    /// Goes on with it. None where its bytes are not what they were; whoever listened to them is told that it is over.
    pub(super) async fn take_up(inside: &Arc<Inside>, id: &RecordingId, row: PartRow, hold: &Hold) -> Option<Self> {
        let same_file = inside.parts.source.same_file(id);
        match Self::resume(inside, id, row, same_file, hold).await {
            Ok(part) => Some(part),
            Err(code) => {
                tracing::debug!(code = code.as_str(), "nothing to go on with");
                inside.give_up(id);
                None
            }
        }
    }

    /// Begins a file of so many bytes.
    pub(super) async fn begin(
        inside: &Arc<Inside>,
        id: &RecordingId,
        total_bytes: u64,
        hold: &Hold,
    ) -> Result<Self, Code> {
        let (vault, of, hold) = (Arc::clone(&inside.parts.vault), id.clone(), Arc::clone(hold));
        let begun = blocking(move || {
            let _hold = hold;
            vault.begin(&of, total_bytes)
        });
        let arriving = inside.arrives(id, begun.await?);
        Ok(Self { arriving, validator: None, proof: None, is_kept: false })
    }

    async fn resume(
        inside: &Arc<Inside>,
        id: &RecordingId,
        row: PartRow,
        same_file: SameFile,
        hold: &Hold,
    ) -> Result<Self, Code> {
        let (vault, of, hold) = (Arc::clone(&inside.parts.vault), id.clone(), Arc::clone(hold));
        let (listened_to, file) = (inside.arriving(id), row.file);
        let resumed = blocking(move || {
            let _hold = hold;
            let listened_to = listened_to.filter(|one| one.intake().keys() == &file && !one.is_over());
            let (intake, listened_to) = match listened_to {
                Some(one) => (None, Some(one)),
                None => (Some(vault.resume(&of, file)?), None),
            };
            let sealed = match (&intake, &listened_to) {
                (Some(intake), _) => intake.sealed(),
                (None, Some(one)) => one.intake().sealed(),
                (None, None) => return Err(VaultError::Missing),
            };
            // A file that is whole was fetched as one: it needs no proof, and there is nothing to be asked for.
            let proof = match sealed.furthest().filter(|_| same_file == SameFile::ByBytes && !sealed.is_whole()) {
                Some(index) => sealed.chunk(index)?.map(|chunk| (index, Wiped::new(chunk.bytes().to_vec()))),
                None => None,
            };
            Ok((intake, listened_to, proof))
        });
        let (intake, listened_to, proof) = resumed.await?;
        let arriving = match (intake, listened_to) {
            (Some(intake), _) => inside.arrives(id, intake),
            (None, Some(one)) => one,
            (None, None) => return Err(Code::Internal),
        };
        Ok(Self { arriving, validator: row.validator.map(Validator::new), proof, is_kept: true })
    }

    /// Writes the keys into a row, so that a later run can go on.
    pub(super) async fn keep(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        self.is_kept = true;
        let validator = self.validator.as_ref().map(|validator| validator.as_str().to_owned());
        let row = PartRow { file: self.arriving.intake().keys().clone(), validator };
        inside.keep_part(id, row).await;
    }

    /// What is here is kept for the next run, unless nothing could prove then that the source still has that file.
    pub(super) async fn keep_or_drop(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        let provable = inside.parts.source.same_file(id) == SameFile::ByBytes || self.validator.is_some();
        if !provable || self.arriving.stretches().is_empty() {
            self.drop_it(inside, id).await;
        } else if !self.is_kept {
            self.keep(inside, id).await;
        }
    }

    /// Makes the whole file durable under its name.
    pub(super) async fn finish(&self, hold: &Hold) -> Result<StoredFile, Code> {
        let (arriving, hold) = (self.arriving.clone(), Arc::clone(hold));
        blocking(move || {
            let _hold = hold;
            arriving.intake().finish()
        })
        .await
    }

    /// The file is of no use. Its key goes first: it cannot be read any more, whatever becomes of its bytes.
    pub(super) async fn drop_it(&mut self, inside: &Arc<Inside>, id: &RecordingId) {
        inside.give_up(id);
        inside.forget_part(id).await;
        let (vault, of) = (Arc::clone(&inside.parts.vault), id.clone());
        if let Err(code) = blocking(move || vault.remove_unfinished(&of)).await {
            tracing::debug!(code = code.as_str(), "an unfinished file was not removed");
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, VaultError> + Send + 'static) -> Result<T, Code> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.code()),
        Err(_) => Err(Code::Internal),
    }
}
