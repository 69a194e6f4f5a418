//! Where in a table the input is at fault: each message names the file, the
//! row and the column, and says what to do.

use std::fmt;
use std::io;
use std::path::Path;

use acft_run::BadInput;

/// Where a row stands: counted from 1, the header not counted; in a text file
/// also the line, which quoted line breaks can move away from the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowNumber {
    /// From 1.
    pub(super) row: u64,
    /// From 1, the header counted.
    pub(super) line: Option<u64>,
}

impl RowNumber {
    /// The row at `index`, counted from 0, of a file that has no lines.
    pub(super) fn from_index(index: u64) -> Self {
        Self {
            row: index + 1,
            line: None,
        }
    }

    /// The row so many after this, in a file that has no lines, or where that is none.
    pub(super) fn plus(self, rows: usize) -> Self {
        Self {
            row: self.row + rows as u64,
            ..self
        }
    }
}

impl fmt::Display for RowNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "row {} (line {line})", self.row),
            None => write!(f, "row {}", self.row),
        }
    }
}

/// Tells a damaged file, which is the user's to replace, from a disk that
/// fails.
pub(super) fn read_error(file: &Path, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::NotFound => BadInput::file(file, "no such file; check the path").into(),
        io::ErrorKind::IsADirectory => {
            BadInput::file(file, "is a folder; name a file in it").into()
        }
        // Not from the system, so from what decodes the file.
        _ if error.raw_os_error().is_none() => BadInput::file(
            file,
            format!("damaged or cut short ({error}); write it again"),
        )
        .into(),
        _ => anyhow::Error::new(error).context(format!("failed to read {}", file.display())),
    }
}
