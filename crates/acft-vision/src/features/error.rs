//! What can go wrong with features on disk.

use std::io;
use std::path::{Path, PathBuf};

use acft::{CandidateId, CandidateKey};

use crate::learner::LearnerError;

/// Why features cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The network cannot be run over the patches.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// There is no file with these parameters.
    #[error("there are no features at {}: they have still to be made", .path.display())]
    Missing {
        /// Where they would be.
        path: PathBuf,
    },
    /// A file holds features of something else.
    #[error(
        "{} holds features of {what} {found}, not of {wanted}: move it away, and features are made anew",
        .path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the file has.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// A file is not as it was written.
    #[error("{} is damaged: {what}. Delete it, and features are made anew", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, and how.
        what: String,
    },
    /// A feature is no number.
    #[error(
        "a feature of candidate {} ({key}) is {value}: the network's weights have diverged, or its file is damaged; \
         use other weights",
        .candidate.0
    )]
    NotFinite {
        /// The candidate.
        candidate: CandidateId,
        /// Its key.
        key: CandidateKey,
        /// NaN or an infinity.
        value: f32,
    },
    /// There is no room for the file.
    #[error(
        "the disk is full: the features at {} take {} MB in all. Make room there, or keep features on another disk; \
         what was made of the file has been removed, so that its room is free",
        .path.display(), .bytes.div_ceil(1_000_000)
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// How long it would be.
        bytes: u64,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder cannot be used.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The observer asked to stop. What was made is kept, and the next making goes on from there.
    #[error("making features was stopped: {done} of {candidates} candidates are done")]
    Stopped {
        /// How many candidates have features now.
        done: usize,
        /// How many there are.
        candidates: usize,
    },
}

impl FeatureError {
    /// An error of the system, with what was tried.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}
