//! Convolutional networks, their weights, and the learner that scores
//! candidates with them and fine-tunes them, on Burn.
//!
//! ```text
//! models → learner
//! weights ↗   ↖ ops, engine
//! ```
//!
//! It knows nothing of image files, databases, servers, or how a batch is
//! chosen: patches come as bytes from a [`PatchSource`](acft_images::PatchSource).

mod engine;
pub mod features;
pub mod learner;
pub mod models;
pub mod ops;
pub mod weights;

/// Where networks are kept and run.
pub use burn::tensor::Device;
