//! What the algorithm asks of a network: predictions, and fine-tuning.
//!
//! The two are separate traits because a scorer is shared (many readers of an
//! immutable model) while a trainer is exclusive, and because scoring can be
//! sent elsewhere. A model is a value `M`: M_{t-1} is still there, unchanged,
//! while M_t is being made from it.

use std::ops::ControlFlow;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::prediction::Predictions;
use crate::state::{CandidateId, Label};

/// Any error of a plugged-in part.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why one candidate cannot be used. The others can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CandidateError {
    /// What is wrong with it, naming the file.
    pub reason: String,
}

/// Where [`Scorer::predict`] delivers: the candidate, and its patches'
/// softmax rows (m × |Y|, row-major) or what was wrong with it. Returning
/// [`ControlFlow::Break`] stops the stream.
pub type PredictionSink<'a> =
    dyn FnMut(CandidateId, Result<&[f64], CandidateError>) -> ControlFlow<()> + 'a;

/// Where [`Scorer::features`] delivers: the candidate, and the mean of its
/// patches' features (as many values for every candidate) or what was wrong
/// with it. Returning [`ControlFlow::Break`] stops the stream.
pub type FeatureSink<'a> =
    dyn FnMut(CandidateId, Result<&[f32], CandidateError>) -> ControlFlow<()> + 'a;

/// P ← M(C): a network's softmax over every patch of a candidate.
pub trait Scorer<M> {
    /// |Y|, the number of columns of each prediction.
    fn classes(&self) -> usize;

    /// Streams the predictions of `candidates`, in the given order, in memory
    /// that does not grow with their number. An unreadable candidate is an
    /// item of the stream, not its end.
    ///
    /// # Errors
    /// Only what stops all candidates, such as a device that fails.
    fn predict(
        &self,
        model: &M,
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError>;

    /// Streams the features of `candidates`, the values before the last layer,
    /// in the given order. Some query strategies need them; a scorer need not
    /// have them.
    ///
    /// # Errors
    /// What stops all candidates, or that there are no features.
    fn features(
        &self,
        _model: &M,
        _candidates: &[CandidateId],
        _sink: &mut FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        Err("this network shows no features to query by".into())
    }

    /// Streams the predictions of each candidate in `passes` passes that drop out units at random, as training does.
    /// Each row is one pass, its mean over the patches. Which units are dropped follows from `seed`.
    ///
    /// # Errors
    /// What stops all candidates, or that the network drops nothing.
    fn sampled(
        &self,
        _model: &M,
        _candidates: &[CandidateId],
        _passes: usize,
        _seed: u64,
        _sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        Err("this network has no dropout to sample by".into())
    }
}

/// A candidate and the label that its patches inherit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its label.
    pub label: Label,
}

/// Whether a fine-tuning starts from the pre-trained network's rate or from
/// the lower one of continual steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Phase {
    /// From M_0: at `lr`.
    FromPretrained,
    /// From M_{t-1}, t > 1: at `lr / lr_ratio`.
    Continual,
}

/// What differs from one fine-tuning to the next; the rest (optimiser,
/// epochs, mini-batch) is the trainer's own configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Which learning rate applies.
    pub phase: Phase,
    /// Seeds the shuffling and the dropout of this fine-tuning: a function of
    /// the run's seed and the step.
    pub seed: u64,
}

/// Is told of progress, and may stop a long operation.
pub trait Observer {
    /// Candidates scored so far, of how many, and what for.
    fn scored(&mut self, _what: Scoring, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// The predictions of M_{t-1} for a member of U, while a batch is chosen.
    fn predicted(&mut self, _candidate: CandidateId, _predictions: &Predictions<'_>) {}

    /// A mini-batch was trained on. Epochs and mini-batches count from 0.
    fn trained(
        &mut self,
        _epoch: usize,
        _epochs: usize,
        _batch: usize,
        _batches: usize,
        _loss: f64,
    ) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A candidate that was to be learned from, or to judge a model by, could
    /// not be read; the work went on without it. Called once for each, when the
    /// fine-tuning or the evaluation ends.
    fn left_out(&mut self, _candidate: CandidateId, _error: &CandidateError) {}
}

/// Why candidates are being scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// Ranking the pool U.
    Pool,
    /// Finding H, the members of L that M_{t-1} gets wrong.
    Labeled,
    /// Measuring M_t on held-out candidates.
    Evaluation,
}

/// Ignores all of it.
impl Observer for () {}

/// M_t ← F(·, M): fine-tuning.
pub trait Trainer<M> {
    /// Fine-tunes a copy of `from` on all patches of `examples`.
    /// The optimiser's state starts afresh.
    ///
    /// # Errors
    /// No example can be read, the loss is no longer finite, or the observer
    /// cancelled.
    fn fine_tune(
        &mut self,
        from: &M,
        examples: &[Example],
        schedule: &Schedule,
        observer: &mut dyn Observer,
    ) -> Result<Trained<M>, BoxError>;
}

/// A fine-tuned model, and what the training looked like.
#[derive(Clone, Debug)]
pub struct Trained<M> {
    /// M_t.
    pub model: M,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// Patches trained on, counted once an epoch.
    pub patches: usize,
}
