//! Whether a Parquet file is as small in memory as it should be, before
//! anything of it is unpacked.
//!
//! A few thousand bytes can claim, and with compression even hold, gigabytes.
//! So each page of the columns that are read is looked at: its header says how
//! many bytes it unpacks to, and how many values these are.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use parquet::arrow::ProjectionMask;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::page_header::{self, Claim};
use crate::TableError;

/// Bytes of one value: as long as a path or a note may be.
pub(super) const VALUE: u64 = 64 << 10;
/// Bytes that one page unpacks to.
const PAGE: u64 = 64 << 20;
/// Bytes that the values of one batch may take in each column.
const BATCH: u64 = 16 << 20;
/// Rows, and bytes of all pages, that any file may have …
const ROWS: u64 = 4 << 20;
const ROOM: u64 = 256 << 20;
/// … and those for each of its bytes.
const ROWS_A_BYTE: u64 = 1 << 10;
const FACTOR: u64 = 200;

/// Checks the pages of the columns of `mask`; says how many rows may be
/// unpacked at once.
pub(super) fn check(
    path: &Path,
    file: &File,
    metadata: &ParquetMetaData,
    mask: &ProjectionMask,
) -> Result<usize, TableError> {
    let fail = |error| TableError::read(path, error);
    let length = file.metadata().map_err(fail)?.len();
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(u64::MAX);
    let most = ROWS.saturating_add(length.saturating_mul(ROWS_A_BYTE));
    if rows > most {
        let problem =
            format!("claims {rows} rows in {length} bytes; it is damaged, write it again");
        return Err(TableError::file(path, problem));
    }
    let mut source = BufReader::new(file.try_clone().map_err(fail)?);
    let (mut all, mut longest) = (0u64, 1);
    for group in metadata.row_groups() {
        let columns = group.columns().iter().enumerate();
        for (_, column) in columns.filter(|(leaf, _)| mask.leaf_included(*leaf)) {
            for claim in claims(path, &mut source, length, column)? {
                all = all.saturating_add(claim.unpacked);
                if all > ROOM + FACTOR * length {
                    let problem = format!(
                        "unpacks to more than {} MB, from {length} bytes; split it, or write it \
                         again without compression",
                        (ROOM + FACTOR * length) >> 20
                    );
                    return Err(TableError::file(path, problem));
                }
                longest = longest.max(check_page(path, column, claim)?);
            }
        }
    }
    Ok(usize::try_from((BATCH / longest).max(16)).unwrap_or(usize::MAX))
}

/// Refuses a page that is too large; says how many bytes its values have in the mean.
fn check_page(path: &Path, column: &ColumnChunkMetaData, page: Claim) -> Result<u64, TableError> {
    let name = column.column_path().string();
    // What is in a page beside its values is little.
    let most = VALUE + page.values.saturating_mul(VALUE);
    if page.unpacked > most.min(PAGE) {
        let problem = format!(
            "has a page of {} values that unpacks to {} MB; texts of at most {} kB are read, in \
             pages of at most {} MB: shorten the texts, or write smaller pages",
            page.values,
            page.unpacked >> 20,
            VALUE >> 10,
            PAGE >> 20
        );
        return Err(TableError::column(path, &name, problem));
    }
    Ok(page.unpacked / page.values.max(1))
}

/// What the pages of one column in one group of rows claim.
fn claims(
    path: &Path,
    source: &mut (impl Read + Seek),
    length: u64,
    column: &ColumnChunkMetaData,
) -> Result<Vec<Claim>, TableError> {
    let name = column.column_path().string();
    let damaged = || {
        let problem = "its pages do not lie where the file says; it is damaged, write it again";
        TableError::column(path, &name, problem)
    };
    let start = column.dictionary_page_offset().into_iter();
    let start = start
        .filter(|at| *at > 0)
        .chain([column.data_page_offset()])
        .min();
    let size = u64::try_from(column.compressed_size()).map_err(|_| damaged())?;
    let mut at = start
        .and_then(|at| u64::try_from(at).ok())
        .ok_or_else(damaged)?;
    let end = at
        .checked_add(size)
        .filter(|end| *end <= length)
        .ok_or_else(damaged)?;
    let fail = |error| TableError::read(path, error);
    source.seek(SeekFrom::Start(at)).map_err(fail)?;
    let mut claims = Vec::new();
    while at < end {
        let claim =
            page_header::read(&mut source.by_ref().take(end - at)).map_err(|_| damaged())?;
        let begin = source.stream_position().map_err(fail)?;
        at = begin
            .checked_add(claim.packed)
            .filter(|at| *at <= end)
            .ok_or_else(damaged)?;
        source.seek(SeekFrom::Start(at)).map_err(fail)?;
        claims.push(claim);
    }
    Ok(claims)
}
