//! Holds a project against itself: database, files, hashes.

mod loss;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::event::EventId;
use crate::ledger::Ledger;
use crate::project::Project;
use crate::store::{HEAD, Mark, Record, Store};

pub use loss::{Accepted, accept_loss};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: a file, an event, a candidate.
    pub about: String,
    /// What is wrong.
    pub wrong: String,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    fn new(about: impl Into<String>, wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            wrong: wrong.into(),
            mend: mend.into(),
        }
    }
}

const RESTORE: &str = "`acft export labels` still reads what can be read; then restore a backup (`acft restore`), or \
     move acft.db away, and acft.db-wal, acft.db-shm and acft.head with it, which belong to it \
     alone, and put a copy of acft.db in its place";

const GONE: &str = "put acft.db and acft.db-wal back as they were, or restore a backup (`acft restore`); \
     `acft export labels` reads what is left, and `acft check --accept-loss` goes on without the rest";

const UPGRADE: &str = "use the newer version of this program, which wrote it";

/// Checks the database of a project: that SQLite finds it whole, that every
/// event is as it was written and follows from those before it, and that
/// none is missing. Works on damaged ones too.
///
/// # Errors
/// There is no project, or its version is not known here.
pub fn check_database(root: &Path) -> Result<Vec<Finding>, Error> {
    let store = Store::read(root)?;
    let about_file = |wrong: String| Finding::new("acft.db", wrong, RESTORE);
    let mut findings: Vec<Finding> = match store.integrity() {
        Ok(wrong) => wrong.into_iter().map(about_file).collect(),
        Err(error) => vec![about_file(error.to_string())],
    };
    // None from the first event on that is of a newer program: what follows may rest on it.
    let mut ledger = Some(Ledger::new(1));
    let mut last = EventId(0);
    // Both as of one moment: a server may be adding candidates.
    let (replayed, count) = store.as_of_now(|store| {
        let replayed = store.replay(|record| {
            findings.extend(check_event(&mut ledger, last, &record));
            last = record.id;
            ControlFlow::<()>::Continue(())
        });
        (replayed, store.candidate_count())
    })?;
    if let Err(error) = replayed {
        findings.push(about_file(format!("after event {}: {error}", last.0)));
        return Ok(findings);
    }
    if last == EventId(0) {
        findings.push(about_file("it has no events".to_owned()));
    }
    let known = ledger.map(|ledger| ledger.candidates().len());
    match count {
        Ok(rows) if known.is_some_and(|known| known != rows) => findings.push(about_file(format!(
            "it has {rows} candidates, and its events speak of {}",
            known.unwrap_or_default()
        ))),
        Ok(_) => {}
        Err(error) => findings.push(about_file(error.to_string())),
    }
    findings.extend(check_end(&store));
    Ok(findings)
}

/// Whether the events go as far as somebody was told.
fn check_end(store: &Store) -> Option<Finding> {
    match store.lost() {
        Ok(None) => None,
        Ok(Some(lost)) => Some(Finding::new(HEAD, lost.to_string(), GONE)),
        Err(error) => Some(Finding::new(HEAD, error.to_string(), RESTORE)),
    }
}

/// What is worth knowing of a database in which nothing was found wrong.
///
/// # Errors
/// There is no project, or its version is not known here.
pub fn database_note(root: &Path) -> Result<Option<String>, Error> {
    Ok(match Store::read(root)?.mark() {
        Mark::Absent => Some(format!(
            "{HEAD} is not there yet: that the last events are all there cannot be told; it is \
             made when the project is next opened for writing (`acft serve`)"
        )),
        Mark::At(_) | Mark::Unreadable(_) => None,
    })
}

fn check_event(state: &mut Option<Ledger>, last: EventId, record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |text: String, mend: &str| {
        findings.push(Finding::new(format!("event {}", record.id.0), text, mend));
    };
    let mut wrong = |text: String| found(text, RESTORE);
    if record.id.0 != last.0 + 1 {
        wrong(format!("it follows event {}: some are missing", last.0));
    }
    if !record.intact {
        wrong("it is not as it was written".to_owned());
    }
    match record.event() {
        Err(error @ Error::Unfamiliar(_)) => {
            // Said once: there is one thing to do about it.
            if state.take().is_some() {
                found(error.to_string(), UPGRADE);
            }
        }
        Err(Error::Damaged(text)) => wrong(text),
        Err(error) => wrong(error.to_string()),
        Ok(event) => {
            let apply = |ledger: &mut Ledger| {
                ledger.apply(record.id, record.at, &event, &record.candidates)
            };
            if let Some(Err(error)) = state.as_mut().map(apply) {
                wrong(error.to_string());
            }
        }
    }
    findings
}

impl Project {
    /// Where the file of a model is.
    pub fn model_path(&self, hash: &str) -> PathBuf {
        self.root()
            .join("models")
            .join(format!("{hash}.safetensors"))
    }

    /// Where the image of a candidate is.
    pub fn image_path(&self, candidate: &crate::Candidate) -> PathBuf {
        self.root().join(&candidate.path)
    }

    /// Checks the files that the project speaks of: that each model is there
    /// and is what its name says, and that each image is there.
    pub fn check_files(&self) -> Vec<Finding> {
        let ledger = self.ledger();
        let mut findings = Vec::new();
        let current = ledger.models().current().map(|made| &made.model.hash);
        for made in ledger.models().all() {
            let hash = &made.model.hash;
            let path = self.model_path(hash);
            let about = path.display().to_string();
            let mend = if current == Some(hash) {
                "it is the model in use: restore the file from a copy, or go back to another with `acft model use`"
            } else {
                "it is not in use: restore the file from a copy, or do without it"
            };
            match std::fs::read(&path) {
                Err(error) => findings.push(Finding::new(about, error.to_string(), mend)),
                Ok(bytes) if blake3::hash(&bytes).to_hex().as_str() != hash => findings.push(
                    Finding::new(about, "its content is not what its name says", mend),
                ),
                Ok(_) => {}
            }
        }
        if current.is_none() {
            findings.push(Finding::new(
                "models",
                "no model is in use",
                "choose one with `acft model use`",
            ));
        }
        for candidate in ledger.candidates() {
            let path = self.image_path(candidate);
            if !path.is_file() {
                findings.push(Finding::new(
                    candidate.name.clone(),
                    format!("its image {} is not there", path.display()),
                    "put the file back; its labels are kept meanwhile",
                ));
            }
        }
        findings.dedup();
        findings
    }
}
