//! Candidates as images: where they come from, their patches, the
//! convolutional networks that look at them, and the learner that fine-tunes
//! those, on Burn.
//!
//! ```text
//! source → image_io → patches → models → learner
//!                                weights ↗   ↖ ops
//! ```
//!
//! It knows nothing of databases, servers, or how a batch is chosen.

mod engine;
pub mod features;
pub mod image_io;
pub mod learner;
pub mod models;
pub mod ops;
pub mod patches;
pub mod source;
pub mod weights;

/// Where networks are kept and run.
pub use burn::tensor::Device;
