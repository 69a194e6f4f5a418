//! A project: its database, the state that its events give, and the desk.

mod group;
mod replay;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::desk::Desk;
use crate::error::Error;
use crate::event::{ClassId, Event, EventId, Moment, Origin};
use crate::ledger::{Candidate, Ledger};
use crate::lock::Lock;
use crate::rules::Rules;
use crate::stamp::Stamp;
use crate::store::{self, Store, Whole};
use group::Group;
use replay::{Replayed, replay, trust};

/// What a project begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Every random choice follows from it.
    pub seed: u64,
    /// The version of the program.
    pub version: String,
    /// The names of Y, in order; more can be added later.
    pub classes: Vec<String>,
}

/// An open project. One thread owns it.
#[derive(Debug)]
pub struct Project {
    root: PathBuf,
    pub(crate) rules: Rules,
    pub(crate) ledger: Ledger,
    /// What is wrong with the database, where it is damaged.
    damage: Vec<String>,
    /// What a newer program wrote, where there is such.
    newer: Option<String>,
    pub(crate) desk: Desk,
    /// Before the lock, so that it is closed before another may open it.
    store: Store,
    /// None where the project was opened for reading.
    lock: Option<Lock>,
    /// Whether the ledger has what the database does not: it could not be
    /// rebuilt when it should have been.
    stale: bool,
    /// The group of works that the keeper has open.
    group: Option<Group>,
}

impl Project {
    /// Makes a project in a folder, which may have other files in it.
    ///
    /// # Errors
    /// There is one already, the classes are no set, or the disk does not take it.
    pub fn create(root: &Path, created: Created, rules: Rules, now: Moment) -> Result<Self, Error> {
        std::fs::create_dir_all(root).map_err(|error| {
            Error::Storage(format!(
                "cannot make the folder {}: {error}",
                root.display()
            ))
        })?;
        let lock = Lock::take(root, "making the project")?;
        let mut events = vec![Event::Created {
            seed: created.seed,
            version: created.version,
        }];
        events.extend(
            (0..)
                .zip(created.classes)
                .map(|(number, name)| Event::ClassAdded {
                    class: ClassId(number),
                    name,
                }),
        );
        store::create(root, now, &events)?;
        Self::of(root, rules, Store::open(root)?, Some(lock))
    }

    /// Opens a project for writing. `purpose` is what another process is told
    /// while this one has it: "acft serve on port 8500".
    ///
    /// # Errors
    /// There is none, another process has it, its version is not known here
    /// (it is left as it is then), or it is damaged.
    pub fn open(root: &Path, rules: Rules, purpose: &str) -> Result<Self, Error> {
        // Before the lock: no lock file is left where there is no project.
        store::require(root)?;
        let lock = Lock::take(root, purpose)?;
        Self::of(root, rules, Store::open(root)?, Some(lock))
    }

    /// Opens a project for reading, as it is now, also while another process
    /// writes to it. Every write is refused.
    ///
    /// # Errors
    /// There is none, its version is not known here, or it is damaged.
    pub fn read(root: &Path, rules: Rules) -> Result<Self, Error> {
        Self::of(root, rules, Store::read(root)?, None)
    }

    fn of(root: &Path, rules: Rules, store: Store, lock: Option<Lock>) -> Result<Self, Error> {
        let Replayed {
            ledger,
            damage,
            newer,
        } = replay(&store, rules.overlap, trust(&lock))?;
        Ok(Self {
            root: root.to_owned(),
            rules,
            ledger,
            damage,
            newer,
            desk: Desk::default(),
            store,
            lock,
            stale: false,
            group: None,
        })
    }

    /// Closes the project with all of it in its one file, which may then be
    /// moved or copied by itself.
    ///
    /// # Errors
    /// The disk does not take it: the files must stay together where they are.
    pub fn close(self) -> Result<(), Error> {
        self.store.close()
    }

    /// What is wrong with a damaged database that was opened for reading, a
    /// line each: the state is what can be read of it.
    pub fn damage(&self) -> &[String] {
        &self.damage
    }

    /// That a newer program wrote some of what was opened for reading, as an
    /// error: the state is without it.
    pub fn newer(&self) -> Option<Error> {
        self.newer.clone().map(Error::Unfamiliar)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The rules of serving.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Shows every event, oldest first, with its moment, until `visit` breaks.
    ///
    /// # Errors
    /// The database cannot be read, or is damaged.
    pub fn history(
        &self,
        mut visit: impl FnMut(EventId, Moment, Event) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let failed = self.store.replay(|record| match record.event() {
            Ok(event) => match visit(record.id, record.at, event) {
                ControlFlow::Continue(()) => ControlFlow::Continue(()),
                ControlFlow::Break(()) => ControlFlow::Break(Ok(())),
            },
            Err(error) => ControlFlow::Break(Err(error)),
        })?;
        failed.unwrap_or(Ok(()))
    }

    /// Appends events, all or none: on disk when this returns, or, within the
    /// keeper, before the caller is told.
    ///
    /// # Errors
    /// An event contradicts those before it, or the disk does not take them.
    pub fn append(&mut self, now: Moment, events: Vec<Event>) -> Result<Vec<EventId>, Error> {
        self.keep(now, &events, &[])
    }

    /// Appends candidates. They are numbered from [`Ledger::candidates`]'s
    /// length, in their order here.
    ///
    /// # Errors
    /// One is in the project already, or the disk does not take them.
    pub fn add_candidates(
        &mut self,
        now: Moment,
        origin: Origin,
        rows: Vec<Candidate>,
    ) -> Result<EventId, Error> {
        self.add_stamped(now, origin, rows, Vec::new())
    }

    /// The same, with the size and time that the file of each had when it was
    /// hashed.
    ///
    /// # Errors
    /// As [`Project::add_candidates`], or there are not as many stamps.
    pub fn add_stamped(
        &mut self,
        now: Moment,
        origin: Origin,
        rows: Vec<Candidate>,
        stamps: Vec<Stamp>,
    ) -> Result<EventId, Error> {
        let added = Event::CandidatesAdded {
            origin,
            count: rows.len(),
            stamps,
        };
        self.keep(now, &[added], &rows)?;
        Ok(self.ledger.last())
    }

    fn keep(
        &mut self,
        now: Moment,
        events: &[Event],
        rows: &[Candidate],
    ) -> Result<Vec<EventId>, Error> {
        self.require_writable()?;
        let before = self.ledger.last();
        self.store.savepoint(Whole::Append)?;
        let kept = self
            .keep_each(now, events, rows)
            .and_then(|ids| self.store.release(Whole::Append).map(|()| ids));
        if let Err(error) = &kept {
            self.take_back(Whole::Append, error);
            if self.ledger.last() != before {
                self.rebuild();
            }
        }
        kept
    }

    fn keep_each(
        &mut self,
        now: Moment,
        events: &[Event],
        rows: &[Candidate],
    ) -> Result<Vec<EventId>, Error> {
        let mut ids = Vec::with_capacity(events.len());
        for event in events {
            let id = EventId(self.ledger.last().0 + 1);
            let first = self.ledger.candidates().len();
            let body = store::body_of(event)?;
            // The ledger is asked first: what it refuses costs no write.
            self.ledger.apply(id, now, event, rows)?;
            self.store.append(id, now, &body, rows, first)?;
            ids.push(id);
        }
        Ok(ids)
    }
}
