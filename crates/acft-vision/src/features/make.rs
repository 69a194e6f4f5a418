//! Making features, or what is missing of them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use acft::{CandidateError, CandidateId, CandidateKey};
use acft_images::patches::{PatchPolicy, patch_bytes};

use super::file::{self, Layout};
use super::store::Inspection;
use super::{FeatureError, FeatureStore, Parameters, at};
use crate::learner::Learner;
use crate::models::Model;

/// A candidate whose features are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the learner's patches know it by.
    pub candidate: CandidateId,
    /// A hash of its content.
    pub key: CandidateKey,
}

/// Is told how the making goes.
pub trait FeatureObserver {
    /// Something that a person should know: a file was damaged, or is being finished.
    fn notice(&mut self, text: &str) {
        let _ = text;
    }

    /// A candidate has its features, or has none because it cannot be read; so many are `done` now of all. To break stops
    /// the making, and leaves what is done for the next one.
    fn made(
        &mut self,
        candidate: CandidateId,
        outcome: Result<(), &CandidateError>,
        done: usize,
        of: usize,
    ) -> ControlFlow<()> {
        let _ = (candidate, outcome, done, of);
        ControlFlow::Continue(())
    }
}

/// Nobody is told.
impl FeatureObserver for () {}

/// Opens the features of a pool, and makes what is missing of them first.
///
/// `policy` is what the learner's patches are cut by. The folder is made where it is missing. Where another process makes
/// the same features, this one waits for it.
///
/// # Errors
/// The model is not one for these patches, a feature is no number, the disk is full or fails, the observer stops it, or
/// the file that has the features' name holds something else.
pub fn open_or_make(
    folder: &Path,
    learner: &Learner,
    model: &Model,
    policy: &PatchPolicy,
    members: &[Member],
    observer: &mut dyn FeatureObserver,
) -> Result<FeatureStore, FeatureError> {
    let keys = members.iter().map(|member| member.key);
    let parameters = Parameters::new(learner, model, policy, keys)?;
    let pool = Pool {
        learner,
        model,
        members,
    };
    let files = Files::new(folder, &parameters);
    // Without a lock first: what is whole can be read where nothing can be written.
    if let State::Whole(store) = files.state(&parameters, &pool)? {
        return Ok(*store);
    }
    fs::create_dir_all(folder).map_err(FeatureError::io("make", folder))?;
    let _lock = files.lock()?;
    let missing = match files.state(&parameters, &pool)? {
        State::Whole(store) => return Ok(*store),
        State::Absent => files.resume(&parameters, observer)?,
        State::Broken(why) => {
            observer.notice(&format!(
                "{}: {why}; features are made anew",
                shown(&files.whole)
            ));
            files.resume(&parameters, observer)?
        }
        State::Partly { missing, why } => {
            observer.notice(&format!("{}: {why}", shown(&files.whole)));
            let copied = fs::copy(&files.whole, &files.part);
            copied.map_err(|error| files.failed("write", &files.part, error))?;
            missing
        }
    };
    pool.fill(&files, missing, observer)?;
    FeatureStore::open(folder, &parameters)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Candidates and what makes their features.
struct Pool<'a> {
    learner: &'a Learner,
    model: &'a Model,
    members: &'a [Member],
}

/// Where features are, and where they are made.
struct Files {
    whole: PathBuf,
    part: PathBuf,
    lock: PathBuf,
    header: Vec<u8>,
    layout: Layout,
}

/// How a whole file is found.
enum State {
    Whole(Box<FeatureStore>),
    Absent,
    /// Nothing in it can be used.
    Broken(String),
    /// Some candidates have to be made.
    Partly {
        missing: Vec<usize>,
        why: String,
    },
}

impl Files {
    fn new(folder: &Path, parameters: &Parameters) -> Self {
        let name = parameters.file_name();
        Self {
            whole: folder.join(&name),
            part: folder.join(format!("{name}.part")),
            lock: folder.join(format!("{name}.lock")),
            header: file::header(parameters),
            layout: Layout::new(parameters),
        }
    }

