//! A whole Parquet file as a table of texts.

use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::pages::VALUE;
use super::{ParquetFile, Stop};
use crate::caught::caught;
use crate::format::Budget;
use crate::table::RowBuilder;
use crate::{Kind, Table, TableError};

/// Rows that are unpacked together.
const BATCH: usize = 1024;

/// Reads the columns of single values. Those of lists, structures and raw bytes
/// stay unread: their cells say what they are, and have no text.
pub(crate) fn table(path: &Path) -> Result<Table, TableError> {
    let file = ParquetFile::open(path)?;
    let kinds: Vec<Kind> = (file.schema().fields().iter())
        .map(|field| kind(field.data_type()))
        .collect();
    let is_read = |kind: &Kind| !matches!(kind, Kind::List | Kind::Object | Kind::Bytes);
    let read: Vec<usize> = (0..kinds.len()).filter(|at| is_read(&kinds[*at])).collect();
    let mut budget = Budget::of(path)?;
    let mut table = Table::new(path, file.header().clone());
    let mut add = |before: u64, batch: RecordBatch| {
        let rows = caught(|| add(path, before, &batch, &kinds, &mut budget, &mut table));
        let damaged = |error: String| super::damaged(path, before, &error);
        Ok(rows.map_err(damaged)??)
    };
    match file.read(&read, BATCH, &mut add) {
        Err(Stop::Table(error)) => Err(error),
        Ok(()) | Err(Stop::Sink) => Ok(table),
    }
}

fn kind(data_type: &DataType) -> Kind {
    use DataType as T;
    match data_type {
        T::Dictionary(_, values) => kind(values),
        T::Boolean => Kind::Bool,
        T::Binary | T::BinaryView | T::LargeBinary | T::FixedSizeBinary(_) => Kind::Bytes,
        T::Struct(_) | T::Map(..) | T::Union(..) => Kind::Object,
        nested if nested.is_nested() => Kind::List,
        number if number.is_numeric() => Kind::Number,
        _ => Kind::Text,
    }
}

fn add(
    path: &Path,
    before: u64,
    batch: &RecordBatch,
    kinds: &[Kind],
    budget: &mut Budget,
    table: &mut Table,
) -> Result<(), TableError> {
    let options = FormatOptions::default();
    let damaged =
        |error: arrow::error::ArrowError| super::damaged(path, before, &error.to_string());
    let arrays: Vec<ArrayFormatter<'_>> = (batch.columns().iter())
        .map(|array| ArrayFormatter::try_new(array, &options))
        .collect::<Result<_, _>>()
        .map_err(damaged)?;
    let mut cells = RowBuilder::default();
    let mut text = String::new();
    for (index, row) in (0..batch.num_rows()).zip(before + 1..) {
        let mut read = arrays.iter().zip(batch.columns());
        for (column, kind) in kinds.iter().enumerate() {
            let (Kind::List | Kind::Object | Kind::Bytes) = kind else {
                let Some((array, values)) = read.next() else {
                    continue;
                };
                text.clear();
                array.value(index).write(&mut text).map_err(damaged)?;
                if text.len() as u64 > VALUE {
                    let name = &table.header().names()[column];
                    let problem = format!("a text of more than {} kB; shorten it", VALUE >> 10);
                    return Err(TableError::cell(path, row, name, problem));
                }
                let is_null = values.is_null(index);
                cells.push(&text, if is_null { Kind::Empty } else { *kind });
                continue;
            };
            cells.push("", *kind);
        }
        budget.take(path, cells.cost())?;
        table.push(row, &mut cells);
    }
    Ok(())
}
