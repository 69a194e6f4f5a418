//! Scores that were made elsewhere: a table with a row for each candidate.

use std::fs::File;
use std::path::Path;

use acft::{CandidateId, Score};
use acft_project::Ledger;
use acft_run::bad_input;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::project::commands::names::Names;

/// One row, as it stands in the file.
struct Row {
    /// From 1, as people count: a line of text, or a row of a Parquet file.
    at: u64,
    candidate: String,
    score: f64,
    entropy: f64,
    diversity: f64,
}

/// The scores of candidates in U.
#[derive(Debug, Default)]
pub(super) struct Scores {
    pub of: Vec<(CandidateId, Score)>,
    /// Rows of candidates that are in the project and no longer in U.
    pub past: usize,
}

/// Reads the scores and finds their candidates.
///
/// # Errors
/// Another format, a column that is missing, a cell that is no number, a
/// candidate that is unknown or there twice; each by its line.
pub(super) fn read(file: &Path, ledger: &Ledger) -> anyhow::Result<Scores> {
    let ending = file
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let rows = match ending.as_deref() {
        Some("csv") => csv_rows(file, b',')?,
        Some("tsv") => csv_rows(file, b'\t')?,
        Some("parquet" | "pq") => parquet_rows(file)?,
        _ => {
            return Err(bad_input!(
                "{}: scores are read from .csv, .tsv or .parquet; the name must end so",
                file.display()
            ));
        }
    };
    place(file, rows, ledger)
}

fn place(file: &Path, rows: Vec<Row>, ledger: &Ledger) -> anyhow::Result<Scores> {
    const NAMED: usize = 5;
    let names = Names::of(ledger);
    let mut scores = Scores::default();
    let mut seen: std::collections::HashMap<CandidateId, u64> = Default::default();
    let mut unknown = Vec::new();
    for row in rows {
        let id = match names.find(&row.candidate) {
            Ok(id) => id,
            Err(problem) => {
                unknown.push(format!("line {}: candidate {problem}", row.at));
                continue;
            }
        };
        if let Some(before) = seen.insert(id, row.at) {
            return Err(bad_input!(
                "{}, line {}: candidate {:?} has a score in line {before} already; keep one",
                file.display(),
                row.at,
                row.candidate
            ));
        }
        if !ledger.in_pool(id) {
            scores.past += 1;
            continue;
        }
        let score = Score {
            // No patches of ours: nothing is known of its predictions.
            dominant: 0,
            kept: 0,
            entropy: row.entropy,
            diversity: row.diversity,
            value: row.score,
        };
        scores.of.push((id, score));
    }
    if unknown.is_empty() {
        return Ok(scores);
    }
    let more = match unknown.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    unknown.truncate(NAMED);
    Err(bad_input!(
        "{}: {}{more}. A candidate is named as in `acft export manifest`, or by its key",
        file.display(),
        unknown.join("; ")
    ))
}

fn missing(file: &Path, column: &str, there: &[&str]) -> anyhow::Error {
    bad_input!(
        "{}: column {column} is missing; it has {}",
        file.display(),
        there.join(", ")
    )
}

fn csv_rows(file: &Path, delimiter: u8) -> anyhow::Result<Vec<Row>> {
    let damaged = |error: csv::Error| bad_input!("{}: {error}", file.display());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_path(file)
        .map_err(damaged)?;
    let columns = reader.headers().map_err(damaged)?.clone();
    let find = |name: &str| {
        columns
            .iter()
            .position(|column| column.trim_start_matches('\u{feff}').trim() == name)
    };
    let there: Vec<&str> = columns.iter().collect();
    let require = |name| find(name).ok_or_else(|| missing(file, name, &there));
    let (candidate, score) = (require("candidate")?, require("score")?);
    let (entropy, diversity) = (find("entropy"), find("diversity"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(damaged)?;
        let at = record.position().map_or(0, csv::Position::line);
        let number = |column: usize| -> anyhow::Result<f64> {
            let cell = record.get(column).unwrap_or_default().trim();
            finite(cell.parse().ok()).ok_or_else(|| {
                bad_input!(
                    "{}, line {at}, column {}: {cell:?} is not a finite number",
                    file.display(),
                    there[column]
                )
            })
        };
        let optional = |column: Option<usize>| column.map_or(Ok(0.0), number);
        rows.push(Row {
            at,
            candidate: record.get(candidate).unwrap_or_default().trim().to_owned(),
            score: number(score)?,
            entropy: optional(entropy)?,
            diversity: optional(diversity)?,
        });
    }
    Ok(rows)
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

fn parquet_rows(file: &Path) -> anyhow::Result<Vec<Row>> {
    let open =
        File::open(file).map_err(|error| bad_input!("cannot read {}: {error}", file.display()))?;
    let damaged = |error: String| {
        bad_input!(
            "{}: not a readable Parquet file ({error}); write it again",
            file.display()
        )
    };
    let batches = ParquetRecordBatchReaderBuilder::try_new(open)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .map_err(|error| damaged(error.to_string()))?;
    let mut rows = Vec::new();
    for batch in batches {
        add_batch(
            file,
            &batch.map_err(|error| damaged(error.to_string()))?,
            &mut rows,
        )?;
    }
    Ok(rows)
}

fn add_batch(file: &Path, batch: &RecordBatch, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let schema = batch.schema();
    let there: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let column = |name: &str, to: &DataType| -> anyhow::Result<Option<ArrayRef>> {
        let Some(column) = batch.column_by_name(name) else {
            return Ok(None);
        };
        let cast = cast(column, to).map_err(|_| {
            bad_input!(
                "{}: column {name} holds {}, which cannot be read as {to}",
                file.display(),
                column.data_type()
            )
        })?;
        Ok(Some(cast))
    };
    let require = |name: &str, to: &DataType| -> anyhow::Result<ArrayRef> {
        column(name, to)?.ok_or_else(|| missing(file, name, &there))
    };
    let candidate = require("candidate", &DataType::Utf8)?;
    let score = require("score", &DataType::Float64)?;
    let entropy = column("entropy", &DataType::Float64)?;
    let diversity = column("diversity", &DataType::Float64)?;
    let before = rows.len() as u64;
    for row in 0..batch.num_rows() {
        let at = before + row as u64 + 1;
        let number = |column: &ArrayRef, name: &str| {
            let value =
                (!column.is_null(row)).then(|| column.as_primitive::<Float64Type>().value(row));
            finite(value).ok_or_else(|| {
                bad_input!(
                    "{}, row {at}, column {name}: not a finite number",
                    file.display()
                )
            })
        };
        let optional = |column: &Option<ArrayRef>, name: &str| {
            column
                .as_ref()
                .map_or(Ok(0.0), |column| number(column, name))
        };
        let name = (!candidate.is_null(row)).then(|| candidate.as_string::<i32>().value(row));
        rows.push(Row {
            at,
            candidate: name.unwrap_or_default().to_owned(),
            score: number(&score, "score")?,
            entropy: optional(&entropy, "entropy")?,
            diversity: optional(&diversity, "diversity")?,
        });
    }
    Ok(())
}
