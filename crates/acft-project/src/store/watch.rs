//! The files of an open database, watched from outside: another program may
//! remove them, put others in their place or write into them, and SQLite does
//! not notice.

use std::fs;
use std::path::{Path, PathBuf};

use super::DATABASE;
use super::head::HEAD;
use crate::lock::LOCK;

/// Where a file is and what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    /// Which file it is: another of the same name has another.
    identity: (u64, u64),
    /// Changes with each write.
    content: (u64, i128, i128),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that this program did not do.
    None,
    /// Someone wrote into this file, or changed its name or its rights.
    Written(&'static str),
    /// This file was removed, or there is another in its place.
    Replaced(&'static str),
}

/// The database and its log.
const LOG: &str = "acft.db-wal";
const INDEX: &str = "acft.db-shm";

/// Which files are held against what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// All: this program wrote nothing since.
    LastTransaction,
    /// This program has just written into the log.
    OwnCommit,
}

#[derive(Debug)]
struct Watched {
    name: &'static str,
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// The files of a project that is open for writing.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<Watched>,
}

impl Watch {
    /// Begins to watch.
    pub(super) fn begin(root: &Path) -> Self {
        let files = [DATABASE, LOG, INDEX, HEAD, LOCK].map(|name| {
            let path = root.join(name);
            let stamp = stamp(&path);
            Watched { name, path, stamp }
        });
        Self {
            files: files.into(),
        }
    }

    /// What happened to the files.
    pub(super) fn look(&self, since: Since) -> Change {
        let mut written = Change::None;
        for file in &self.files {
            let Some(was) = file.stamp else { continue };
            let now = stamp(&file.path);
            if now.is_none_or(|now| now.identity != was.identity) {
                return Change::Replaced(file.name);
            }
            // SQLite and this program write into the others at any time.
            let is_ours = match file.name {
                DATABASE => false,
                LOG => since == Since::OwnCommit,
                _ => true,
            };
            if !is_ours && now != file.stamp {
                written = Change::Written(file.name);
            }
        }
        written
    }

    /// Takes the log as it is now for what this program wrote.
    pub(super) fn renew_log(&mut self) {
        self.renew(|name| name != DATABASE);
    }

    /// Takes all files as they are now for what this program wrote.
    pub(super) fn renew_all(&mut self) {
        self.renew(|_| true);
    }

    /// A file stays the one that it was: only its content is taken over.
    fn renew(&mut self, is_meant: impl Fn(&str) -> bool) {
        for file in self.files.iter_mut().filter(|file| is_meant(file.name)) {
            let now = stamp(&file.path);
            match (&mut file.stamp, now) {
                (Some(was), Some(now)) => was.content = now.content,
                // SQLite makes the log when it first needs it.
                (none, now) => *none = none.or(now),
            }
        }
    }

    /// Whether the database, its log or the index of the log was removed,
    /// replaced or written into.
    pub(super) fn is_touched(&self) -> bool {
        self.files
            .iter()
            .filter(|file| [DATABASE, LOG, INDEX].contains(&file.name))
            .filter_map(|file| Some((file, file.stamp?)))
            .any(|(file, was)| {
                let now = stamp(&file.path);
                now.is_none_or(|now| now.identity != was.identity)
                    || (file.name == DATABASE && now != Some(was))
            })
    }

    /// How long the log is, in bytes.
    pub(super) fn log_length(&self) -> u64 {
        let log = self.files.iter().find(|file| file.name == LOG);
        log.and_then(|file| file.stamp)
            .map_or(0, |stamp| stamp.content.0)
    }
}

#[cfg(unix)]
fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).ok()?;
    let nanoseconds =
        |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    Some(Stamp {
        identity: (found.dev(), found.ino()),
        content: (
            found.size(),
            nanoseconds(found.mtime(), found.mtime_nsec()),
            nanoseconds(found.ctime(), found.ctime_nsec()),
        ),
    })
}

/// Where files have no number, one that was replaced shows by its time alone.
#[cfg(not(unix))]
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    let since = |at: std::io::Result<std::time::SystemTime>| {
        let since = at.ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i128::try_from(since.as_nanos()).ok()
    };
    Some(Stamp {
        identity: (0, 0),
        content: (
            found.len(),
            since(found.modified()).unwrap_or_default(),
            since(found.created()).unwrap_or_default(),
        ),
    })
}
