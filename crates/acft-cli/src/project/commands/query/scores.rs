//! Scores that were made elsewhere: a table with a row for each candidate.

use std::path::Path;

use acft::{CandidateId, Score};
use acft_project::Ledger;
use acft_run::bad_input;
use acft_tables::{Table, TableError, shown};

use crate::project::commands::names::Names;

/// One row, as it stands in the file.
struct Row {
    /// From 1, as a spreadsheet counts.
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
/// The file cannot be read, a column is missing, a cell is no number, a
/// candidate is unknown or there twice; each by its row.
pub(super) fn read(file: &Path, ledger: &Ledger) -> anyhow::Result<Scores> {
    let into_bad_input = |error: TableError| match error.is_disk() {
        true => anyhow::Error::new(error),
        false => bad_input!("{error}"),
    };
    let table = acft_tables::read(file).map_err(into_bad_input)?;
    let rows = rows(&table).map_err(into_bad_input)?;
    place(file, rows, ledger)
}

fn rows(table: &Table) -> Result<Vec<Row>, TableError> {
    let (file, header) = (table.file(), table.header());
    let (candidate, score) = (
        header.require(file, "candidate")?,
        header.require(file, "score")?,
    );
    let (entropy, diversity) = (header.find("entropy"), header.find("diversity"));
    let mut rows = Vec::with_capacity(table.len());
    for row in table.rows() {
        let number = |column: usize| {
            let cell = row.cell(column);
            let number: Option<f64> = cell.value()?.parse().ok();
            number
                .filter(|number| number.is_finite())
                .ok_or_else(|| cell.error(format!("{} is not a finite number", shown(cell.text()))))
        };
        let optional = |column: Option<usize>| column.map_or(Ok(0.0), number);
        rows.push(Row {
            at: row.number(),
            candidate: row.cell(candidate).value()?.to_owned(),
            score: number(score)?,
            entropy: optional(entropy)?,
            diversity: optional(diversity)?,
        });
    }
    Ok(rows)
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
                unknown.push(format!("row {}: candidate {problem}", row.at));
                continue;
            }
        };
        if let Some(before) = seen.insert(id, row.at) {
            return Err(bad_input!(
                "{}: row {}: candidate {:?} has a score in row {before} already; keep one",
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
