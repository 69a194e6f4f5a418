//! Whether a database is whole: by what SQLite says, by the chain of hashes,
//! and by the head that was kept beside it.

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::{Head, Mark, Store, backup, seal};
use crate::error::Error;

/// What is gone of the events that somebody was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// All from this one to that one.
    Events(i64, i64),
    /// The database has another event in the place of this one.
    Another(i64),
    /// How far the events went cannot be told.
    Unknown(String),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Events(first, last) if first == last => write!(
                f,
                "event {last} was accepted and is gone: the end of acft.db is lost"
            ),
            Self::Events(first, last) => write!(
                f,
                "events {first} to {last} were accepted and are gone: the end of acft.db is lost"
            ),
            Self::Another(id) => write!(
                f,
                "event {id} is another than the one that was accepted: acft.db is not the one that \
                 was written last"
            ),
            Self::Unknown(why) => write!(f, "acft.head cannot be read: {why}"),
        }
    }
}

impl Store {
    /// What acft.head says of the end of the events.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Where the events end.
    pub(crate) fn head(&self) -> Result<Head, Error> {
        self.attempt("cannot read", seal::last)
    }

    /// What is gone of what was acknowledged before the database was opened.
    pub(crate) fn lost(&self) -> Result<Option<Lost>, Error> {
        let head = match &self.mark {
            Mark::Absent => return Ok(None),
            Mark::Unreadable(why) => return Ok(Some(Lost::Unknown(why.clone()))),
            Mark::At(head) => *head,
        };
        self.attempt("cannot read", |connection| {
            let last = seal::last(connection)?.last;
            if last < head.last {
                return Ok(Some(Lost::Events(last + 1, head.last)));
            }
            let is_it = has(connection, head)?;
            Ok((!is_it).then_some(Lost::Another(head.last)))
        })
    }

    /// # Errors
    /// It does not have the event of this number and hash.
    pub(crate) fn require_event(&self, head: Head) -> Result<(), Error> {
        match self.attempt("cannot read", |connection| has(connection, head))? {
            true => Ok(()),
            false => Err(Error::Damaged(format!(
                "it does not have event {}",
                head.last
            ))),
        }
    }

    /// # Errors
    /// SQLite finds the file damaged, or candidates are missing.
    pub(crate) fn require_sound(&self) -> Result<(), Error> {
        match self.integrity()?.first() {
            None => Ok(()),
            Some(wrong) => Err(Error::Damaged(wrong.clone())),
        }
    }

    /// # Errors
    /// Events that were acknowledged are gone.
    pub(crate) fn require_marked(&self) -> Result<(), Error> {
        match self.lost()? {
            None => Ok(()),
            Some(lost) => Err(Error::Damaged(lost.to_string())),
        }
    }

    /// # Errors
    /// The events are not those up to `head`, each as it was written.
    pub(crate) fn require_chain(&self, head: Head) -> Result<(), Error> {
        let broken = self.replay(|record| match record.intact {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(record.id),
        })?;
        let damaged = |text: String| Err(Error::Damaged(text));
        match broken {
            Some(id) => damaged(format!("event {} is not as it was written", id.0)),
            None if self.head()? != head => {
                damaged(format!("its events do not end with event {}", head.last))
            }
            None => Ok(()),
        }
    }

    /// Copies the database, as it is now, into a file that is not there yet.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), Error> {
        backup::copy_now(&self.connection, path)
    }
}

fn has(connection: &Connection, head: Head) -> rusqlite::Result<bool> {
    let hash: Option<[u8; 32]> = connection
        .query_row("SELECT hash FROM events WHERE id = ?", [head.last], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(hash == Some(head.hash) || head.last == 0)
}
