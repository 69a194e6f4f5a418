//! The commands of a labeling project.

pub(crate) mod commands;
