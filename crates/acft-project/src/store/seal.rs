//! What makes a commit count: the database is still the one that was opened,
//! and `acft.head` says how far it goes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::head::{Head, HeadFile};
use super::watch::{Change, Since, Watch};
use super::{Store, backup, rows};
use crate::error::Error;

/// How long the log grows, in bytes, before it is brought into the database.
const LONGEST_LOG: u64 = 4 << 20;

/// The seal of a database that is open for writing.
#[derive(Debug)]
pub(super) struct Seal {
    root: PathBuf,
    watch: Watch,
    head: HeadFile,
    /// The end of the chain that was committed, where the disk did not take it
    /// into the file of the head: nothing more is written before it does.
    behind: Option<Head>,
    /// Why nothing is written any more, where that is so.
    taken_away: Option<Error>,
    /// The log is brought into the database when it is longer than this.
    tidy_at: u64,
}

impl Seal {
    /// Seals a database as it is now.
    pub(super) fn begin(root: &Path, connection: &Connection) -> Result<Self, Error> {
        let head = last(connection)
            .map_err(|error| Error::Storage(format!("cannot read {}: {error}", root.display())))?;
        let head = HeadFile::open(root, head)?;
        Ok(Self {
            root: root.to_owned(),
            // After the file of the head was made, which it watches too.
            watch: Watch::begin(root),
            head,
            behind: None,
            taken_away: None,
            tidy_at: LONGEST_LOG,
        })
    }

    /// Before a transaction: the files are as the last one left them.
    pub(super) fn require_in_place(&mut self, connection: &Connection) -> Result<(), Error> {
        if let Some(error) = &self.taken_away {
            return Err(error.clone());
        }
        match self.watch.look(Since::LastTransaction) {
            Change::None => {}
            Change::Replaced(name) => return Err(self.give_up(connection, &replaced(name))),
            // It may have got another name or other rights only.
            Change::Written(_) if holds(&self.root, self.end()) => self.watch.renew_all(),
            Change::Written(name) => return Err(self.give_up(connection, &written(name))),
        }
        self.catch_up()
    }

    #[cfg(test)]
    pub(super) fn set_head_writable(&mut self, writable: bool) {
        self.head.set_writable(&self.root, writable);
    }

    /// The end of the chain as this program committed it.
    fn end(&self) -> Head {
        self.behind.unwrap_or(self.head.written())
    }

    /// Writes the head that could not be written before.
    fn catch_up(&mut self) -> Result<(), Error> {
        if let Some(head) = self.behind {
            self.head.write(head).map_err(|error| {
                Error::Storage(format!(
                    "cannot write {}: {error}",
                    self.root.join(super::HEAD).display()
                ))
            })?;
            self.behind = None;
        }
        Ok(())
    }

    /// After a commit, before anyone is told of it.
    pub(super) fn close(&mut self, connection: &Connection) -> Result<(), Error> {
        match self.watch.look(Since::OwnCommit) {
            Change::None => {}
            Change::Replaced(name) => return Err(self.give_up(connection, &replaced(name))),
            Change::Written(name) => {
                let head = last(connection).unwrap_or(self.end());
                if !holds(&self.root, head) {
                    return Err(self.give_up(connection, &written(name)));
                }
                self.watch.renew_all();
            }
        }
        self.watch.renew_log();
        // What was committed is on disk, whatever becomes of the head: those
        // who wait for it are told so, and nothing more is taken until then.
        let head = last(connection).map_err(|error| {
            Error::Storage(format!("cannot read {}: {error}", self.root.display()))
        })?;
        if self.head.write(head).is_err() {
            self.behind = Some(head);
        }
        if self.watch.log_length() > self.tidy_at {
            self.tidy(connection);
        }
        Ok(())
    }

    /// After a transaction that was dropped: it may have left its pages in the log.
    pub(super) fn dropped(&mut self) {
        self.watch.renew_log();
    }

    /// Brings the log into the database. SQLite would do so within a commit,
    /// where it could not be told from what another program writes.
    fn tidy(&mut self, connection: &Connection) {
        // Whoever reads just now is not waited for.
        let wait = |time| connection.busy_timeout(time);
        let done = wait(Duration::ZERO).and_then(|()| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0)
            })
        });
        let _ = wait(super::PATIENCE);
        self.watch.renew_all();
        self.tidy_at = match done {
            Ok(false) => LONGEST_LOG,
            _ => self.watch.log_length() + LONGEST_LOG,
        };
    }

    /// Nothing is written from now on. Where the database itself was taken away
    /// and can still be read, a copy of it is put beside its place.
    fn give_up(&mut self, connection: &Connection, what: &str) -> Error {
        let advice = match self.is_database_in_place() {
            true => {
                "all that was accepted is kept; stop this program and start it again".to_owned()
            }
            false => {
                // What is at its place now is not to be written to, nor its log removed.
                let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
                self.save(connection)
            }
        };
        let error = Error::TakenAway(format!(
            "{what} in {} while this program had the project: nothing is accepted any more; {advice}",
            self.root.display()
        ));
        self.taken_away = Some(error.clone());
        error
    }

    /// Whether only files beside the database were touched.
    fn is_database_in_place(&self) -> bool {
        !self.watch.is_touched() && holds(&self.root, self.end())
    }

    fn save(&self, connection: &Connection) -> String {
        match self.rescue(connection) {
            Some(name) => format!(
                "all that was accepted is in {name}: stop this program, move acft.db, acft.db-wal, \
                 acft.db-shm and acft.head away, and give {name} the name acft.db"
            ),
            None => "stop this program, and see with `acft check` what is there".to_owned(),
        }
    }

    fn rescue(&self, connection: &Connection) -> Option<String> {
        let name = backup::rescue(connection, &self.root)?;
        let path = self.root.join(&name);
        let whole = Store::read_file(&path).and_then(|copy| {
            copy.require_sound()?;
            // An event may have been committed of which nobody was told.
            copy.require_chain(copy.head()?)?;
            copy.require_event(self.end())
        });
        match whole {
            Ok(()) => Some(name),
            Err(_) => {
                let _ = std::fs::remove_file(path);
                None
            }
        }
    }
}

/// The end of the chain as the database has it.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<Head> {
    let found = connection
        .prepare_cached("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Head {
                last: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or(Head {
        last: 0,
        hash: rows::START,
    }))
}

/// Whether the files as they are now give the events that were acknowledged,
/// and no others.
fn holds(root: &Path, head: Head) -> bool {
    let found = Store::read(root).and_then(|store| {
        store.require_sound()?;
        store.require_chain(head)
    });
    found.is_ok()
}

fn replaced(name: &str) -> String {
    format!("{name} was removed or replaced")
}

fn written(name: &str) -> String {
    format!("another program wrote into {name}")
}
