//! Comma-separated values with a header.

use std::{fs, path::Path};

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Table, manifest_error, row_error};
use crate::source::{SourceError, listing::read_error};

pub(super) fn read(path: &Path) -> Result<Table, SourceError> {
    let text = fs::read(path).map_err(|error| read_error(path, error))?;
    let mut reader = ReaderBuilder::new().from_reader(text.as_slice());
    let mut lines = Lines {
        text: &text,
        at: 0,
        row: 1,
    };
    let row = lines.next_record(0);
    let headers = reader.headers().map_err(|error| fault(path, row, error))?;
    let headers = trimmed(path, row, headers.clone())?;
    let columns = headers.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let row = lines.next_record(reader.position().byte());
        if !reader
            .read_record(&mut record)
            .map_err(|error| fault(path, row, error))?
        {
            return Ok(Table { columns, rows });
        }
        rows.push((row, trimmed(path, row, record.clone())?));
    }
}

/// Counts rows as a spreadsheet does: the reader passes over blank lines.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    /// That of `at`, from 1.
    row: usize,
}

impl Lines<'_> {
    /// The row of the record after the one that ends at byte `end`.
    fn next_record(&mut self, end: u64) -> usize {
        while let Some(&byte) = self.text.get(self.at)
            && ((self.at as u64) < end || matches!(byte, b'\r' | b'\n'))
        {
            let is_second_half = byte == b'\n' && self.text[..self.at].ends_with(b"\r");
            self.row += usize::from(matches!(byte, b'\r' | b'\n') && !is_second_half);
            self.at += 1;
        }
        self.row
    }
}

/// Trims the cells, after a look at what trimming would hide.
///
/// A quote that is not closed makes one cell of all that follows, even to the
/// end of the file, and the reader does not complain: the candidates below
/// would be lost without a word.
fn trimmed(path: &Path, row: usize, mut record: StringRecord) -> Result<StringRecord, SourceError> {
    for (column, cell) in (1..).zip(&record) {
        if cell.contains(['\r', '\n']) {
            return Err(row_error(
                path,
                row,
                format!(
                    "column {column}: a quote is not closed, or the cell has a line break: \
                     close the quote, or take the line break out"
                ),
            ));
        }
        let text = cell.trim_start();
        if text.len() < cell.len() && text.starts_with('"') {
            return Err(row_error(
                path,
                row,
                format!(
                    "column {column}: a quote after a space is part of the text, and quotes \
                     nothing: take the space out"
                ),
            ));
        }
    }
    record.trim();
    Ok(record)
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
