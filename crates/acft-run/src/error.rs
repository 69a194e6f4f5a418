//! Errors whose cause is what the user gave, apart from all others.

use std::fmt;
use std::path::Path;

/// Marks an error whose cause is the input: a flag, a file, a row. A command
/// exits with 2 for it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

impl BadInput {
    /// Flags that contradict each other, or name what does not exist.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }

    /// A fault of a file as a whole.
    pub fn file(file: &Path, problem: impl fmt::Display) -> Self {
        Self(format!("{}: {problem}", file.display()))
    }

    /// A fault of one row.
    pub fn row(file: &Path, row: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self(format!("{}: {row}: {problem}", file.display()))
    }

    /// A fault of one cell.
    pub fn cell(
        file: &Path,
        row: impl fmt::Display,
        column: &str,
        problem: impl fmt::Display,
    ) -> Self {
        Self(format!(
            "{}: {row}, column {column}: {problem}",
            file.display()
        ))
    }
}

/// Builds a [`BadInput`] as an [`anyhow::Error`], from a format string.
#[macro_export]
macro_rules! bad_input {
    ($($text:tt)*) => { ::anyhow::Error::new($crate::BadInput(format!($($text)*))) };
}
