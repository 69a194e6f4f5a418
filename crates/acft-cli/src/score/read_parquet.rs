//! Probabilities from Parquet: a row for each patch.

use std::fs::File;
use std::path::Path;

use acft_run::BadInput;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::{Columns, probability};
use super::error::{RowNumber, read_error};
use super::input::{RowSink, Rows};

/// Rows decoded at a time: enough to hide the cost of a batch, little enough
/// to stay in the cache.
const BATCH: usize = 8192;

/// Streams the rows of a Parquet file.
pub(super) fn read(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let open = File::open(file).map_err(|error| read_error(file, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(open).map_err(|error| {
        BadInput::file(
            file,
            format!("not a readable Parquet file ({error}); write it again"),
        )
    })?;
    let schema = builder.schema();
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let columns = Columns::find(&names).map_err(|problem| BadInput::file(file, problem))?;
    check_types(schema, &columns).map_err(|problem| BadInput::file(file, problem))?;

    let roots = [columns.candidate, columns.patch]
        .into_iter()
        .chain(columns.probabilities.iter().copied());
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let batches = builder
        .with_projection(mask)
        .with_batch_size(BATCH)
        .build()
        .map_err(|error| BadInput::file(file, error))?;
    let mut before = 0;
    for batch in batches {
        let batch = batch.map_err(|error| {
            let number = RowNumber::from_index(before);
            BadInput::row(
                file,
                number,
                format!("damaged from here on ({error}); write it again"),
            )
        })?;
        let batch = Batch::new(file, before, &batch, columns.probabilities.len())?;
        batch.send(sink)?;
        before += batch.candidate.len() as u64;
    }
    Ok(())
}

/// Types are refused by name before the first row, not by a failed cast later.
fn check_types(schema: &Schema, columns: &Columns) -> Result<(), String> {
    let refuse = |at: usize, expected: &str| {
        let field = schema.field(at);
        Err(format!(
            "column {} holds {}; {expected}",
            field.name(),
            field.data_type()
        ))
    };
    let candidate = match schema.field(columns.candidate).data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    if !(candidate.is_integer() || candidate.is_string()) {
        return refuse(
            columns.candidate,
            "candidates are named by text or whole numbers",
        );
    }
    if !schema.field(columns.patch).data_type().is_integer() {
        return refuse(columns.patch, "patches are numbered by whole numbers");
    }
    for &at in &columns.probabilities {
        if !schema.field(at).data_type().is_floating() {
            return refuse(at, "probabilities are floating-point numbers");
        }
    }
    Ok(())
}

/// One batch of rows, its columns in the types that scoring needs.
struct Batch<'a> {
    file: &'a Path,
    /// The rows before it in the file.
    before: u64,
    candidate: ArrayRef,
    patch: ArrayRef,
    probabilities: Vec<ArrayRef>,
}

impl<'a> Batch<'a> {
    fn new(
        file: &'a Path,
        before: u64,
        batch: &RecordBatch,
        classes: usize,
    ) -> anyhow::Result<Self> {
        let column = |name: &str, to: DataType| -> anyhow::Result<ArrayRef> {
            let column = batch.column_by_name(name);
            let column = column.expect("the projection keeps the columns that were found");
            let cast = cast(column, &to)?;
            let first_null =
                (0..column.len()).find(|&row| column.is_null(row) || cast.is_null(row));
            match first_null {
                None => Ok(cast),
                Some(row) => {
                    let number = RowNumber::from_index(before + row as u64);
                    Err(
                        BadInput::cell(file, number, name, "no value; fill it or remove the row")
                            .into(),
                    )
                }
            }
        };
        Ok(Self {
            file,
            before,
            candidate: column("candidate", DataType::Utf8)?,
            patch: column("patch", DataType::Int64)?,
            probabilities: (0..classes)
                .map(|class| column(&probability(class), DataType::Float64))
                .collect::<Result<_, _>>()?,
        })
    }

    fn send(&self, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
        let candidates = self.candidate.as_string::<i32>();
        let patches = self.patch.as_primitive::<Int64Type>().values();
        let classes: Vec<&[f64]> = self
            .probabilities
            .iter()
            .map(|column| &**column.as_primitive::<Float64Type>().values())
            .collect();
        let mut probabilities = vec![0.0; classes.len()];
        for row in 0..candidates.len() {
            let number = RowNumber::from_index(self.before + row as u64);
            let bad = |column, problem: String| BadInput::cell(self.file, number, column, problem);
            for (p, class) in probabilities.iter_mut().zip(&classes) {
                *p = class[row];
            }
            let candidate = candidates.value(row);
            if candidate.is_empty() {
                let problem = "is empty; every row names its candidate".to_owned();
                return Err(bad("candidate", problem).into());
            }
            let patch = patches[row].try_into().map_err(|_| {
                let problem = "is no patch number; patches are numbered 0, 1, 2 and so on";
                bad("patch", format!("{} {problem}", patches[row]))
            })?;
            sink(&Rows {
                number,
                candidate,
                patch,
                classes: probabilities.len(),
                probabilities: &probabilities,
            })?;
        }
        Ok(())
    }
}
