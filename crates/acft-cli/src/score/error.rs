//! Where in a table the input is at fault: each message names the file, the
//! row and the column, and says what to do.

use std::path::Path;
use std::{fmt, io};

use acft_run::BadInput;
use acft_tables::TableError;

/// Where a row stands, from 1: in a CSV file as a spreadsheet counts, so that
/// its header is row 1; elsewhere without a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowNumber(pub(super) u64);

impl RowNumber {
    /// The row at `index`, counted from 0, of a file that has no header.
    pub(super) fn from_index(index: u64) -> Self {
        Self(index.saturating_add(1))
    }

    /// The row so many after this, in a file that has no lines, or where that is none.
    pub(super) fn plus(self, rows: usize) -> Self {
        Self(self.0 + rows as u64)
    }
}

impl fmt::Display for RowNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.0)
    }
}

/// An error of the reader of tables: the user's to mend, or the disk's.
pub(super) fn table_error(error: TableError) -> anyhow::Error {
    match error.is_disk() {
        true => anyhow::Error::new(error),
        false => BadInput(error.to_string()).into(),
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
