//! Why a run cannot go on.

use crate::criterion::CriterionError;
use crate::learner::BoxError;
use crate::state::{CandidateId, NotInPool};

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The criterion cannot rank this pool.
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    /// The observer asked to stop.
    #[error("cancelled while candidates were scored")]
    Cancelled,
    /// The batch size is 0.
    #[error("a batch of 0 candidates teaches nothing: ask for at least 1")]
    EmptyBatch,
    /// An annotation for a candidate that is not in the batch.
    #[error("candidate {} was annotated but not queried in this step", .0.0)]
    NotQueried(CandidateId),
    /// A second annotation of one candidate.
    #[error(transparent)]
    NotInPool(#[from] NotInPool),
    /// An output of the network that is no distribution over the classes.
    #[error("the network's output for candidate {} is no prediction: {reason}", candidate.0)]
    Output {
        /// The candidate.
        candidate: CandidateId,
        /// What is wrong.
        reason: String,
    },
    /// An error of the scorer, trainer, annotator, evaluator or journal.
    #[error(transparent)]
    Plugged(BoxError),
}
