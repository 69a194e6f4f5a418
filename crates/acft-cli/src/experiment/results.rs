//! What came of the runs, as one table: a row a step of a run.

use std::sync::Arc;

use anyhow::Context;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use serde::Serialize;

use super::grid::{Cell, Grid};
use crate::simulate::folder::write_atomically;
use crate::simulate::record::StepRecord;

/// One step of one run.
#[derive(Debug, Serialize)]
struct Row {
    data: String,
    network: String,
    arm: String,
    /// The strategy as `acft simulate` names it.
    strategy: String,
    seed: u64,
    /// Of the program that made the run.
    version: String,
    /// Whether the run is finished, or failed: steps of a run that failed end before their time.
    stage: &'static str,
    #[serde(flatten)]
    step: StepRecord,
}

/// Writes `results.jsonl` and `results.parquet`, from the folders of the runs: these are what is true.
pub(super) fn write(grid: &Grid) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for cell in &grid.cells {
        let stage = cell.stage()?.name();
        let version = cell.note()?.map_or_else(String::new, |note| note.version);
        rows.extend(steps(cell)?.into_iter().map(|step| Row {
            data: cell.data.clone(),
            network: cell.network.clone(),
            arm: cell.arm.clone(),
            strategy: cell.settings.preset.clone(),
            seed: cell.seed,
            version: version.clone(),
            stage,
            step,
        }));
    }
    let mut lines = Vec::new();
    for row in &rows {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
    }
    write_atomically(&grid.out.join("results.jsonl"), &lines)?;
    write_atomically(&grid.out.join("results.parquet"), &parquet(&rows)?)
}

/// The whole steps of a run; none before it is begun.
pub(super) fn steps(cell: &Cell) -> anyhow::Result<Vec<StepRecord>> {
    let path = cell.settings.out.join("steps.jsonl");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    // A line without its end is being written, or was when the run was killed.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("{} is damaged", path.display()))
        })
        .collect()
}

/// The columns that are numbers or names; what has parts stays in the lines of JSON.
fn parquet(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let text = |of: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let whole = |of: fn(&Row) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(of)))
    };
    let count = |of: fn(&Row) -> Option<usize>| -> ArrayRef {
        Arc::new(UInt64Array::from_iter(
            rows.iter().map(|row| of(row).map(|n| n as u64)),
        ))
    };
    let number = |of: fn(&Row) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(of)))
    };
    let columns = [
        ("data", text(|row| &row.data)),
        ("network", text(|row| &row.network)),
        ("arm", text(|row| &row.arm)),
        ("strategy", text(|row| &row.strategy)),
        ("seed", whole(|row| row.seed)),
        ("version", text(|row| &row.version)),
        ("stage", text(|row| row.stage)),
        ("step", whole(|row| row.step.step.into())),
        ("labels", whole(|row| row.step.labels as u64)),
        ("test_auc", number(|row| row.step.test_auc)),
        ("val_auc", number(|row| row.step.val_auc)),
        ("test_auprc", number(|row| row.step.test_auprc)),
        ("test_sensitivity", number(|row| row.step.test_sensitivity)),
        ("test_ece", number(|row| row.step.test_ece)),
        ("h", count(|row| row.step.h)),
        ("q", whole(|row| row.step.q as u64)),
        ("trained_on", whole(|row| row.step.trained_on as u64)),
        ("scored", whole(|row| row.step.scored as u64)),
        ("query_seconds", number(|row| Some(row.step.seconds.query))),
        ("train_seconds", number(|row| Some(row.step.seconds.train))),
        (
            "evaluate_seconds",
            number(|row| Some(row.step.seconds.evaluate)),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}
