//! A copy of the database before it is migrated.

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

fn copy(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    Backup::new(connection, &mut copy)?.run_to_completion(1000, Duration::ZERO, None)?;
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
