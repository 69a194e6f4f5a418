//! Active, continual fine-tuning (ACFT): the algorithm of Zhou et al.,
//! *Active, Continual Fine Tuning of Convolutional Neural Networks for
//! Reducing Annotation Efforts*, Medical Image Analysis 71 (2021).
//!
//! This crate sees identifiers, probabilities and labels. It knows nothing of
//! pixels, files, clocks, threads or a deep-learning framework: those plug in
//! through [`Scorer`], [`Trainer`] and [`Annotator`].
//!
//! Start at [`algorithm`], which is the paper's Algorithm 1; then [`criterion`]
//! (Eq. 1 and 2), [`prediction`] (majority selection, Eq. 3) and [`sampling`]
//! (Eq. 4). [`metrics`], [`curve`] and [`saving`] measure what a run was worth,
//! and [`baselines`] are the other ways to query.

pub mod algorithm;
pub mod annotator;
pub mod baselines;
pub mod criterion;
pub mod curve;
pub mod learner;
pub mod metrics;
pub mod patterns;
pub mod prediction;
pub mod random;
pub mod ranking;
pub mod replay;
pub mod sampling;
pub mod saving;
pub mod seeds;
pub mod state;
pub mod stopping;
pub mod strategy;

pub use algorithm::{Drawn, Journal, Plan, Queried, Run, Taught, acft, query, teach};
pub use annotator::{Annotation, Annotator, NoisyOracle, Oracle};
pub use criterion::Criterion;
pub use learner::{
    BoxError, CandidateError, Example, FeatureSink, Observer, Phase, PredictionSink, Schedule,
    Scorer, Scoring, Trained, Trainer,
};
pub use prediction::Predictions;
pub use ranking::{Ranked, Score};
pub use state::{CandidateId, CandidateKey, Label, State};
pub use stopping::{Evidence, Stop, StopReason};
pub use strategy::{LearningStrategy, Preset, Query, Replay, Start};
