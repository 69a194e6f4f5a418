//! What can stop a prediction or a fine-tuning.

use acft::{CandidateError, CandidateId};

use crate::models::{Architecture, TooSmall};

/// Why scoring or fine-tuning stopped.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// A setting of the fine-tuning makes no sense.
    #[error("{name} is {value}: it must be {must}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        must: &'static str,
    },
    /// The model was made for another task.
    #[error(
        "the model is for {classes} classes and patches of {input} px, the run for {wanted_classes} \
         classes and patches of {wanted_input} px: give the weights to the run as pre-trained \
         weights, or use the classes and the input size of the model"
    )]
    OtherTask {
        /// Classes of the model.
        classes: usize,
        /// Input of the model, in pixels.
        input: usize,
        /// Classes of the run.
        wanted_classes: usize,
        /// Size of the run's patches, in pixels.
        wanted_input: usize,
    },
    /// A label beyond the classes.
    #[error("candidate {} has label {label}, and there are only {classes} classes", .candidate.0)]
    UnknownLabel {
        /// The candidate.
        candidate: CandidateId,
        /// Its label.
        label: u16,
        /// |Y|.
        classes: usize,
    },
    /// There is nothing to train on.
    #[error("there is no example to train on: label at least one candidate")]
    NoExamples,
    /// None of the training candidates can be read.
    #[error("none of the {count} training candidates can be read; the first: {first}")]
    NoneReadable {
        /// How many there are.
        count: usize,
        /// What is wrong with the first.
        first: CandidateError,
    },
    /// The weights ran away.
    #[error("the loss was {loss} in epoch {epoch} (lr {lr}): use a lower learning rate")]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// What the loss was.
        loss: f64,
        /// The learning rate of that epoch, outside the last layer.
        lr: f64,
    },
    /// The network's output is no number.
    #[error(
        "the network's output for candidate {} is not finite: its weights have diverged; \
         fine-tune at a lower learning rate",
        .candidate.0
    )]
    NotFinite {
        /// The candidate.
        candidate: CandidateId,
    },
    /// The network drops nothing.
    #[error(
        "{architecture} has no dropout to sample by: query by bald, which compares patches, or by margin"
    )]
    NoDropout {
        /// Which it is.
        architecture: Architecture,
    },
    /// The network cannot take patches as small as these.
    #[error(transparent)]
    TooSmall(#[from] TooSmall),
    /// The observer asked to stop.
    #[error("fine-tuning was cancelled in epoch {epoch}")]
    Cancelled {
        /// Counted from 1.
        epoch: usize,
    },
}
