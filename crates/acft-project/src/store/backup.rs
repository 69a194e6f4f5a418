//! Copies of the database, each one file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::DATABASE;
use crate::error::Error;

/// Copies the database beside itself, under a name that was free; on disk when
/// this returns.
pub(super) fn keep(connection: &Connection, root: &Path, version: i32) -> Result<PathBuf, Error> {
    let target = free_name(root, version);
    let draft = root.join(format!("{DATABASE}.bak.new"));
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Storage(format!(
            "cannot copy the database to {} before it is migrated: {error}",
            target.display()
        ))
    };
    if draft.exists() {
        fs::remove_file(&draft).map_err(|error| cannot(&error))?;
    }
    copy(connection, &draft).map_err(|error| cannot(&error))?;
    File::open(&draft)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&draft, &target))
        .and_then(|()| sync_folder(root))
        .map_err(|error| cannot(&error))?;
    Ok(target)
}

/// Copies a database as it is at one moment, also while it is written to; on
/// disk when this returns.
pub(super) fn copy_now(connection: &Connection, to: &Path) -> Result<(), Error> {
    copy(connection, to)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            File::open(to)
                .and_then(|file| file.sync_all())
                .map_err(|error| error.to_string())
        })
        .map_err(|error| {
            Error::Storage(format!(
                "cannot copy the database to {}: {error}",
                to.display()
            ))
        })
}

/// Copies the database out of the hands of whoever removed it; the name of the
/// copy in the folder.
pub(super) fn rescue(connection: &Connection, root: &Path) -> Option<String> {
    let name = (1..=99)
        .map(|count| format!("{DATABASE}.rescued-{count}"))
        .find(|name| !root.join(name).exists())?;
    match copy_now(connection, &root.join(&name)) {
        Ok(()) => Some(name),
        Err(_) => {
            let _ = fs::remove_file(root.join(&name));
            None
        }
    }
}

fn copy(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    // All pages in one step: what is written meanwhile does not begin it anew.
    Backup::new(connection, &mut copy)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
    // One file, to be copied around by hand: without a WAL beside it.
    copy.pragma_update(None, "journal_mode", "delete")?;
    copy.close().map_err(|(_, error)| error)
}

/// An earlier copy is never overwritten: it may be the only whole one.
fn free_name(root: &Path, version: i32) -> PathBuf {
    let mut name = root.join(format!("{DATABASE}.before-v{version}.bak"));
    let mut count = 1;
    while name.exists() {
        count += 1;
        name = root.join(format!("{DATABASE}.before-v{version}.{count}.bak"));
    }
    name
}

/// A file that was made or renamed is there after a crash once its folder was
/// synced. Only Unix can open a folder.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
