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
    /// What a newer program wrote, where there is such; none but with
    /// [`Trust::Readable`].
    pub(super) newer: Option<String>,
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
        None => {
            require_no_more(store, &ledger)?;
            Ok(Replayed {
                ledger,
                damage: Vec::new(),
                newer: None,
            })
        }
    }
}

/// Candidates that no event speaks of are refused as well.
fn require_no_more(store: &Store, ledger: &Ledger) -> Result<(), Error> {
    let (rows, known) = (store.candidate_count()?, ledger.candidates().len());
    if rows == known {
        return Ok(());
    }
    Err(Error::Damaged(format!(
        "it has {rows} candidates, and its events speak of {known}"
    )))
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
    let (mut damage, mut newer) = (Vec::new(), None);
    let mut seen = EventId(0);
    let replayed = store.replay(|record| {
        seen = record.id;
        salvage(&mut ledger, &mut damage, &mut newer, &record)
    });
    match replayed {
        Err(error) if ledger.last() == EventId(0) => return Err(error),
        Err(error) => damage.push(format!("all after event {}: {error}", seen.0)),
        Ok(Some(Lost)) => damage.push(format!("all after event {}", seen.0)),
        Ok(None) => {}
    }
    match store.lost() {
        Ok(None) => {}
        Ok(Some(lost)) => damage.push(lost.to_string()),
        Err(error) => damage.push(error.to_string()),
    }
    if ledger.last() == EventId(0) {
        return Err(Error::Damaged("it has no events".to_owned()));
    }
    Ok(Replayed {
        ledger,
        damage,
        newer,
    })
}

/// Which candidate is meant by a number can no longer be told.
struct Lost;

/// Applies what can be read of an event, and says what is wrong with it. Candidates are
/// numbered by their order, so that a label must never be read behind
/// candidates that are missing: it would be another's.
fn salvage(
    ledger: &mut Ledger,
    damage: &mut Vec<String>,
    newer: &mut Option<String>,
    record: &Record,
) -> ControlFlow<Lost> {
    let said = |what: &str| format!("event {}: {what}", record.id.0);
    let rows = record.candidates.len();
    if let Some((first, last)) = record.numbers {
        let next = ledger.candidates().len();
        if first != next as i64 || last - first + 1 != rows as i64 {
            damage.push(said("candidates are missing"));
            return ControlFlow::Break(Lost);
        }
    }
    if !record.intact {
        damage.push(said("it is not as it was written"));
    }
    let event = record.event().inspect_err(|error| match error {
        Error::Unfamiliar(text) => {
            newer.get_or_insert(text.clone());
        }
        Error::Damaged(text) => damage.push(text.clone()),
        other => damage.push(other.to_string()),
    });
    let event = match (event, record.candidates.first()) {
        (Ok(event), _) => event,
        // Its rows say all that the event did.
        (Err(_), Some(row)) => Event::CandidatesAdded {
            origin: row.origin,
            count: rows,
            stamps: Vec::new(),
        },
        (Err(_), None) => return ControlFlow::Continue(()),
    };
    stand_in(ledger, record, &event);
    match ledger.apply(record.id, record.at, &event, &record.candidates) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            damage.push(said(&error.to_string()));
            match event {
                Event::CandidatesAdded { .. } => ControlFlow::Break(Lost),
                _ => ControlFlow::Continue(()),
            }
        }
    }
}

/// What labels rest on, and can be made up: the first event of a project, and
/// the names of classes.
fn stand_in(ledger: &mut Ledger, record: &Record, event: &Event) {
    if ledger.last() == EventId(0) && !matches!(event, Event::Created { .. }) {
        let created = Event::Created {
            seed: 0,
            version: String::new(),
        };
        // Its number was there, for this is not the first.
        let _ = ledger.apply(EventId(record.id.0 - 1), record.at, &created, &[]);
    }
    match event {
        // It may say anything.
        _ if !record.intact => {}
        Event::ClassAdded { class, .. } => ledger.have_classes(class.0),
        Event::Labeled { class, .. } => ledger.have_classes(class.0.saturating_add(1)),
        _ => {}
    }
}
