//! P ← M(C): streaming candidates through a network.

use std::ops::ControlFlow;

use acft::{CandidateError, CandidateId, PredictionSink};
use acft_images::PatchSource;

use super::error::LearnerError;
use super::runner::Runner;
use super::{FeatureSink, patch_bytes, pipeline};
use crate::engine;

/// Delivers the softmax rows of each candidate.
pub(super) fn probabilities(
    source: &dyn PatchSource,
    workers: usize,
    runner: &Runner,
    candidates: &[CandidateId],
    sink: &mut PredictionSink<'_>,
) -> Result<(), LearnerError> {
    let classes = runner.model().description().classes.len();
    let mut rows = vec![0.0; source.patches_per_candidate() * classes];
    let stream = Stream {
        source,
        workers,
        runner,
        wanted: Wanted::Rows(engine::Wanted::Logits),
    };
    stream.each(candidates, |candidate, logits| match logits {
        Err(error) => Ok(sink(candidate, Err(error))),
        Ok(logits) => {
            for (row, logits) in rows
                .chunks_exact_mut(classes)
                .zip(logits.chunks_exact(classes))
            {
                softmax(logits, row).ok_or(LearnerError::NotFinite { candidate })?;
            }
            Ok(sink(candidate, Ok(&rows)))
        }
    })
}

/// Delivers features of each candidate.
pub(super) fn features(
    source: &dyn PatchSource,
    workers: usize,
    runner: &Runner,
    candidates: &[CandidateId],
    which: engine::Wanted,
    sink: &mut FeatureSink<'_>,
) -> Result<(), LearnerError> {
    let stream = Stream {
        source,
        workers,
        runner,
        wanted: Wanted::Rows(which),
    };
    stream.each(candidates, |candidate, features| {
        Ok(sink(candidate, features))
    })
}

/// Delivers the mean over patches of the softmax rows of each candidate, a row a pass with dropout.
pub(super) fn sampled(
    source: &dyn PatchSource,
    workers: usize,
    runner: &Runner,
    candidates: &[CandidateId],
    (passes, seed): (usize, u64),
    sink: &mut PredictionSink<'_>,
) -> Result<(), LearnerError> {
    let classes = runner.model().description().classes.len();
    let patches = source.patches_per_candidate();
    let stream = Stream {
        source,
        workers,
        runner,
        wanted: Wanted::Sampled { passes, seed },
    };
    let mut row = vec![0.0; classes];
    let mut means = vec![0.0; passes * classes];
    stream.each(candidates, |candidate, logits| match logits {
        Err(error) => Ok(sink(candidate, Err(error))),
        Ok(logits) => {
            means.fill(0.0);
            for patch in logits.chunks_exact(passes * classes) {
                for (mean, logits) in means
                    .chunks_exact_mut(classes)
                    .zip(patch.chunks_exact(classes))
                {
                    softmax(logits, &mut row).ok_or(LearnerError::NotFinite { candidate })?;
                    for (mean, p) in mean.iter_mut().zip(&row) {
                        *mean += p / patches as f64;
                    }
                }
            }
            Ok(sink(candidate, Ok(&means)))
        }
    })
}

/// Candidates on their way through a network, some at a time.
struct Stream<'a> {
    source: &'a dyn PatchSource,
    workers: usize,
    runner: &'a Runner,
    wanted: Wanted,
}

/// What is wanted of each patch.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// One row.
    Rows(engine::Wanted),
    /// Logits of passes with dropout.
    Sampled { passes: usize, seed: u64 },
}

/// The patches of some candidates: those that could be read, one after the other.
struct Chunk {
    bytes: Vec<u8>,
    outcomes: Vec<Result<(), CandidateError>>,
}

impl Stream<'_> {
    /// Calls `deliver` with each candidate's rows, in the given order. Images
    /// are decoded and augmented on other threads while the network runs here.
    fn each(
        &self,
        candidates: &[CandidateId],
        mut deliver: impl FnMut(
            CandidateId,
            Result<&[f32], CandidateError>,
        ) -> Result<ControlFlow<()>, LearnerError>,
    ) -> Result<(), LearnerError> {
        let patches = self.source.patches_per_candidate();
        let at_once = self.runner.patches_at_once();
        let chunks: Vec<&[CandidateId]> = candidates.chunks((at_once / patches).max(1)).collect();
        pipeline::ordered(
            chunks.len(),
            self.workers,
            |index| self.chunk(chunks[index]),
            |index, chunk| {
                let rows = self.rows(&chunk.bytes, at_once, index)?;
                let readable = chunk.outcomes.iter().filter(|o| o.is_ok()).count();
                let mut rows = rows.chunks_exact((rows.len() / readable.max(1)).max(1));
                for (&candidate, outcome) in chunks[index].iter().zip(chunk.outcomes) {
                    let rows = outcome.map(|()| rows.next().unwrap_or_default());
                    if deliver(candidate, rows)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(ControlFlow::Continue(()))
            },
        )
    }

    /// Reads the patches of some candidates.
    fn chunk(&self, candidates: &[CandidateId]) -> Chunk {
        let size = self.source.patches_per_candidate() * patch_bytes(self.source);
        let mut bytes = vec![0; candidates.len() * size];
        let mut used = 0;
        let mut outcomes = Vec::with_capacity(candidates.len());
        for &candidate in candidates {
            let outcome = self.source.write(candidate, &mut bytes[used..][..size]);
            if outcome.is_ok() {
                used += size;
            }
            outcomes.push(outcome);
        }
        bytes.truncate(used);
        Chunk { bytes, outcomes }
    }

    /// Runs the network over patches, at most `at_once` at a time.
    /// `chunk` counts the chunks of candidates.
    fn rows(&self, bytes: &[u8], at_once: usize, chunk: usize) -> Result<Vec<f32>, LearnerError> {
        let mut rows = Vec::new();
        for (part, bytes) in bytes.chunks(at_once * patch_bytes(self.source)).enumerate() {
            let more = match self.wanted {
                Wanted::Rows(which) => self.runner.run(bytes, which)?,
                Wanted::Sampled { passes, seed } => {
                    // Each part has masks of its own, whatever came before it.
                    let seed = seed
                        .wrapping_add((chunk as u64) << 20)
                        .wrapping_add(part as u64);
                    self.runner.sample(bytes, passes, seed)?
                }
            };
            rows.extend(more);
        }
        Ok(rows)
    }
}

/// Softmax of one row of logits, in f64 so that it sums to 1; none where a
/// logit is no number.
fn softmax(logits: &[f32], row: &mut [f64]) -> Option<()> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for (p, &logit) in row.iter_mut().zip(logits) {
        if !logit.is_finite() {
            return None;
        }
        *p = (f64::from(logit) - f64::from(largest)).exp();
    }
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|p| *p /= sum);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_one_however_large_the_logits() {
        let mut row = [0.0; 3];
        for logits in [[1.0, 2.0, 3.0], [1e30, 0.0, -1e30], [-500.0; 3]] {
            assert_eq!(softmax(&logits, &mut row), Some(()));
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        assert_eq!(softmax(&[0.0, f32::NAN, 1.0], &mut row), None);
        assert_eq!(softmax(&[0.0, f32::INFINITY, 1.0], &mut row), None);
    }
}
