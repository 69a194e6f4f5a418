//! The versions of the database, and the way from each to the next.
//!
//! A migration is never changed once it was released. Before one runs, the
//! database is copied; all that are due run in one transaction.

use std::path::Path;

use rusqlite::Connection;

use super::{backup, storage};
use crate::error::Error;

/// What makes a version of the one before it.
pub(super) struct Migration {
    /// The version that it makes.
    pub(super) version: i32,
    /// How.
    pub(super) sql: &'static str,
}

/// All migrations, in order.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sql: include_str!("schema/1.sql"),
}];

pub(super) fn newest(migrations: &[Migration]) -> i32 {
    migrations.last().map_or(0, |migration| migration.version)
}

/// The version of a database.
pub(super) fn version(connection: &Connection) -> Result<i32, Error> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| Error::Storage(format!("cannot read the database: {error}")))
}

/// Refuses a database from the future.
pub(super) fn require_known(
    path: &Path,
    found: i32,
    migrations: &[Migration],
) -> Result<(), Error> {
    let known = newest(migrations);
    if found > known {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Brings a database from version `from` to the newest, after copying it.
pub(super) fn migrate(
    connection: &Connection,
    root: &Path,
    from: i32,
    migrations: &[Migration],
) -> Result<(), Error> {
    let copy = backup::keep(connection, root, newest(migrations))?;
    apply(connection, from, migrations).map_err(|error| {
        match storage("cannot migrate", root, &error) {
            Error::Storage(text) => {
                Error::Storage(format!("{text} (a copy is in {})", copy.display()))
            }
            other => other,
        }
    })
}

/// Runs what leads from version `from` to the newest, all or nothing.
pub(super) fn apply(
    connection: &Connection,
    from: i32,
    migrations: &[Migration],
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for migration in migrations.iter().filter(|one| one.version > from) {
        transaction.execute_batch(migration.sql)?;
    }
    transaction.pragma_update(None, "user_version", newest(migrations))?;
    transaction.commit()
}
