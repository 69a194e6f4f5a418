//! All tests of the crate from outside, in one binary: one link instead of six.
#![allow(clippy::unwrap_used)]

mod algorithm;
mod baselines;
mod golden;
mod metrics;
mod saving;
mod saving_bootstrap;
mod world;
