//! The patches of a training set: in memory where they fit, made again in each
//! epoch where they do not.

use std::ops::ControlFlow;

use acft::{CandidateError, CandidateId, Example};
use acft_images::PatchSource;

use super::{patch_bytes, pipeline};

/// A training set whose patches can be had in any order.
///
/// A patch is numbered `example × m + j`.
pub(super) struct Store<'a> {
    source: &'a dyn PatchSource,
    /// Those that could be read, as far as that is known.
    examples: Vec<Example>,
    /// All patches of all examples, if they fit.
    bytes: Option<Vec<u8>>,
}

/// Patches drawn from a store, with their labels.
pub(super) struct Drawn {
    pub(super) bytes: Vec<u8>,
    pub(super) labels: Vec<i64>,
    /// Examples that could not be read, and therefore are not in it.
    pub(super) failed: Vec<(CandidateId, CandidateError)>,
}

impl<'a> Store<'a> {
    /// Reads the patches of all examples if they take at most `limit` bytes.
    /// Returns the examples that could not be read as well.
    pub(super) fn new(
        source: &'a dyn PatchSource,
        examples: &[Example],
        limit: usize,
        workers: usize,
    ) -> (Self, Vec<(CandidateId, CandidateError)>) {
        let size = source.patches_per_candidate() * patch_bytes(source);
        if examples.len().saturating_mul(size) > limit {
            let store = Self {
                source,
                examples: examples.to_vec(),
                bytes: None,
            };
            return (store, Vec::new());
        }
        let mut readable = Vec::with_capacity(examples.len());
        let mut failed = Vec::new();
        let mut bytes = Vec::with_capacity(examples.len() * size);
        let read = |index: usize| {
            let mut patches = vec![0; size];
            let outcome = source.write(examples[index].candidate, &mut patches);
            outcome.map(|()| patches)
        };
        let outcome: Result<(), std::convert::Infallible> =
            pipeline::ordered(examples.len(), workers, read, |index, patches| {
                match patches {
                    Ok(patches) => {
                        readable.push(examples[index]);
                        bytes.extend(patches);
                    }
                    Err(error) => failed.push((examples[index].candidate, error)),
                }
                Ok(ControlFlow::Continue(()))
            });
        let Ok(()) = outcome;
        let store = Self {
            source,
            examples: readable,
            bytes: Some(bytes),
        };
        (store, failed)
    }

    /// How many patches there are.
    pub(super) fn len(&self) -> usize {
        self.examples.len() * self.source.patches_per_candidate()
    }

    /// How many threads it is worth to draw from it at once.
    pub(super) fn workers(&self, available: usize) -> usize {
        if self.bytes.is_some() { 1 } else { available }
    }

    /// Gathers patches by number.
    pub(super) fn draw(&self, patches: &[usize]) -> Drawn {
        let m = self.source.patches_per_candidate();
        let size = patch_bytes(self.source);
        let mut drawn = Drawn {
            bytes: vec![0; patches.len() * size],
            labels: Vec::with_capacity(patches.len()),
            failed: Vec::new(),
        };
        for &patch in patches {
            let example = self.examples[patch / m];
            let slot = &mut drawn.bytes[drawn.labels.len() * size..][..size];
            let outcome = match &self.bytes {
                Some(bytes) => {
                    slot.copy_from_slice(&bytes[patch * size..][..size]);
                    Ok(())
                }
                None => self.source.write_patch(example.candidate, patch % m, slot),
            };
            match outcome {
                Ok(()) => drawn.labels.push(i64::from(example.label.0)),
                Err(error) => drawn.failed.push((example.candidate, error)),
            }
        }
        drawn.bytes.truncate(drawn.labels.len() * size);
        drawn
    }
}
