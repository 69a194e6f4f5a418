//! What can go wrong with a project, as sentences that help.

use std::path::PathBuf;

use crate::ledger::Contradiction;

/// Why something could not be done. Nothing of it was done then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It contradicts what happened before.
    #[error(transparent)]
    Refused(#[from] Contradiction),
    /// What was named is not there.
    #[error("{0}")]
    Unknown(String),
    /// It was right a moment ago: someone else was faster.
    #[error("{0}")]
    Conflict(String),
    /// The disk did not take it.
    #[error(
        "{0}: nothing of this was accepted, and everything before it is kept; see that \
         the disk has room and can be written, then do it again"
    )]
    Storage(String),
    /// Another process has the project.
    #[error("{} is in use by {holder}; stop that first, or work through it", .root.display())]
    Locked {
        /// The project's folder.
        root: PathBuf,
        /// Who has it: the process and what it does.
        holder: String,
    },
    /// The folder has no project in it.
    #[error("{} is not a project: {why}", .root.display())]
    NotAProject {
        /// The folder.
        root: PathBuf,
        /// What was found in place of one, and what to do.
        why: String,
    },
    /// The folder has a project in it already.
    #[error("{} has a project in it already; choose another folder", .0.display())]
    Exists(PathBuf),
    /// The database is from a newer version of the program.
    #[error(
        "{} has version {found}, and this program knows versions up to {known}: it was \
         left as it is; use the newer program",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The newest version that is known here.
        known: i32,
    },
    /// The database is from an older version, and may not be written now.
    #[error(
        "{} has version {found}, and must be brought to version {known} before it can be \
         read: open the project once for writing (`acft serve`); a backup is made first",
        .path.display()
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i32,
        /// The version that is needed.
        known: i32,
    },
    /// What is in the database cannot be what was written to it.
    #[error(
        "the database is damaged: {0}; nothing is written to it: `acft check` says what is \
         wrong and how to mend it, and `acft export labels` gives the labels that can be read"
    )]
    Damaged(String),
    /// Another program removed or changed the files of an open project.
    #[error("{0}")]
    TakenAway(String),
    /// What is in the database is whole, and this program does not know it.
    #[error(
        "the database is whole, and this program does not know all of it: {0}; a newer \
         version of it wrote that: use the newer one"
    )]
    Unfamiliar(String),
    /// The project was opened for reading only.
    #[error("the project was opened for reading only")]
    ReadOnly,
    /// A defect of the program.
    #[error("a defect of this program: {0}; nothing of this was accepted")]
    Defect(String),
    /// The keeper was stopped.
    #[error("the project is closed: the server is shutting down")]
    Stopped,
}
