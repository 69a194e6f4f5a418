//! The database: events and candidates, appended and never changed. The only
//! home of SQL.
//!
//! SQLite in WAL mode with `synchronous = FULL`: a commit returns when it is on
//! disk. Each event carries the hash of the one before it, so that a change to
//! what was written is noticed.

mod backup;
mod create;
mod head;
mod migrate;
mod read;
mod rows;
mod seal;
#[cfg(test)]
mod tests;
mod watch;
mod whole;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use crate::error::Error;
use crate::event::{Event, EventId, Moment};
use crate::ledger::{Candidate, Contradiction};

pub(crate) use create::create;
pub(crate) use head::{HEAD, Head, Mark, make as make_head};
use migrate::{MIGRATIONS, Migration};
pub(crate) use read::Record;
use rows::{chain, insert_candidates};
use seal::Seal;

/// The name of the database in a project's folder.
pub(crate) const DATABASE: &str = "acft.db";

/// "acft", as SQLite's header carries it: tells our databases from others.
const APPLICATION: i32 = 0x6163_6674;

/// How long another process that has the database is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept whole or not at all. An append lies within a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whole {
    /// All that one caller of the keeper does.
    Job,
    /// The events of one append.
    Append,
}

impl Whole {
    /// The name of its savepoint.
    fn name(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Append => "append",
        }
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Store {
    /// Before the seal, so that the database is closed before another may open it.
    connection: Connection,
    path: PathBuf,
    /// How far events were acknowledged when it was opened.
    mark: Mark,
    /// None where it was opened for reading, or is being made.
    seal: Option<RefCell<Seal>>,
    /// Whether a savepoint began the transaction, and its end commits it.
    by_savepoint: Cell<bool>,
}

impl Store {
    /// Opens the database of a project for writing, and brings it to today's
    /// version. The caller has the lock.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        Self::open_at(root, MIGRATIONS)
    }

    fn open_at(root: &Path, migrations: &[Migration]) -> Result<Self, Error> {
        let path = root.join(DATABASE);
        // Looked at before it is opened for writing, which may already change
        // it: SQLite drops what it cannot read of a log.
        let found = {
            let store = Self::of(head::read(root), probe(root)?, &path);
            let found = migrate::version(&store.connection)?;
            migrate::require_known(&path, found, migrations)?;
            store.require_sound()?;
            store.require_marked()?;
            found
        };
        let mut store = Self::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if found < migrate::newest(migrations) {
            migrate::migrate(&store.connection, root, found, migrations)?;
        }
        store.seal = Some(RefCell::new(Seal::begin(root, &store.connection)?));
        Ok(store)
    }

