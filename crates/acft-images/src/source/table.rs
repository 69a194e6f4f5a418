//! Reading a manifest's cells as text, whatever its format.

mod csv_file;
mod json_lines;
mod parquet_file;

use std::path::Path;

use csv::StringRecord;

use super::SourceError;

/// A manifest's cells, trimmed. A cell that is missing or null is empty.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<String>,
    /// Row numbers as [`Candidate::row`](super::Candidate::row) counts them,
    /// and cells; a record may be shorter than the list of columns.
    pub(super) rows: Vec<(usize, StringRecord)>,
}

/// Reads a .csv, .jsonl, .ndjson or .parquet file.
pub(super) fn read(path: &Path) -> Result<Table, SourceError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let table = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => csv_file::read(path),
        Some("jsonl" | "ndjson") => json_lines::read(path),
        Some("parquet") => parquet_file::read(path),
        _ => Err(SourceError::UnknownManifest(path.to_owned())),
    }?;
    for (index, column) in table.columns.iter().enumerate() {
        if !column.is_empty() && table.columns[..index].contains(column) {
            return Err(manifest_error(
                path,
                format!("column `{column}` is there twice: rename one"),
            ));
        }
    }
    Ok(table)
}

fn manifest_error(path: &Path, reason: String) -> SourceError {
    SourceError::Manifest {
        path: path.to_owned(),
        reason,
    }
}

fn row_error(path: &Path, row: usize, reason: String) -> SourceError {
    SourceError::Row {
        path: path.to_owned(),
        row,
        reason,
    }
}
