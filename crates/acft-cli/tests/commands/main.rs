//! The commands of a labeling project as processes, on images drawn here.
#![allow(clippy::unwrap_used)]

mod backup;
mod changes;
mod docs;
mod exports;
mod files;
mod help;
mod import;
mod init;
mod journey;
mod project;
mod queries;
mod same_batch;
mod serve;