    /// Waits until nobody else makes these features.
    fn lock(&self) -> Result<File, FeatureError> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock);
        let lock = lock.map_err(|error| self.failed("write", &self.lock, error))?;
        lock.lock().map_err(FeatureError::io("lock", &self.lock))?;
        Ok(lock)
    }

    /// What there is under the features' own name.
    fn state(&self, parameters: &Parameters, pool: &Pool<'_>) -> Result<State, FeatureError> {
        let store = match FeatureStore::begin(&self.whole, parameters) {
            Ok(store) => store,
            Err(FeatureError::Missing { .. }) => return Ok(State::Absent),
            Err(FeatureError::Damaged { what, .. }) => return Ok(State::Broken(what)),
            Err(error) => return Err(error),
        };
        let Inspection {
            mut missing,
            unreadable,
        } = store.inspect()?;
        let damaged = missing.len();
        missing.extend(pool.readable_now(&unreadable));
        let recovered = missing.len() - damaged;
        missing.sort_unstable();
        if missing.is_empty() {
            return match FeatureStore::open_file(&self.whole, parameters) {
                Ok(store) => Ok(State::Whole(Box::new(store))),
                // It is longer than it should be.
                Err(FeatureError::Damaged { what, .. }) => Ok(State::Partly {
                    missing,
                    why: format!("{what}; it is written anew"),
                }),
                Err(error) => Err(error),
            };
        }
        let why = match (damaged, recovered) {
            (0, _) => format!(
                "{recovered} candidates that could not be read can be read now; their features are made"
            ),
            _ => format!(
                "the records of {damaged} of {} candidates are damaged or cut off, the first that of candidate {}; \
                 they are made anew",
                pool.members.len(),
                missing[0]
            ),
        };
        Ok(State::Partly { missing, why })
    }

    /// Goes on with what an earlier making left, or begins: the candidates that are still to be made.
    fn resume(
        &self,
        parameters: &Parameters,
        observer: &mut dyn FeatureObserver,
    ) -> Result<Vec<usize>, FeatureError> {
        if let Ok(store) = FeatureStore::begin(&self.part, parameters) {
            let missing = store.inspect()?.missing;
            let done = parameters.candidates() - missing.len();
            if done > 0 {
                observer.notice(&format!(
                    "{}: goes on where an earlier making stopped, with {done} of {} candidates",
                    shown(&self.part),
                    parameters.candidates()
                ));
            }
            return Ok(missing);
        }
        let begun = || -> io::Result<()> {
            let part = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .open(&self.part)?;
            at::write(&part, &self.header, 0)
        };
        begun().map_err(|error| self.failed("write", &self.part, error))?;
        Ok((0..parameters.candidates()).collect())
    }

    /// The error of a failed write. Where the disk is full, what was made is removed: its room is wanted for what
    /// cannot be made again.
    fn failed(&self, doing: &'static str, path: &Path, error: io::Error) -> FeatureError {
        if !is_full(&error) {
            return FeatureError::io(doing, path)(error);
        }
        let _ = fs::remove_file(&self.part);
        FeatureError::Full {
            path: self.whole.clone(),
            bytes: self.layout.len(),
            source: error,
        }
    }

    /// Gives what was made its own name, once it is on disk.
    fn finish(&self, part: File) -> Result<(), FeatureError> {
        let finished = || -> io::Result<()> {
            part.set_len(self.layout.len())?;
            part.sync_all()?;
            drop(part);
            fs::rename(&self.part, &self.whole)?;
            if cfg!(unix) {
                let folder = self.whole.parent().unwrap_or(Path::new("."));
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        finished().map_err(|error| self.failed("write", &self.part, error))
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl Pool<'_> {
    /// Those of the candidates, which could not be read, that can be read now.
    fn readable_now<'a>(&'a self, unreadable: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let source = self.learner.source();
        let mut patches = vec![0; source.patches_per_candidate() * patch_bytes(source.input())];
        let readable = move |index: &usize| {
            let candidate = self.members[*index].candidate;
            source.write(candidate, &mut patches).is_ok()
        };
        unreadable.iter().copied().filter(readable)
    }

    /// Makes the features of the missing candidates, and gives the file its name.
    fn fill(
        &self,
        files: &Files,
        missing: Vec<usize>,
        observer: &mut dyn FeatureObserver,
    ) -> Result<(), FeatureError> {
        let part = OpenOptions::new().write(true).open(&files.part);
        let part = part.map_err(|error| files.failed("write", &files.part, error))?;
        let mut wanted = vec![false; self.members.len()];
        missing.iter().for_each(|&index| wanted[index] = true);
        let mut making = Making {
            pool: self,
            files,
            part: &part,
            done: self.members.len() - missing.len(),
            wanted,
            observer,
        };
        let at_once = self.learner.candidates_at_once(self.model)?;
        for range in ranges(&missing, at_once, self.members.len()) {
            making.range(range)?;
        }
        files.finish(part)
    }
}

/// Ranges of candidates that hold all that are missing. They begin at multiples of `at_once`, so that each candidate
/// passes through the network in the same company as in a making that was never stopped: the numbers are the same to the
/// last bit.
fn ranges(missing: &[usize], at_once: usize, candidates: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &index in missing {
        let start = index / at_once * at_once;
        let end = (start + at_once).min(candidates);
        match ranges.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

/// Features on their way into a file.
struct Making<'a> {
    pool: &'a Pool<'a>,
    files: &'a Files,
    part: &'a File,
    /// Candidates whose records are written.
    done: usize,
    /// Those whose records are not.
    wanted: Vec<bool>,
    observer: &'a mut dyn FeatureObserver,
}

impl Making<'_> {
    /// Makes the candidates of a range.
    fn range(&mut self, range: Range<usize>) -> Result<(), FeatureError> {
        let members = &self.pool.members[range.clone()];
        let ids: Vec<CandidateId> = members.iter().map(|member| member.candidate).collect();
        let mut indices = range;
        let mut failed = None;
        let Pool { learner, model, .. } = self.pool;
        learner.tapped_features(model, &ids, &mut |_, outcome| {
            let Some(index) = indices.next().filter(|&index| self.wanted[index]) else {
                return ControlFlow::Continue(());
            };
            match self.record(index, outcome) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Writes the record of a candidate.
    fn record(
        &mut self,
        index: usize,
        outcome: Result<&[f32], CandidateError>,
    ) -> Result<(), FeatureError> {
        let Member { candidate, key } = self.pool.members[index];
        let layout = self.files.layout;
        let reason = outcome.as_ref().map_err(|error| error.reason.as_str());
        let record = layout.encode(index, reason.copied());
        let record = record.map_err(|value| FeatureError::NotFinite {
            candidate,
            key,
            value,
        })?;
        let told = outcome.as_ref().map(|_| ());
        let of = self.pool.members.len();
        // Before it is written: who stops at an image that is away for a while does not find it left out for good.
        if self
            .observer
            .made(candidate, told, self.done + 1, of)
            .is_break()
        {
            return Err(FeatureError::Stopped {
                done: self.done,
                candidates: of,
            });
        }
        at::write(self.part, &record, layout.at(index))
            .map_err(|error| self.files.failed("write", &self.files.part, error))?;
        self.wanted[index] = false;
        self.done += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_is_missing_and_begin_where_an_unbroken_making_would() {
        assert!(ranges(&[], 4, 10).is_empty());
        assert!(
            ranges(&[0, 1, 2], 4, 10)
                .into_iter()
                .eq(std::iter::once(0..4))
        );
        assert!(ranges(&[5], 4, 10).into_iter().eq(std::iter::once(4..8)));
        assert!(
            ranges(&[3, 4, 9], 4, 10)
                .into_iter()
                .eq(std::iter::once(0..10))
        );
        assert_eq!(ranges(&[0, 9], 4, 10), [0..4, 8..10]);
        assert!(
            ranges(&[0, 1, 2], 1, 3)
                .into_iter()
                .eq(std::iter::once(0..3))
        );
    }
}
