//! The state that a database gives.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::event::EventId;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::store::{Record, Store};

/// What is asked of a database that is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// That it is as it was written: nothing is built on a damaged one.
    Intact,
    /// That it makes sense: labels can be read out of one that was changed.
    Readable,
}

/// What is asked of a database, by whether it will be written to.
pub(super) fn trust(lock: &Option<Lock>) -> Trust {
    match lock {
        Some(_) => Trust::Intact,
        None => Trust::Readable,
    }
}

/// Replays a database.
pub(super) fn replay(store: &Store, overlap: usize, trust: Trust) -> Result<Ledger, Error> {
    let mut ledger = Ledger::new(overlap);
    let stopped = store.replay(|record| match step(&mut ledger, &record, trust) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    })?;
    match stopped {
        Some(error) => Err(error),
        None if ledger.last() == EventId(0) => Err(Error::Damaged("it has no events".to_owned())),
        None => Ok(ledger),
    }
}

fn step(ledger: &mut Ledger, record: &Record, trust: Trust) -> Result<(), Error> {
    if trust == Trust::Intact && !record.intact {
        return Err(Error::Damaged(format!(
            "event {} or its candidates are not as they were written",
            record.id.0
        )));
    }
    ledger
        .apply(record.id, record.at, &record.event()?, &record.candidates)
        .map_err(|error| Error::Damaged(format!("event {}: {error}", record.id.0)))
}
