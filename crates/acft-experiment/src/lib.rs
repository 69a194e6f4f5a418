//! A grid of runs from one file: which runs it takes, how they are made, and
//! the report on them.
//!
//! ```text
//! file → grid → run → results (a table) → report (panels → parts → document)
//! ```
//!
//! This crate knows nothing of command lines, terminals, databases or HTTP.

// Its `eprintln!`: what is printed cannot steer a terminal.
#[macro_use]
extern crate acft_terminal;

mod jobs;
mod memory;
mod results;
mod sources;

pub mod file;
pub mod grid;
pub mod html;
pub mod report;
pub mod run;
pub mod status;

pub use jobs::jobs_here;

/// The commit that this program was made of, where its sources had a history.
pub(crate) const COMMIT: Option<&str> = option_env!("ACFT_COMMIT");
