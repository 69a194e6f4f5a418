//! A new database, which appears whole or not at all.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use super::backup::sync_folder;
use super::migrate::{self, MIGRATIONS};
use super::{APPLICATION, DATABASE, HEAD, Mark, Store, body_of, storage};
use crate::error::Error;
use crate::event::{Event, EventId, Moment};
use crate::ledger::Ledger;

/// Makes the database of a project with its first events. It gets its name
/// last: a kill before that leaves a folder without a project.
pub(crate) fn create(root: &Path, at: Moment, events: &[Event]) -> Result<(), Error> {
    let path = root.join(DATABASE);
    let draft = root.join(format!("{DATABASE}.new"));
    if path.exists() {
        return Err(Error::Exists(root.to_owned()));
    }
    let cannot =
        |error: std::io::Error| Error::Storage(format!("cannot make {}: {error}", path.display()));
    for of_another in ["acft.db-wal", "acft.db-shm", "acft.db-journal", HEAD] {
        let of_another = root.join(of_another);
        if of_another.exists() {
            return Err(Error::Storage(format!(
                "cannot make {}: {} of an earlier database is there, and would be read as its \
                 own; move it away",
                path.display(),
                of_another.display()
            )));
        }
    }
    for leftover in ["", "-journal", "-wal", "-shm"] {
        let leftover = root.join(format!("{DATABASE}.new{leftover}"));
        if leftover.exists() {
            fs::remove_file(&leftover).map_err(cannot)?;
        }
    }
    fill(&draft, at, events)?;
    File::open(&draft)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&draft, &path))
        .and_then(|()| sync_folder(root))
        .map_err(cannot)
}

fn fill(draft: &Path, at: Moment, events: &[Event]) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| storage("cannot make", draft, &error);
    let connection = Connection::open(draft).map_err(failed)?;
    connection
        .pragma_update(None, "application_id", APPLICATION)
        .and_then(|()| migrate::apply(&connection, 0, MIGRATIONS))
        .map_err(failed)?;
    let store = Store::of(Mark::Absent, connection, draft);
    let mut ledger = Ledger::new(1);
    store.begin()?;
    for event in events {
        let id = EventId(ledger.last().0 + 1);
        ledger.apply(id, at, event, &[])?;
        store.append(id, at, &body_of(event)?, &[], 0)?;
    }
    store.commit()?;
    store.connection.close().map_err(|(_, error)| failed(error))
}
