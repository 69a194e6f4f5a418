//! From files to what a network sees: candidates, the region of an image that
//! a candidate stands for, and the augmented patches of that region.
//!
//! ```text
//! source → image_io → patches → PatchSource
//! ```
//!
//! [`source`] lists and checks the candidates of a folder or a manifest,
//! [`image_io`] decodes their files, [`patches`] cuts their views, and
//! [`ImagePatches`] joins the three into the [`PatchSource`] that a learner
//! reads.
//!
//! This crate knows nothing of networks, projects, run folders, or how a batch
//! is chosen.

mod image_patches;
mod patch_source;

pub mod image_io;
pub mod patches;
pub mod source;

pub use image_patches::ImagePatches;
pub use patch_source::{FirstPatches, PatchSource};
