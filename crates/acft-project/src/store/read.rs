//! What was written, in order.

use std::ops::ControlFlow;

use rusqlite::params;

use super::Store;
use super::rows::{self, COLUMNS, NUMBER, START, chain};
use crate::error::Error;
use crate::event::{Event, EventId, Moment};
use crate::ledger::Candidate;

/// An event as it was kept.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its place.
    pub(crate) id: EventId,
    /// When it happened.
    pub(crate) at: Moment,
    /// What happened, as it was written.
    pub(crate) body: String,
    /// The candidates that belong to it.
    pub(crate) candidates: Vec<Candidate>,
    /// The numbers of the first and the last of them.
    pub(crate) numbers: Option<(i64, i64)>,
    /// Whether its hash follows from the one before it and what it says.
    pub(crate) intact: bool,
}

impl Record {
    /// What happened.
    ///
    /// # Errors
    /// It is damaged, or, where it is as it was written, of a newer program.
    pub(crate) fn event(&self) -> Result<Event, Error> {
        serde_json::from_str(&self.body).map_err(|error| {
            let text = format!("event {} cannot be read: {error}", self.id.0);
            match self.intact {
                true => Error::Unfamiliar(text),
                false => Error::Damaged(text),
            }
        })
    }
}

impl Store {
    /// Shows every event with its rows, oldest first, as of one moment.
    pub(crate) fn replay<B>(
        &self,
        mut visit: impl FnMut(Record) -> ControlFlow<B>,
    ) -> Result<Option<B>, Error> {
        self.attempt("cannot read", |connection| {
            // One statement sees one state of the database; the other joins it
            // only while the first is open, so both see the same.
            let mut events =
                connection.prepare_cached("SELECT id, at, body, hash FROM events ORDER BY id")?;
            let mut candidates = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM candidates WHERE event = ? ORDER BY id"
            ))?;
            let mut before = START;
            let mut rows = events.query([])?;
            while let Some(row) = rows.next()? {
                let (id, at) = (EventId(row.get(0)?), Moment(row.get(1)?));
                let body = rows::text(row, 2)?;
                let hash: [u8; 32] = row.get(3)?;
                let mut numbers = None;
                let candidates = candidates
                    .query_map(params![id.0], |row| {
                        let number = row.get(NUMBER)?;
                        let (first, _) = numbers.unwrap_or((number, number));
                        numbers = Some((first, number));
                        rows::candidate(row)
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                let intact = chain(&before, id, at, &body, &candidates) == hash;
                before = hash;
                let record = Record {
                    id,
                    at,
                    body,
                    candidates,
                    numbers,
                    intact,
                };
                if let ControlFlow::Break(result) = visit(record) {
                    return Ok(Some(result));
                }
            }
            Ok(None)
        })
    }
}

impl Store {
    /// What SQLite finds wrong with the file.
    pub(crate) fn integrity(&self) -> Result<Vec<String>, Error> {
        let lines = self.attempt("cannot check", |connection| {
            connection
                .prepare("PRAGMA integrity_check(20)")?
                .query_map([], |row| row.get::<_, String>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// How many rows of candidates there are.
    pub(crate) fn candidate_count(&self) -> Result<usize, Error> {
        let count: i64 = self.attempt("cannot read", |connection| {
            connection.query_row("SELECT count(*) FROM candidates", [], |row| row.get(0))
        })?;
        Ok(usize::try_from(count).unwrap_or_default())
    }
}
