//! Which format a file has, and the whole table that it holds.

use std::fs;
use std::path::Path;

use super::table::RowBuilder;
use super::{Kind, Table, TableError, TextRows, json_lines};

/// How a file holds its table. The ending of its name decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.csv` and `.tsv`: a header, then a line for each row.
    Text,
    /// `.jsonl` and `.ndjson`: a JSON object a line.
    JsonLines,
    /// `.parquet` and `.pq`.
    Parquet,
}

impl Format {
    /// The format that the name tells.
    pub fn of(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" | "tsv" => Some(Self::Text),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Bytes that a table may take in memory beside what is in proportion to its file.
const ROOM: u64 = 128 << 20;
/// Bytes in memory for each byte of the file: the shortest cells take so much.
const FACTOR: u64 = 40;

/// Reads a whole table.
///
/// # Errors
/// The name ends in none of the [`Format`]s, the file cannot be read, or it is
/// not sound.
pub fn read(file: &Path) -> Result<Table, TableError> {
    match Format::of(file) {
        Some(Format::Text) => text(file),
        Some(Format::JsonLines) => json_lines::read(file),
        #[cfg(feature = "parquet")]
        Some(Format::Parquet) => super::parquet::table(file),
        #[cfg(not(feature = "parquet"))]
        Some(Format::Parquet) => Err(TableError::file(
            file,
            "this program was built without Parquet; save the table as CSV",
        )),
        None => Err(TableError::file(
            file,
            "not a table by its name; it must end in .csv, .tsv, .jsonl, .ndjson or .parquet",
        )),
    }
}

fn text(file: &Path) -> Result<Table, TableError> {
    let mut rows = TextRows::open(file)?;
    let header = rows.header().clone();
    let columns = header.names().len();
    let mut table = Table::new(file, header);
    let mut cells = RowBuilder::default();
    while let Some(row) = rows.next_row()? {
        for column in 0..columns {
            let cell = str::from_utf8(row.bytes(column)).map_err(|_| {
                let name = table
                    .header()
                    .names()
                    .get(column)
                    .filter(|name| !name.is_empty());
                let name = name.cloned().unwrap_or_else(|| (column + 1).to_string());
                let problem = "is not UTF-8; save the file as UTF-8";
                TableError::cell(file, row.number, &name, problem)
            })?;
            cells.push(cell, Kind::Text);
        }
        table.push(row.number, &mut cells);
    }
    Ok(table)
}

/// What a table may still take of the memory.
pub(crate) struct Budget {
    left: u64,
    whole: u64,
}

impl Budget {
    pub(crate) fn of(file: &Path) -> Result<Self, TableError> {
        let bytes = fs::metadata(file).map_err(|error| TableError::read(file, error))?;
        let whole = ROOM + FACTOR * bytes.len();
        Ok(Self { left: whole, whole })
    }

    /// Takes room for a row.
    pub(crate) fn take(&mut self, file: &Path, bytes: u64) -> Result<(), TableError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let problem = format!(
                "unpacks to a table of more than {} MB; is it damaged? Split it, or write it \
                 again without the columns that are not needed",
                self.whole >> 20
            );
            TableError::file(file, problem)
        })?;
        Ok(())
    }
}
