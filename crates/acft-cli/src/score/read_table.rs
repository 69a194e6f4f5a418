//! Probabilities from a table: a header, then a row for each patch.
//!
//! Long tables are CSV or Parquet: their rows stream by. JSON lines are read as
//! a whole.

use std::path::Path;

use acft_run::BadInput;
use acft_tables::{
    ColumnType, Format, Kind, ParquetFile, ReadAs, TableError, TextRow, TextRows, shown,
};

use super::columns::{Columns, probability};
use super::error::{RowNumber, table_error};
use super::input::{RowSink, Rows};

const NO_NAME: &str = "is empty; every row names its candidate";
const NO_PATCH: &str = "is no patch number; patches are numbered 0, 1, 2 and so on";
const NO_NUMBER: &str = "is not a number; write a decimal number such as 0.25";

/// Streams the rows of a table.
pub(super) fn read(file: &Path, format: Format, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    match format {
        Format::Text => text(file, sink),
        Format::JsonLines => json_lines(file, sink),
        Format::Parquet => parquet(file, sink),
    }
}

fn text(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let mut rows = TextRows::open(file).map_err(table_error)?;
    let names = rows.header().names();
    let columns = Columns::find(names).map_err(|problem| BadInput::file(file, problem))?;
    let mut probabilities = vec![0.0; columns.probabilities.len()];
    while let Some(row) = rows.next_row().map_err(table_error)? {
        let cells = Cells { file, row };
        let pairs = probabilities.iter_mut().zip(&columns.probabilities);
        for (class, (p, &at)) in pairs.enumerate() {
            *p = cells.probability(at, class)?;
        }
        sink(&Rows {
            number: RowNumber(row.number),
            candidate: cells.candidate(columns.candidate)?,
            patch: cells.patch(columns.patch)?,
            classes: probabilities.len(),
            probabilities: &probabilities,
        })?;
    }
    Ok(())
}

/// A row of text and where it stands, for the messages.
struct Cells<'a> {
    file: &'a Path,
    row: TextRow<'a>,
}

impl<'a> Cells<'a> {
    fn bad(&self, column: &str, problem: &str) -> BadInput {
        BadInput::cell(self.file, RowNumber(self.row.number), column, problem)
    }

    fn candidate(&self, at: usize) -> Result<&'a str, BadInput> {
        match str::from_utf8(self.row.bytes(at)).map(str::trim) {
            Ok("") => Err(self.bad("candidate", NO_NAME)),
            Ok(name) => Ok(name),
            Err(_) => Err(self.bad("candidate", "is not UTF-8; save the file as UTF-8")),
        }
    }

    fn patch(&self, at: usize) -> Result<u64, BadInput> {
        self.parse(at)
            .ok_or_else(|| self.bad("patch", &format!("{} {NO_PATCH}", self.shown(at))))
    }

    fn probability(&self, at: usize, class: usize) -> Result<f64, BadInput> {
        self.parse(at).ok_or_else(|| {
            self.bad(
                &probability(class),
                &format!("{} {NO_NUMBER}", self.shown(at)),
            )
        })
    }

    fn parse<T: std::str::FromStr>(&self, at: usize) -> Option<T> {
        str::from_utf8(self.row.bytes(at)).ok()?.trim().parse().ok()
    }

    fn shown(&self, at: usize) -> String {
        shown(&String::from_utf8_lossy(self.row.bytes(at)))
    }
}

fn json_lines(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let table = acft_tables::read(file).map_err(table_error)?;
    let names = table.header().names();
    let columns = Columns::find(names).map_err(|problem| BadInput::file(file, problem))?;
    let mut probabilities = vec![0.0; columns.probabilities.len()];
    for row in table.rows() {
        for (p, &at) in probabilities.iter_mut().zip(&columns.probabilities) {
            let cell = row.cell(at);
            let number = (cell.kind() == Kind::Number).then(|| cell.text().parse().ok());
            let problem = || cell.error(format!("{} {NO_NUMBER}", shown(cell.text())));
            *p = number.flatten().ok_or_else(problem).map_err(table_error)?;
        }
        let (name, patch) = (row.cell(columns.candidate), row.cell(columns.patch));
        let candidate = name.value().map_err(table_error)?;
        if candidate.is_empty() {
            return Err(table_error(name.error(NO_NAME)));
        }
        let problem = |_| patch.error(format!("{} {NO_PATCH}", shown(patch.text())));
        sink(&Rows {
            number: RowNumber(row.number()),
            candidate,
            patch: patch.text().parse().map_err(problem).map_err(table_error)?,
            classes: probabilities.len(),
            probabilities: &probabilities,
        })?;
    }
    Ok(())
}

fn parquet(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let open = ParquetFile::open(file).map_err(table_error)?;
    let names = open.header().names();
    let columns = Columns::find(names).map_err(|problem| BadInput::file(file, problem))?;
    check_types(&open, &columns).map_err(|problem| BadInput::file(file, problem))?;
    let mut wanted = vec![
        (columns.candidate, ReadAs::Name),
        (columns.patch, ReadAs::Whole),
    ];
    wanted.extend(columns.probabilities.iter().map(|at| (*at, ReadAs::Float)));
    let classes = columns.probabilities.len();
    let mut probabilities = vec![0.0; classes];
    open.batches(&wanted, &mut |batch| -> Result<(), Failure> {
        let floats: Vec<&[f64]> = (0..classes).map(|class| batch.floats(2 + class)).collect();
        let patches = batch.whole(1);
        for row in 0..batch.len() {
            let number = RowNumber(batch.first() + row as u64);
            let bad = |column, problem: String| BadInput::cell(file, number, column, problem);
            for (p, class) in probabilities.iter_mut().zip(&floats) {
                *p = class[row];
            }
            let candidate = batch.name(0, row);
            if candidate.is_empty() {
                return Err(Failure(bad("candidate", NO_NAME.to_owned()).into()));
            }
            let patch = patches[row].try_into().map_err(|_| {
                Failure(bad("patch", format!("{} {NO_PATCH}", patches[row])).into())
            })?;
            sink(&Rows {
                number,
                candidate,
                patch,
                classes,
                probabilities: &probabilities,
            })
            .map_err(Failure)?;
        }
        Ok(())
    })
    .map_err(|Failure(error)| error)
}

/// What ends the reading: the table, or where its rows go.
struct Failure(anyhow::Error);

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self(table_error(error))
    }
}

/// Types are refused by name before the first row.
fn check_types(file: &ParquetFile, columns: &Columns) -> Result<(), String> {
    use ColumnType::{Float, Text, Whole};
    let names: (&[ColumnType], &str) = (
        &[Text, Whole],
        "candidates are named by text or whole numbers",
    );
    let patches: (&[ColumnType], &str) = (&[Whole], "patches are numbered by whole numbers");
    let floats: (&[ColumnType], &str) = (&[Float], "probabilities are floating-point numbers");
    let wanted = [(columns.candidate, names), (columns.patch, patches)];
    let probabilities = columns.probabilities.iter().map(|at| (*at, floats));
    for (at, (types, expected)) in wanted.into_iter().chain(probabilities) {
        if !types.contains(&file.column_type(at)) {
            let name = &file.header().names()[at];
            return Err(format!(
                "column {name} holds {}; {expected}",
                file.type_name(at)
            ));
        }
    }
    Ok(())
}
