//! Active, continual fine-tuning (ACFT): the algorithm of Zhou et al.,
//! *Active, Continual Fine Tuning of Convolutional Neural Networks for
//! Reducing Annotation Efforts*, Medical Image Analysis 71 (2021).
//!
//! This crate sees identifiers, probabilities and labels. It knows nothing of
//! pixels, files, clocks, threads or a deep-learning framework: those plug in
//! through [`Scorer`], [`Trainer`], [`Annotator`] and [`Evaluator`].
//!
//! Start at [`algorithm`], which is the paper's Algorithm 1; then [`criterion`]
//! (Eq. 1 and 2), [`prediction`] (majority selection, Eq. 3) and [`choose`](mod@choose) with
//! [`sampling`] (Eq. 4). [`metrics`], [`curve`] and [`saving`] measure what a run was
//! worth, and [`baselines`] are the other ways to query. `examples/loop.rs` runs
//! the whole loop with a toy network.
//!
//! With the feature `serde`, settings, scores and results can be serialized.

pub mod algorithm;
pub mod annotator;
pub mod baselines;
pub mod choose;
pub mod criterion;
pub mod curve;
pub mod error;
pub mod journal;
pub mod learner;
pub mod metrics;
pub mod patterns;
pub mod plan;
mod predicting;
pub mod prediction;
mod queries;
pub mod random;
pub mod ranking;
pub mod replay;
pub mod run;
pub mod sampling;
pub mod saving;
pub mod seeds;
pub mod state;
pub mod stopping;
pub mod strategy;

pub use algorithm::{acft, query, teach};
pub use annotator::{Annotation, Annotator, NoisyOracle, Oracle};
pub use choose::{Choice, Chosen, Drawn, choose};
pub use criterion::Criterion;
pub use error::Error;
pub use journal::{Evaluator, Journal, Judged};
pub use learner::{
    BoxError, CandidateError, Example, FeatureSink, Observer, Phase, PredictionSink, Schedule,
    Scorer, Scoring, Trained, Trainer,
};
pub use plan::Plan;
pub use prediction::Predictions;
pub use random::Stream;
pub use ranking::{Ranked, Score};
pub use run::{Queried, Run, Taught};
pub use state::{CandidateId, CandidateKey, Label, State};
pub use stopping::{Evidence, Stop, StopReason};
pub use strategy::{LearningStrategy, Preset, Query, Replay, Start};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
