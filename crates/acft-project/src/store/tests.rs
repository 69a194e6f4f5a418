#![allow(clippy::unwrap_used)]

use std::fs;

use tempfile::TempDir;

use super::migrate::Migration;
use super::*;

const TWO: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("schema/1.sql"),
    },
    Migration {
        version: 2,
        sql: "CREATE TABLE notes (text TEXT NOT NULL) STRICT",
    },
];

const BROKEN: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("schema/1.sql"),
    },
    Migration {
        version: 2,
        sql: "CREATE TABLE notes (text TEXT); CREATE TABLE notes (text TEXT)",
    },
];

impl Store {
    /// As a full disk would: no more than these pages, or what is there already.
    pub(crate) fn limit_pages(&self, most: i64) {
        self.connection
            .pragma_update(None, "max_page_count", most)
            .unwrap();
    }

    /// As a disk that takes the database and not the head, or both again.
    pub(crate) fn set_head_writable(&self, writable: bool) {
        let seal = self.seal.as_ref().unwrap();
        seal.borrow_mut().set_head_writable(writable);
    }

    /// What another process has is told at once.
    pub(crate) fn do_not_wait(&self) {
        self.connection.busy_timeout(Duration::ZERO).unwrap();
    }

    /// The transaction that is open can be written to, and not be committed.
    pub(crate) fn spoil(&self) {
        self.connection
            .execute_batch(
                "PRAGMA defer_foreign_keys = ON;
                 INSERT INTO candidates (id, event, key, name, path, part, origin)
                 SELECT max(id) + 1, 9999, randomblob(32), '', '', 'pool', 'listed' FROM candidates",
            )
            .unwrap();
    }

    /// What no program does: a change behind the back of the triggers.
    pub(crate) fn tamper(root: &Path, sql: &str) {
        let connection = Connection::open(root.join(DATABASE)).unwrap();
        connection
            .execute_batch("DROP TRIGGER events_stay; DROP TRIGGER candidates_stay;")
            .unwrap();
        connection.execute_batch(sql).unwrap();
    }

    fn count(&self, sql: &str) -> i64 {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }
}

fn created() -> TempDir {
    let folder = TempDir::new().unwrap();
    let event = Event::Created {
        seed: 1,
        version: "0.1.0".to_owned(),
    };
    create(folder.path(), Moment(5), &[event]).unwrap();
    folder
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_database_is_one_file_with_nothing_left_over() {
    let folder = created();
    assert_eq!(names(&folder), ["acft.db"]);
    // A kill while it was made leaves a draft, which is no project and in nobody's way.
    let other = TempDir::new().unwrap();
    fs::write(other.path().join("acft.db.new"), b"half").unwrap();
    fs::write(other.path().join("acft.db.new-journal"), b"half").unwrap();
    assert!(matches!(
        Store::open(other.path()),
        Err(Error::NotAProject { .. })
    ));
    create(other.path(), Moment(5), &[]).unwrap();
    assert_eq!(names(&other), ["acft.db"]);
}

#[test]
fn a_new_database_is_not_made_beside_the_log_of_another() {
    for log in ["acft.db-wal", "acft.db-shm", "acft.db-journal", "acft.head"] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(log), b"what was not copied yet").unwrap();
        let error = create(folder.path(), Moment(5), &[]).unwrap_err();
        assert!(error.to_string().contains(log), "{error}");
        assert_eq!(names(&folder), [log]);
    }
}

