//! The network behind a labeling project: it ranks the pool, trains on the
//! labels and judges the outcome.
//!
//! ```text
//! settings (acft.toml) → create | open → worker (decide → lab → verdict) → events
//!                                 vision: images and predictions for the server
//! ```
//!
//! This crate knows nothing of command lines, SQL or figures.

pub mod backup;
pub mod create;
pub mod moment;
pub mod open;
pub mod settings;
mod staging;
pub mod vision;
pub mod words;
pub mod worker;

pub use open::{Opened, is_project, is_whole};
pub use settings::SETTINGS;
pub use worker::{Queried, Worker, query_once, train_once};
