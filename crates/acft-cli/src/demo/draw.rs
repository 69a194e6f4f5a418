//! Pictures made from nothing but a seed: the frames that the demo labels, and
//! the patterns that its network is pre-trained on.
//!
//! Every picture is a function of (seed, set, index) alone, so a set can be
//! drawn again, in part or in any order, with the same bytes.

mod canvas;
pub(crate) mod frame;
mod noise;
pub(crate) mod pattern;
mod random;
mod spot;
mod tissue;

pub(crate) use canvas::Canvas;
