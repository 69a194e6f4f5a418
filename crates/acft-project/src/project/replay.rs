//! The state that a database gives.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::event::{Event, EventId};
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::store::{Record, Store};

/// What is asked of a database that is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// That it is as it was written: nothing is built on a damaged one.
    Intact,
    /// Nothing: what makes sense of a damaged one is read out, the rest named.
    Readable,
}

/// What is asked of a database, by whether it will be written to.
pub(super) fn trust(lock: &Option<Lock>) -> Trust {
    match lock {
        Some(_) => Trust::Intact,
        None => Trust::Readable,
    }
}

/// What a replay gives.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) ledger: Ledger,
    /// What is not as it was written, an event a line; empty but with [`Trust::Readable`].
    pub(super) damage: Vec<String>,
}

/// Replays a database.
///
/// # Errors
/// It is not what was asked of it, or has nothing that can be read.
pub(super) fn replay(store: &Store, overlap: usize, trust: Trust) -> Result<Replayed, Error> {
    match trust {
        Trust::Intact => intact(store, overlap),
        Trust::Readable => readable(store, overlap),
    }
}

fn intact(store: &Store, overlap: usize) -> Result<Replayed, Error> {
    let mut ledger = Ledger::new(overlap);
    let stopped = store.replay(|record| match follow(&mut ledger, &record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    })?;
    match stopped {
        Some(error) => Err(error),
        None if ledger.last() == EventId(0) => Err(Error::Damaged("it has no events".to_owned())),
        None => Ok(Replayed {
            ledger,
            damage: Vec::new(),
        }),
    }
}

fn follow(ledger: &mut Ledger, record: &Record) -> Result<(), Error> {
    if !record.intact {
        return Err(Error::Damaged(format!(
            "event {} or its candidates are not as they were written",
            record.id.0
        )));
    }
    ledger
        .apply(record.id, record.at, &record.event()?, &record.candidates)
        .map_err(|error| Error::Damaged(format!("event {}: {error}", record.id.0)))
}

fn readable(store: &Store, overlap: usize) -> Result<Replayed, Error> {
    let mut ledger = Ledger::new(overlap);
    let mut damage = Vec::new();
    let mut seen = EventId(0);
    let replayed = store.replay(|record| {
        seen = record.id;
        salvage(&mut ledger, &mut damage, &record)
    });
    match replayed {
        Err(error) if ledger.last() == EventId(0) => return Err(error),
        Err(error) => damage.push(format!("all after event {}: {error}", seen.0)),
        Ok(Some(Lost)) => damage.push(format!("all after event {}", seen.0)),
        Ok(None) => {}
    }
    if ledger.last() == EventId(0) {
        return Err(Error::Damaged("it has no events".to_owned()));
    }
    Ok(Replayed { ledger, damage })
}

/// Which candidate is meant by a number can no longer be told.
struct Lost;

/// Applies what can be read of an event, and says what is wrong with it. Candidates are
/// numbered by their order, so that a label must never be read behind
/// candidates that are missing: it would be another's.
fn salvage(ledger: &mut Ledger, damage: &mut Vec<String>, record: &Record) -> ControlFlow<Lost> {
    let rows = record.candidates.len();
    let misplaced = record
        .first
        .is_some_and(|first| first != ledger.candidates().len() as i64);
    if misplaced {
        damage.push(format!(
            "event {}: candidates before it are missing",
            record.id.0
        ));
        return ControlFlow::Break(Lost);
    }
    if !record.intact {
        damage.push(format!(
            "event {}: it is not as it was written",
            record.id.0
        ));
    }
    let event = match (record.event(), record.candidates.first()) {
        (Ok(event), _) => event,
        // Its rows say all that the event did.
        (Err(_), Some(row)) => Event::CandidatesAdded {
            origin: row.origin,
            count: rows,
        },
        (Err(error), None) if ledger.last() == EventId(0) => {
            damage.push(format!("event {}: {error}", record.id.0));
            // A project begins with this; the labels do not depend on what it said.
            Event::Created {
                seed: 0,
                version: String::new(),
            }
        }
        (Err(error), None) => {
            damage.push(error.to_string());
            return ControlFlow::Continue(());
        }
    };
    match ledger.apply(record.id, record.at, &event, &record.candidates) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            damage.push(format!("event {}: {error}", record.id.0));
            match event {
                Event::CandidatesAdded { .. } => ControlFlow::Break(Lost),
                _ => ControlFlow::Continue(()),
            }
        }
    }
}