#[test]
fn commits_are_on_disk_when_they_return() {
    let folder = created();
    let store = Store::open(folder.path()).unwrap();
    let asked = |pragma: &str| store.count(&format!("SELECT * FROM pragma_{pragma}"));
    assert_eq!(asked("synchronous"), 2);
    assert_eq!(asked("foreign_keys"), 1);
    let mode: String = store
        .connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn nothing_that_was_written_can_be_changed() {
    let folder = created();
    let store = Store::open(folder.path()).unwrap();
    for sql in [
        "UPDATE events SET at = 6",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events (id, at, body, hash) VALUES (1, 0, '{\"kind\":\"x\"}', zeroblob(32))",
        "INSERT INTO events (id, at, body, hash) VALUES (3, 0, '{\"kind\":\"x\"}', zeroblob(32))",
    ] {
        let error = store.connection.execute_batch(sql).unwrap_err();
        assert!(error.to_string().contains("event"), "{sql}: {error}");
    }
    assert_eq!(store.count("SELECT count(*) FROM events WHERE at = 5"), 1);
}

#[test]
fn a_migration_keeps_a_copy_of_what_was_before() {
    let folder = created();
    let store = Store::open_at(folder.path(), TWO).unwrap();
    assert_eq!(migrate::version(&store.connection).unwrap(), 2);
    assert_eq!(store.count("SELECT count(*) FROM events"), 1);
    assert_eq!(store.count("SELECT count(*) FROM notes"), 0);
    drop(store);
    assert_eq!(
        names(&folder),
        ["acft.db", "acft.db.before-v2.bak", "acft.head"]
    );

    // The copy is a project of the earlier version, whole by itself.
    let restored = TempDir::new().unwrap();
    fs::copy(
        folder.path().join("acft.db.before-v2.bak"),
        restored.path().join(DATABASE),
    )
    .unwrap();
    let store = Store::open(restored.path()).unwrap();
    assert_eq!(migrate::version(&store.connection).unwrap(), 1);
    assert_eq!(store.count("SELECT count(*) FROM events"), 1);
    assert!(store.integrity().unwrap().is_empty());
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let folder = created();
    for copies in 1..=2 {
        let error = Store::open_at(folder.path(), BROKEN).unwrap_err();
        assert!(error.to_string().contains("a copy is in"), "{error}");
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(migrate::version(&store.connection).unwrap(), 1);
        assert_eq!(
            store.count("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"),
            0
        );
        drop(store);
        // An earlier copy is not overwritten.
        let kept = names(&folder)
            .iter()
            .filter(|name| name.ends_with(".bak"))
            .count();
        assert_eq!(kept, copies);
    }
}

#[test]
fn a_newer_database_is_left_as_it_is() {
    let folder = created();
    drop(Store::open_at(folder.path(), TWO).unwrap());
    let path = folder.path().join(DATABASE);
    let before = fs::read(&path).unwrap();
    for result in [Store::open(folder.path()), Store::read(folder.path())] {
        let error = result.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A newer program was killed: what it wrote last is not in the file yet.
#[test]
fn a_newer_database_is_left_as_it_is_with_its_log() {
    let folder = created();
    let newer = Store::open_at(folder.path(), TWO).unwrap();
    newer
        .connection
        .execute_batch("INSERT INTO notes VALUES ('kept')")
        .unwrap();
    let copy = TempDir::new().unwrap();
    for name in [DATABASE, "acft.db-wal"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let files = || [DATABASE, "acft.db-wal"].map(|name| fs::read(copy.path().join(name)).unwrap());
    let before = files();
    assert!(matches!(Store::open(copy.path()), Err(Error::Newer { .. })));
    assert_eq!(files(), before);
}

#[test]
fn an_older_database_is_not_migrated_by_a_reader() {
    let folder = created();
    Store::open(folder.path())
        .unwrap()
        .connection
        .pragma_update(None, "user_version", 0)
        .unwrap();
    assert!(matches!(
        Store::read(folder.path()),
        Err(Error::Older {
            found: 0,
            known: 1,
            ..
        })
    ));
}

#[test]
fn what_is_no_project_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(DATABASE);
    let other = TempDir::new().unwrap();
    let foreign = other.path().join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    for (bytes, said) in [
        (Vec::new(), "another program"),
        (vec![b'x'; 5000], "not a database"),
        (fs::read(&foreign).unwrap(), "another program"),
    ] {
        fs::write(&path, &bytes).unwrap();
        for result in [Store::open(folder.path()), Store::read(folder.path())] {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::NotAProject { .. }), "{error:?}");
            assert!(error.to_string().contains(said), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
