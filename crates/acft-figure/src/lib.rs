//! Figures: a small SVG composer, axes, and PNG through resvg with an embedded font.
//!
//! A figure is a value with an `svg` method. The same value always gives the same bytes: nothing here reads the clock,
//! the file system or the fonts of the machine.

pub mod axis;
pub mod bars;
pub mod curve;
mod frame;
pub mod gallery;
mod heading;
pub mod histograms;
mod label;
mod lines;
pub mod picture;
pub mod png;
mod spread;
pub mod style;
pub mod svg;
pub mod text;

pub use png::png;
