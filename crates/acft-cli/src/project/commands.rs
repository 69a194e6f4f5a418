//! The commands of a labeling project, a file each.

pub(crate) mod add;
mod again;
pub(crate) mod annotator;
pub(crate) mod at;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod classes;
pub(crate) mod completions;
pub(crate) mod export;
mod import;
pub(crate) mod init;
pub(crate) mod label;
mod listed;
pub(crate) mod man;
pub(crate) mod model;
mod names;
pub(crate) mod predict;
pub(crate) mod query;
pub(crate) mod report;
pub(crate) mod restore;
mod scoring;
pub(crate) mod serve;
pub(crate) mod shown;
pub(crate) mod status;
mod summary;
pub(crate) mod train;
