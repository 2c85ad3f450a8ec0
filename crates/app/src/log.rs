//! The log: a file in the profile. It never holds a name, a number, an address or a key, because no call of
//! `tracing` in this program is given one; request lines of libraries are left out altogether.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::profile::private;

const LOG_FILE: &str = "aftercall.log";
const FORMER_LOG_FILE: &str = "aftercall.old.log";
/// A log that would grow beyond this is moved aside, and the one that was moved before is dropped: however long the app
/// runs and whatever befalls it, its logs take twice this.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// Ours only: HTTP libraries write whole addresses at debug level.
const FILTER: &str = "off,aftercall_app=info,aftercall_engine=info,aftercall_player=info,aftercall=info";

/// Starts writing to the profile's log. The first profile of a process wins; a log that cannot be opened is no
/// reason not to start.
pub fn start(folder: &Path) {
    let Ok(log) = Log::open(folder, LOG_BYTES_MAX) else { return };
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_span_events(FmtSpan::NONE)
        .with_writer(Mutex::new(log))
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The message of a panic may quote a value: only the place is written.
            let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
            tracing::error!(place, "a panic");
            if cfg!(debug_assertions) {
                usual(panic);
            }
        }));
    }
}

/// The file that is written, and how long it is.
struct Log {
    folder: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
}

impl Log {
    fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = private(OpenOptions::new().create(true).append(true)).open(folder.join(LOG_FILE))?;
        Ok(Self { folder: folder.to_owned(), bytes: file.metadata()?.len(), file, bytes_max })
    }

    /// Begins a new file. Where the old one cannot be moved aside it is emptied: a disk that is full of it helps nobody.
    fn begin_anew(&mut self) -> io::Result<()> {
        if fs::rename(self.folder.join(LOG_FILE), self.folder.join(FORMER_LOG_FILE)).is_err() {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        *self = Self::open(&self.folder, self.bytes_max)?;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes.saturating_add(line.len() as u64) > self.bytes_max {
            self.begin_anew()?;
        }
        // A line is never longer than a log; what would be is cut.
        let fits = usize::try_from(self.bytes_max - self.bytes.min(self.bytes_max)).unwrap_or(usize::MAX);
        let written = self.file.write(&line[..line.len().min(fits)])?;
        self.bytes += written as u64;
        Ok(if written == fits { line.len() } else { written })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_never_takes_more_than_twice_its_limit_and_its_last_lines_are_kept() {
        const MAX: u64 = 1000;
        let folder = tempfile::tempdir().unwrap();
        let length = |name: &str| fs::metadata(folder.path().join(name)).map_or(0, |about| about.len());
        let mut log = Log::open(folder.path(), MAX).unwrap();
        for n in 0..500 {
            log.write_all(format!("line {n:04}\n").as_bytes()).unwrap();
            assert!(length(LOG_FILE) <= MAX && length(FORMER_LOG_FILE) <= MAX, "after line {n}");
        }
        drop(log);
        let all =
            [FORMER_LOG_FILE, LOG_FILE].map(|name| fs::read_to_string(folder.path().join(name)).unwrap()).concat();
        let kept: Vec<_> = all.lines().collect();
        assert!(kept.len() >= 100, "{}", kept.len());
        let newest: Vec<_> = (500 - kept.len()..500).map(|n| format!("line {n:04}")).collect();
        assert_eq!(kept, newest);

        // One that a former version let grow is moved aside as it is; a line that is longer than a log is cut.
        fs::write(folder.path().join(LOG_FILE), vec![b'x'; 5000]).unwrap();
        let mut log = Log::open(folder.path(), MAX).unwrap();
        log.write_all(&[b'y'; 3000]).unwrap();
        assert_eq!((length(LOG_FILE), length(FORMER_LOG_FILE)), (MAX, 5000));
        log.write_all(b"after it\n").unwrap();
        assert_eq!((length(LOG_FILE), length(FORMER_LOG_FILE)), (9, MAX));
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_cannot_be_moved_aside_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join(FORMER_LOG_FILE);
        fs::create_dir(&in_the_way).unwrap();
        fs::write(in_the_way.join("something"), b"").unwrap();
        let mut log = Log::open(folder.path(), 100).unwrap();
        for _ in 0..30 {
            log.write_all(b"ten bytes\n").unwrap();
        }
        assert_eq!(fs::metadata(folder.path().join(LOG_FILE)).unwrap().len(), 100);
    }
}
