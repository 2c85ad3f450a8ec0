//! Where a recording's file lies: a name that only this profile can make, two folders deep.

use std::io;
use std::path::{Path, PathBuf};

use aftercall_domain::ids::RecordingId;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::secrets::private_folder;

pub(super) const WHOLE: &str = "rec";
pub(super) const PART: &str = "part";
const NAME_DIGITS: usize = 32;

pub(super) struct Layout {
    root: PathBuf,
    name_mac: hmac::Key,
}

impl Layout {
    pub(super) fn new(root: PathBuf, name_mac: &Zeroizing<[u8; 32]>) -> Self {
        Self { root, name_mac: hmac::Key::new(hmac::HMAC_SHA256, name_mac.as_slice()) }
    }

    pub(super) fn root(&self) -> &PathBuf {
        &self.root
    }

    /// `ab/cd/abcd….rec`. The id never touches the path.
    pub(super) fn file(&self, id: &RecordingId) -> PathBuf {
        let mut name = hex::encode(hmac::sign(&self.name_mac, id.as_str().as_bytes()).as_ref());
        name.truncate(NAME_DIGITS);
        self.root.join(&name[..2]).join(&name[2..4]).join(format!("{name}.{WHOLE}"))
    }

    /// The two folders above a file, each shut to others.
    ///
    /// # Errors
    /// The file system's; a link that was planted in the place of one.
    pub(super) fn make_folders(&self, file: &Path) -> io::Result<()> {
        for folder in Self::folders(file) {
            refuse_link(folder)?;
            private_folder(folder)?;
        }
        Ok(())
    }

    /// Refuses a file that is reached through a link.
    pub(super) fn refuse_links(&self, file: &Path) -> io::Result<()> {
        Self::folders(file).try_for_each(refuse_link)
    }

    fn folders(file: &Path) -> impl Iterator<Item = &Path> {
        file.ancestors().skip(1).take(2).collect::<Vec<_>>().into_iter().rev()
    }
}

/// The file while it is being written: in the final folder, so that the rename stays within one file system.
pub(super) fn part_of(file: &Path) -> PathBuf {
    file.with_extension(PART)
}

fn refuse_link(folder: &Path) -> io::Result<()> {
    match folder.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::new(io::ErrorKind::NotADirectory, "a link")),
        _ => Ok(()),
    }
}
