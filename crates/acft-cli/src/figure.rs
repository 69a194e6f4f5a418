//! Figures: a small SVG composer, axes, and PNG through resvg with an embedded font.
//!
//! A figure is a value with an `svg` method. The same value always gives the same bytes: nothing here reads the clock,
//! the file system or the fonts of the machine.

pub(crate) mod axis;
pub(crate) mod bars;
pub(crate) mod curve;
mod frame;
pub(crate) mod gallery;
mod heading;
pub(crate) mod histograms;
mod label;
mod lines;
pub(crate) mod picture;
pub(crate) mod png;
mod spread;
pub(crate) mod style;
pub(crate) mod svg;
pub(crate) mod text;

pub(crate) use png::png;