    fn of(mark: Mark, connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            path: path.to_owned(),
            mark,
            seal: None,
            by_savepoint: Cell::new(false),
        }
    }

    /// Opens the database of a project for reading, while another may write.
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join(DATABASE);
        // Before the database, which is never behind it.
        let mark = head::read(root);
        let store = Self::of(mark, probe(root)?, &path);
        let found = migrate::version(&store.connection)?;
        migrate::require_known(&path, found, MIGRATIONS)?;
        let known = migrate::newest(MIGRATIONS);
        if found < known {
            return Err(Error::Older { path, found, known });
        }
        Ok(store)
    }

    /// Opens a database that is no project's, or not yet, for reading.
    pub(crate) fn read_file(path: &Path) -> Result<Self, Error> {
        let (connection, _) =
            open_to_read(path).map_err(|error| storage("cannot read", path, &error))?;
        Ok(Self::of(Mark::Absent, connection, path))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, Error> {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| storage("cannot open", path, &error))?;
        let store = Self::of(Mark::Absent, connection, path);
        store.attempt("cannot set up", |connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            // `seal.rs` brings the log into the database.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "foreign_keys", true)
        })?;
        Ok(store)
    }

    /// Whether a transaction is open. SQLite itself ends one on some failures,
    /// a full disk among them.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// The database is still the one that was opened, and at its place.
    ///
    /// # Errors
    /// Another program took it away; nothing is written from then on.
    pub(crate) fn require_in_place(&self) -> Result<(), Error> {
        match &self.seal {
            Some(seal) => seal.borrow_mut().require_in_place(&self.connection),
            None => Ok(()),
        }
    }

    /// Begins the transaction of a group.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        self.require_in_place()?;
        self.execute("cannot write to", "BEGIN IMMEDIATE")
    }

    /// Ends the transaction: on disk when this returns.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        self.execute("cannot write to", "COMMIT")?;
        match &self.seal {
            Some(seal) => seal.borrow_mut().close(&self.connection),
            None => Ok(()),
        }
    }

    /// Drops the transaction, if one is open.
    pub(crate) fn rollback(&self) {
        if self.in_transaction() {
            // A failure leaves it open; the next attempt to begin one says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.by_savepoint.set(false);
        if let Some(seal) = &self.seal {
            seal.borrow_mut().dropped();
        }
    }

    /// Begins what is kept whole or not at all. Outside a transaction this
    /// begins one, and [`Store::release`] commits it.
    pub(crate) fn savepoint(&self, whole: Whole) -> Result<(), Error> {
        if !self.in_transaction() {
            self.begin()?;
            self.by_savepoint.set(true);
        }
        let begun = self.execute(
            "cannot write to",
            &format!("SAVEPOINT {name}", name = whole.name()),
        );
        if begun.is_err() && self.by_savepoint.get() {
            self.rollback();
        }
        begun
    }

    /// Keeps what was done since.
    pub(crate) fn release(&self, whole: Whole) -> Result<(), Error> {
        self.execute(
            "cannot write to",
            &format!("RELEASE {name}", name = whole.name()),
        )?;
        match self.by_savepoint.take() {
            true => self.commit(),
            false => Ok(()),
        }
    }

    /// Drops what was done since. False where that took the whole transaction.
    pub(crate) fn take_back(&self, whole: Whole) -> bool {
        if !self.in_transaction() || self.by_savepoint.get() {
            self.rollback();
            return false;
        }
        let name = whole.name();
        let done = self
            .connection
            .execute_batch(&format!("ROLLBACK TO {name}; RELEASE {name}"));
        if done.is_err() {
            self.rollback();
        }
        done.is_ok()
    }

    /// Appends an event as [`body_of`] writes it, and the rows that belong to
    /// it; `first` is the number of the first of them.
    pub(crate) fn append(
        &self,
        id: EventId,
        at: Moment,
        body: &str,
        candidates: &[Candidate],
        first: usize,
    ) -> Result<(), Error> {
        self.attempt("cannot write to", |connection| {
            let before = rows::last_hash(connection)?;
            let hash = chain(&before, id, at, body, candidates);
            connection
                .prepare_cached("INSERT INTO events (id, at, body, hash) VALUES (?, ?, ?, ?)")?
                .execute(params![id.0, at.0, body, hash])?;
            insert_candidates(connection, id, candidates, first)
        })
    }

    /// Brings all that was written into the one file, and closes it. Merely
    /// dropped, a database may leave its last commits in a log beside it: they
    /// count as long as the two stay together.
    ///
    /// # Errors
    /// The disk does not take it, or another process reads the file just now.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.require_in_place()?;
        let cannot = "cannot complete";
        let busy: bool = self.attempt(cannot, |connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        })?;
        if busy {
            return Err(Error::Storage(format!(
                "{cannot} {}: another process reads it",
                self.path.display()
            )));
        }
        let Self {
            connection, path, ..
        } = self;
        connection
            .close()
            .map_err(|(_, error)| storage(cannot, &path, &error))
    }

    /// Has `work` see the database as of one moment, while another may write.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn as_of_now<T>(&self, work: impl FnOnce(&Self) -> T) -> Result<T, Error> {
        self.execute("cannot read", "BEGIN")?;
        let result = work(self);
        self.rollback();
        Ok(result)
    }

    fn execute(&self, cannot: &str, sql: &str) -> Result<(), Error> {
        self.attempt(cannot, |connection| connection.execute_batch(sql))
    }

    fn attempt<T>(
        &self,
        cannot: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|error| storage(cannot, &self.path, &error))
    }
}

/// An event as it is kept.
///
/// # Errors
/// It could not be read back: JSON has no word for a number that is not
/// finite, and one such event would make the whole project unreadable.
pub(crate) fn body_of(event: &Event) -> Result<String, Error> {
    let body = serde_json::to_string(event)
        .map_err(|error| Error::Defect(format!("an event cannot be written: {error}")))?;
    match serde_json::from_str::<Event>(&body) {
        Ok(read) if read == *event => Ok(body),
        _ => Err(Error::Refused(Contradiction(
            "an event has a number in it that is not finite".to_owned(),
        ))),
    }
}

/// Refuses a folder that has no project in it, before anything is written there.
pub(crate) fn require(root: &Path) -> Result<(), Error> {
    probe(root).map(drop)
}

/// Opens a database so that looking at it changes nothing of it.
fn probe(root: &Path) -> Result<Connection, Error> {
    let path = root.join(DATABASE);
    let not = |why: String| Error::NotAProject {
        root: root.to_owned(),
        why,
    };
    if !path.exists() && root.join(HEAD).exists() {
        return Err(not(format!(
            "its {DATABASE} was removed, of which {HEAD} is left; put it back, or one that the \
             server saved ({DATABASE}.rescued-1), or restore a backup (`acft restore`)"
        )));
    }
    if !path.exists() {
        return Err(not(format!(
            "it has no {DATABASE}; make a project with `acft init`"
        )));
    }
    match open_to_read(&path) {
        Ok((connection, APPLICATION)) => Ok(connection),
        Ok(_) => Err(not(format!(
            "{DATABASE} is the database of another program"
        ))),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(not(format!("{DATABASE} is not a database")))
        }
        Err(error) => Err(storage("cannot read", &path, &error)),
    }
}

/// The database, and which program says that it made it.
fn open_to_read(path: &Path) -> rusqlite::Result<(Connection, i32)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok((connection, application))
}

/// What is told of a failure: a disk that is full mends otherwise than a file
/// that is broken.
fn storage(cannot: &str, path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::Error as Sql;
    let text = format!("{cannot} {}: {error}", path.display());
    let broken = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
        || matches!(
            error,
            Sql::FromSqlConversionFailure(..)
                | Sql::IntegralValueOutOfRange(..)
                | Sql::InvalidColumnType(..)
                | Sql::Utf8Error(..)
        );
    if broken {
        Error::Damaged(text)
    } else {
        Error::Storage(text)
    }
}
