//! When backups are made.

use std::path::PathBuf;
use std::time::Duration;

/// When backups are made, where to, and how many are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) to: PathBuf,
    pub(crate) every: Duration,
    pub(crate) keep: usize,
}
