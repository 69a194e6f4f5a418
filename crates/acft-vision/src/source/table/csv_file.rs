//! Comma-separated values with a header.

use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::{Table, manifest_error, row_error};
use crate::source::{SourceError, listing::read_error};

/// The header is row 1.
const FIRST_ROW: usize = 2;

pub(super) fn read(path: &Path) -> Result<Table, SourceError> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .from_path(path)
        .map_err(|error| fault(path, 1, error))?;
    let columns = reader
        .headers()
        .map_err(|error| fault(path, 1, error))?
        .iter()
        .map(str::to_owned)
        .collect();
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let row = FIRST_ROW + rows.len();
        if !reader
            .read_record(&mut record)
            .map_err(|error| fault(path, row, error))?
        {
            return Ok(Table { columns, rows });
        }
        rows.push((row, record.clone()));
    }
}

fn fault(path: &Path, row: usize, error: csv::Error) -> SourceError {
    match error.into_kind() {
        ErrorKind::Io(error) => read_error(path, error),
        ErrorKind::Utf8 { err, .. } => row_error(
            path,
            row,
            format!(
                "cell {} is not valid UTF-8: save the file as UTF-8",
                err.field() + 1
            ),
        ),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => row_error(
            path,
            row,
            format!(
                "{len} cells where the header has {expected_len}: is a comma or a quote missing?"
            ),
        ),
        other => manifest_error(path, format!("{other:?}")),
    }
}
