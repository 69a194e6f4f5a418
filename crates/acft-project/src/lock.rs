//! One process writes to a project; a second one is told who does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::Error;

/// The name of the file whose lock means "mine".
pub(crate) const LOCK: &str = "acft.lock";

/// A lock that is held. The system lets go of it when the process ends, however
/// it ends; the file stays, and says nothing without its lock.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock and writes down what for.
    ///
    /// # Errors
    /// Another process has it, or the file cannot be written.
    pub(crate) fn take(root: &Path, purpose: &str) -> Result<Self, Error> {
        let path = root.join(LOCK);
        let cannot = |what: &str, error: std::io::Error| {
            Error::Storage(format!("cannot {what} {}: {error}", path.display()))
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| cannot("open", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    root: root.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(cannot("lock", error)),
        }
        let text = format!("{purpose} (process {})", std::process::id());
        // Only now: what the holder wrote is not touched by who does not get it.
        file.set_len(0)
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| cannot("write", error))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Closing the file would do, were it not for a child process that is
    /// being started at this moment: it has the file too until it runs.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Who has the lock, in their own words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(1000).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}
