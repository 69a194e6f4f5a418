//! How failures are undone, and how the keeper's works share a commit.
//!
//! The ledger is ahead of the database only within a transaction. Whatever
//! drops a part of one that the ledger has seen rebuilds the ledger from the
//! database, and empties the desk as a restart would.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Project, replay, trust};
use crate::desk::Desk;
use crate::error::Error;
use crate::store::Whole;

/// The works of one transaction.
#[derive(Debug)]
pub(super) struct Group {
    /// Why the transaction is gone, where it is: what was done in it before
    /// cannot be kept any more.
    lost: Option<Error>,
}

impl Project {
    /// Begins a group: what is appended from now on is on disk once
    /// [`Project::commit`] returns.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        self.require_fresh()?;
        self.store.begin()?;
        self.group = Some(Group { lost: None });
        Ok(())
    }

    /// Does one work of a group. Where it fails or panics, nothing of it
    /// remains, and the works before it are as they were.
    pub(crate) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.require_group()?;
        let before = self.ledger.last();
        self.store.savepoint(Whole::Job)?;
        // Whatever the work left half done is rebuilt below.
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        let (result, panicked) = match done {
            Ok(result) => (result, false),
            Err(panic) => (Err(Error::Defect(panic_text(&*panic))), true),
        };
        // A work may have passed over a failure that took the transaction.
        let result = result.and_then(|value| {
            self.require_group()?;
            self.store.release(Whole::Job)?;
            Ok(value)
        });
        if let Err(error) = &result {
            self.take_back(Whole::Job, error);
            if panicked || self.ledger.last() != before {
                self.rebuild();
            }
        }
        result
    }

    /// Ends a group. Where this fails, nothing of any of its works was kept.
    pub(crate) fn commit(&mut self) -> Result<(), Error> {
        let lost = self.group.take().and_then(|group| group.lost);
        let result = match lost {
            Some(error) => Err(error),
            None => self.store.commit(),
        };
        if result.is_err() {
            self.store.rollback();
            self.rebuild();
        }
        result
    }

    /// Sees that the files of the project are still those that it opened.
    ///
    /// # Errors
    /// Another program took them away; nothing is written from then on.
    pub(crate) fn require_in_place(&self) -> Result<(), Error> {
        self.store.require_in_place()
    }

    pub(super) fn require_writable(&mut self) -> Result<(), Error> {
        if self.lock.is_none() {
            return Err(Error::ReadOnly);
        }
        self.require_group()?;
        self.require_fresh()
    }

    /// Where a group is open, its transaction must be: SQLite drops one on some
    /// failures, those of reading among them.
    fn require_group(&mut self) -> Result<(), Error> {
        let open = self.store.in_transaction();
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        if !open {
            group.lost.get_or_insert_with(|| {
                Error::Storage("the database dropped what it was writing".to_owned())
            });
        }
        match &group.lost {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The ledger must be what the database gives.
    fn require_fresh(&mut self) -> Result<(), Error> {
        if self.stale {
            self.try_rebuild()?;
        }
        Ok(())
    }

    /// Drops what was done since a savepoint. Where SQLite dropped the whole
    /// transaction of a group, nothing more can be kept in it.
    pub(super) fn take_back(&mut self, whole: Whole, error: &Error) {
        let whole_again = self.store.take_back(whole);
        if let Some(group) = &mut self.group
            && !whole_again
        {
            group.lost.get_or_insert_with(|| error.clone());
        }
    }

    /// Makes the ledger what the database gives; where that fails too, nothing
    /// is done before it was made up for.
    pub(super) fn rebuild(&mut self) {
        self.stale = true;
        let _ = self.try_rebuild();
    }

    fn try_rebuild(&mut self) -> Result<(), Error> {
        // The state in memory is worth more than what another program put there.
        self.store.require_in_place()?;
        self.ledger = replay(&self.store, self.rules.overlap, trust(&self.lock))?.ledger;
        self.desk = Desk::default();
        self.stale = false;
        Ok(())
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}
