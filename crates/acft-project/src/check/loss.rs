//! Going on with a database whose end is gone.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{check_database, check_end};
use crate::error::Error;
use crate::lock::Lock;
use crate::store::{self, HEAD, Store};

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What is gone, as a sentence.
    pub lost: String,
    /// The folder with the files as they were.
    pub kept: PathBuf,
}

/// Accepts that events at the end of a database are gone: it is written to
/// again from where it ends now. The files as they are go into a folder beside
/// it first. None where nothing is gone.
///
/// # Errors
/// Another process has the project, more is wrong with it than its end, or the
/// disk does not take it.
pub fn accept_loss(root: &Path) -> Result<Option<Accepted>, Error> {
    store::require(root)?;
    let _lock = Lock::take(root, "acft check --accept-loss")?;
    let Some(gone) = check_end(&Store::read(root)?) else {
        return Ok(None);
    };
    let others = check_database(root)?;
    if let Some(other) = others.iter().find(|other| other.about != HEAD) {
        return Err(Error::Damaged(format!(
            "more than its end ({}: {}), and that is not accepted",
            other.about, other.wrong
        )));
    }
    let kept = keep(root)?;
    let head = Store::read(root)?.head()?;
    store::make_head(root, head)?;
    Ok(Some(Accepted {
        lost: gone.wrong,
        kept,
    }))
}

/// Copies the files of the database into a folder of their own. No connection
/// is open: closing a file takes SQLite's locks on it from this process.
fn keep(root: &Path) -> Result<PathBuf, Error> {
    let folder = (1..)
        .map(|count| root.join(format!("damaged-{count}")))
        .find(|folder| !folder.exists())
        .unwrap_or_else(|| root.join("damaged"));
    let copy = || -> io::Result<()> {
        fs::create_dir(&folder)?;
        for name in ["acft.db", "acft.db-wal", HEAD] {
            let from = root.join(name);
            if from.exists() {
                fs::copy(&from, folder.join(name))?;
                fs::File::open(folder.join(name))?.sync_all()?;
            }
        }
        Ok(())
    };
    copy().map_err(|error| {
        Error::Storage(format!(
            "cannot copy the files to {}: {error}",
            folder.display()
        ))
    })?;
    Ok(folder)
}
