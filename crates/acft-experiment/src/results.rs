//! The results of all runs as one table. It has a row for each step of a run. A run that was begun and has no step
//! (it failed, was killed, or is at work) has one row.

use std::sync::Arc;

use acft::Query;
use acft_run::files::write_atomically;
use acft_run::record::StepRecord;
use anyhow::Context;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use serde::Serialize;

use super::grid::{Cell, Grid, Note, Stage};

/// One step of one run, or a run that was begun and has no step.
#[derive(Debug, Serialize)]
struct Row {
    data: String,
    network: String,
    arm: String,
    /// The strategy as `acft simulate` names it.
    strategy: String,
    query: Option<String>,
    first_query: Option<String>,
    /// The criterion, for arms that query by it; alpha and omega likewise.
    criterion: Option<String>,
    alpha: Option<f64>,
    omega: Option<f64>,
    learn: Option<String>,
    seed: u64,
    /// Of the program that made the run.
    version: String,
    /// Of all builds that worked on the run.
    commit: Option<String>,
    machine: Option<String>,
    /// Whether the run is finished, failed or begun. Only a finished run has all its steps.
    stage: &'static str,
    /// Why it failed.
    failed: Option<String>,
    #[serde(flatten)]
    made: Made,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Made {
    Step(Box<StepRecord>),
    Nothing { step: Option<u32> },
}

impl Row {
    fn of(cell: &Cell, note: &Note, stage: Stage, made: Made) -> Self {
        let (flags, plan) = (&cell.settings.flags, &cell.settings.plan);
        // What no query of the run looks at says nothing of it.
        let active = [Some(plan.query), plan.first_query]
            .into_iter()
            .flatten()
            .find_map(|query| match query {
                Query::Active { criterion, omega } => Some((criterion.alpha, omega)),
                _ => None,
            });
        Self {
            data: cell.data.clone(),
            network: cell.network.clone(),
            arm: cell.arm.clone(),
            strategy: cell.settings.preset.clone(),
            query: flags.query.clone(),
            first_query: flags.first_query.clone(),
            criterion: active.and_then(|_| flags.criterion.clone()),
            alpha: active.map(|(alpha, _)| alpha),
            omega: active.map(|(_, omega)| omega),
            learn: flags.learn.clone(),
            seed: cell.seed,
            version: note.version.clone(),
            commit: together(&note.commits()),
            machine: together(&note.machines()),
            stage: stage.name(),
            failed: note.failed.clone().filter(|_| stage == Stage::Failed),
            made,
        }
    }

    /// `None` if the run made no step.
    fn step(&self) -> Option<&StepRecord> {
        match &self.made {
            Made::Step(step) => Some(step),
            Made::Nothing { .. } => None,
        }
    }
}

/// Joins them for one column; `None` if none is known.
fn together(parts: &[Option<&str>]) -> Option<String> {
    parts.iter().any(Option::is_some).then(|| {
        let told: Vec<&str> = parts.iter().map(|part| part.unwrap_or("unknown")).collect();
        told.join("; ")
    })
}

/// Writes `results.jsonl` and `results.parquet` anew from the folders of the runs.
pub(super) fn write(grid: &Grid) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for cell in &grid.cells {
        let (stage, note) = (cell.stage()?, cell.note()?.unwrap_or_default());
        let mut made: Vec<Made> = steps(cell)?
            .into_iter()
            .map(|step| Made::Step(Box::new(step)))
            .collect();
        if made.is_empty() && matches!(stage, Stage::Failed | Stage::Begun) {
            made.push(Made::Nothing { step: None });
        }
        rows.extend(
            made.into_iter()
                .map(|made| Row::of(cell, &note, stage, made)),
        );
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
    let read = || {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        // A line without its end is being written, or was when the run was killed.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let step = |(at, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("{}, line {} is damaged", path.display(), at + 1))
        };
        whole.lines().enumerate().map(step).collect()
    };
    cell.or_anew(read())
}

/// The columns that are numbers or names. Values with parts are in the JSON lines only.
fn parquet(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let name = |of: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let text = |of: fn(&Row) -> Option<&String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(rows.iter().map(of)))
    };
    let whole = |of: fn(&StepRecord) -> Option<usize>| -> ArrayRef {
        let value = |row: &Row| row.step().and_then(of).map(|count| count as u64);
        Arc::new(UInt64Array::from_iter(rows.iter().map(value)))
    };
    let number = |of: fn(&StepRecord) -> Option<f64>| -> ArrayRef {
        let value = |row: &Row| row.step().and_then(of);
        Arc::new(Float64Array::from_iter(rows.iter().map(value)))
    };
    let seeds = UInt64Array::from_iter_values(rows.iter().map(|row| row.seed));
    let alphas = Float64Array::from_iter(rows.iter().map(|row| row.alpha));
    let omegas = Float64Array::from_iter(rows.iter().map(|row| row.omega));
    // What a run that failed at once has not may be empty in others too, so that the kinds of columns are the same in
    // all files.
    let columns = [
        ("data", name(|row| &row.data), false),
        ("network", name(|row| &row.network), false),
        ("arm", name(|row| &row.arm), false),
        ("strategy", name(|row| &row.strategy), false),
        ("query", text(|row| row.query.as_ref()), true),
        ("first_query", text(|row| row.first_query.as_ref()), true),
        ("criterion", text(|row| row.criterion.as_ref()), true),
        ("alpha", Arc::new(alphas), true),
        ("omega", Arc::new(omegas), true),
        ("learn", text(|row| row.learn.as_ref()), true),
        ("seed", Arc::new(seeds), false),
        ("version", name(|row| &row.version), false),
        ("commit", text(|row| row.commit.as_ref()), true),
        ("machine", text(|row| row.machine.as_ref()), true),
        ("stage", name(|row| row.stage), false),
        ("failed", text(|row| row.failed.as_ref()), true),
        ("step", whole(|step| Some(step.step as usize)), true),
        ("labels", whole(|step| Some(step.labels)), true),
        ("test_auc", number(|step| step.test_auc), true),
        ("val_auc", number(|step| step.val_auc), true),
        ("test_auprc", number(|step| step.test_auprc), true),
        (
            "test_sensitivity",
            number(|step| step.test_sensitivity),
            true,
        ),
        ("test_ece", number(|step| step.test_ece), true),
        ("h", whole(|step| step.h), true),
        ("q", whole(|step| Some(step.q)), true),
        ("trained_on", whole(|step| Some(step.trained_on)), true),
        ("scored", whole(|step| Some(step.scored)), true),
        (
            "query_seconds",
            number(|step| Some(step.seconds.query)),
            true,
        ),
        (
            "train_seconds",
            number(|step| Some(step.seconds.train)),
            true,
        ),
        (
            "evaluate_seconds",
            number(|step| Some(step.seconds.evaluate)),
            true,
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}
