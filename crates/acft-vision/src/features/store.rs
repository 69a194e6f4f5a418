//! Reading features.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use acft::CandidateError;

use super::file::{self, Layout, Record};
use super::{FeatureError, Parameters, at};

/// Features of a pool in a file, by the candidate's place in the list that they were made of.
///
/// Any number of threads may read it.
#[derive(Debug)]
pub struct FeatureStore {
    file: File,
    path: PathBuf,
    parameters: Parameters,
    layout: Layout,
}

/// The candidates of a store whose records are not as they should be.
pub(super) struct Inspection {
    /// Missing or damaged.
    pub(super) missing: Vec<usize>,
    /// Said to be unreadable.
    pub(super) unreadable: Vec<usize>,
}

impl FeatureStore {
    /// Opens the features with these parameters in a folder.
    ///
    /// # Errors
    /// There are none, or the file is damaged, too short or one of something else.
    pub fn open(folder: &Path, parameters: &Parameters) -> Result<Self, FeatureError> {
        Self::open_file(&folder.join(parameters.file_name()), parameters)
    }

    /// Opens a file that should have features with these parameters, whatever its name.
    ///
    /// # Errors
    /// As [`FeatureStore::open`].
    pub fn open_file(path: &Path, parameters: &Parameters) -> Result<Self, FeatureError> {
        let store = Self::begin(path, parameters)?;
        let length = store.file.metadata();
        let length = length.map_err(FeatureError::io("read", path))?.len();
        if length != store.layout.len() {
            return Err(FeatureError::Damaged {
                path: path.to_owned(),
                what: format!("it has {length} bytes in place of {}", store.layout.len()),
            });
        }
        Ok(store)
    }

    /// Opens a file whose records may be missing.
    pub(super) fn begin(path: &Path, parameters: &Parameters) -> Result<Self, FeatureError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FeatureError::Missing {
                path: path.to_owned(),
            },
            _ => FeatureError::io("open", path)(error),
        })?;
        let found = file::read_header(|bytes, at| at::read(&file, bytes, at));
        let found = found.map_err(|what| FeatureError::Damaged {
            path: path.to_owned(),
            what,
        })?;
        if let Some((what, found, wanted)) = found.difference(parameters) {
            return Err(FeatureError::Other {
                path: path.to_owned(),
                what,
                found,
                wanted,
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            parameters: parameters.clone(),
            layout: Layout::new(parameters),
        })
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What they are of.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// How many candidates there are.
    pub fn candidates(&self) -> usize {
        self.parameters.candidates()
    }

    /// m, the patches of a candidate.
    pub fn patches_per_candidate(&self) -> usize {
        self.parameters.patches_per_candidate()
    }

    /// How many numbers there are of a patch.
    pub fn width(&self) -> usize {
        self.parameters.width()
    }

    /// Writes a candidate's features, m rows one after the other, to `rows`; zeros where it could not be read, and why.
    ///
    /// # Errors
    /// The file cannot be read, or the candidate's record is damaged.
    ///
    /// # Panics
    /// There are not so many candidates, or `rows` has not room for m rows.
    pub fn read(
        &self,
        index: usize,
        rows: &mut [f32],
    ) -> Result<Result<(), CandidateError>, FeatureError> {
        assert!(index < self.candidates(), "there is no candidate {index}");
        let mut record = vec![0; self.layout.record()];
        self.read_records(index, &mut record)?;
        self.take(index, &record, rows)
    }

    /// All candidates in order, some at a time, in as much memory as these take.
    ///
    /// # Panics
    /// `candidates` is 0.
    pub fn chunks(&self, candidates: usize) -> Chunks<'_> {
        assert!(candidates > 0, "a chunk has at least one candidate");
        Chunks {
            store: self,
            at_once: candidates,
            next: 0,
        }
    }

    /// Looks at every record.
    pub(super) fn inspect(&self) -> Result<Inspection, FeatureError> {
        let mut inspection = Inspection {
            missing: Vec::new(),
            unreadable: Vec::new(),
        };
        let length = self.file.metadata();
        let length = length.map_err(FeatureError::io("read", &self.path))?.len();
        let mut record = vec![0; self.layout.record()];
        for index in 0..self.candidates() {
            if self.layout.at(index + 1) > length {
                inspection.missing.extend(index..self.candidates());
                break;
            }
            self.read_records(index, &mut record)?;
            match self.layout.decode(index, &record) {
                None => inspection.missing.push(index),
                Some(Record::Features(_)) => {}
                Some(Record::Unreadable(_)) => inspection.unreadable.push(index),
            }
        }
        Ok(inspection)
    }

    fn read_records(&self, first: usize, bytes: &mut [u8]) -> Result<(), FeatureError> {
        at::read(&self.file, bytes, self.layout.at(first))
            .map_err(FeatureError::io("read", &self.path))
    }

    /// The features of a record.
    fn take(
        &self,
        index: usize,
        record: &[u8],
        rows: &mut [f32],
    ) -> Result<Result<(), CandidateError>, FeatureError> {
        match self.layout.decode(index, record) {
            None => Err(FeatureError::Damaged {
                path: self.path.clone(),
                what: format!("the record of candidate {index} is not as it was written"),
            }),
            Some(Record::Features(bytes)) => {
                file::floats(bytes, rows);
                Ok(Ok(()))
            }
            Some(Record::Unreadable(reason)) => {
                rows.fill(0.0);
                Ok(Err(CandidateError {
                    reason: reason.to_owned(),
                }))
            }
        }
    }
}

/// Some candidates that follow each other.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The first one's place.
    pub first: usize,
    /// m × width numbers of each; zeros of those that could not be read.
    pub rows: Vec<f32>,
    /// Whether each could be read.
    pub outcomes: Vec<Result<(), CandidateError>>,
}

impl Chunk {
    /// Each candidate's place and its rows, or why it could not be read.
    pub fn candidates(&self) -> impl Iterator<Item = (usize, Result<&[f32], &CandidateError>)> {
        let numbers = self.rows.len() / self.outcomes.len().max(1);
        let outcomes = self.outcomes.iter().enumerate();
        outcomes.map(move |(at, outcome)| {
            let rows = &self.rows[at * numbers..][..numbers];
            (self.first + at, outcome.as_ref().map(|()| rows))
        })
    }
}

/// All candidates of a store, some at a time: see [`FeatureStore::chunks`].
#[derive(Debug)]
pub struct Chunks<'a> {
    store: &'a FeatureStore,
    at_once: usize,
    next: usize,
}

impl Chunks<'_> {
    fn read(&self, first: usize, count: usize) -> Result<Chunk, FeatureError> {
        let (record, numbers) = (self.store.layout.record(), self.store.layout.numbers());
        let mut bytes = vec![0; count * record];
        self.store.read_records(first, &mut bytes)?;
        let mut rows = vec![0.0; count * numbers];
        let mut outcomes = Vec::with_capacity(count);
        for (at, (record, rows)) in bytes
            .chunks_exact(record)
            .zip(rows.chunks_exact_mut(numbers))
            .enumerate()
        {
            outcomes.push(self.store.take(first + at, record, rows)?);
        }
        Ok(Chunk {
            first,
            rows,
            outcomes,
        })
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk, FeatureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.next;
        let count = self.at_once.min(self.store.candidates() - first);
        if count == 0 {
            return None;
        }
        let chunk = self.read(first, count);
        self.next = match chunk {
            Ok(_) => first + count,
            // Nothing follows a damaged place.
            Err(_) => self.store.candidates(),
        };
        Some(chunk)
    }
}
