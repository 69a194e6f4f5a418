//! A labeling project: its settings, its worker, what sees its images, and its
//! commands.

pub(crate) mod backup;
pub(crate) mod commands;
pub(crate) mod settings;
pub(crate) mod staging;
pub(crate) mod vision;
pub(crate) mod worker;
