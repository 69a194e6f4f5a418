//! Probabilities from CSV (or TSV): a header, then a line for each patch.

use std::fs::File;
use std::io;
use std::path::Path;

use acft_run::BadInput;
use csv::ByteRecord;

use super::columns::{Columns, probability};
use super::error::{RowNumber, read_error};
use super::input::{RowSink, Rows};

/// Streams the rows of a text table.
pub(super) fn read(file: &Path, delimiter: u8, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let open = File::open(file).map_err(|error| read_error(file, error))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .buffer_capacity(1 << 18)
        .from_reader(open);
    let names: Vec<String> = reader
        .byte_headers()
        .map_err(|error| csv_error(file, error))?
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .collect();
    if names.is_empty() {
        return Err(BadInput::file(file, "is empty; it needs a header and a row a patch").into());
    }
    let columns = Columns::find(&names).map_err(|problem| BadInput::file(file, problem))?;

    let mut record = ByteRecord::new();
    let mut probabilities = vec![0.0; columns.probabilities.len()];
    let mut index = 0;
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| csv_error(file, error))?
    {
        let number = RowNumber {
            row: index + 1,
            line: record.position().map(csv::Position::line),
        };
        let cell = Cell {
            file,
            number,
            record: &record,
        };
        for (class, (p, &at)) in probabilities
            .iter_mut()
            .zip(&columns.probabilities)
            .enumerate()
        {
            *p = cell.probability(at, class)?;
        }
        sink(&Rows {
            number,
            candidate: cell.candidate(columns.candidate)?,
            patch: cell.patch(columns.patch)?,
            classes: probabilities.len(),
            probabilities: &probabilities,
        })?;
        index += 1;
    }
    Ok(())
}

/// A record and where it stands, for the messages.
struct Cell<'a> {
    file: &'a Path,
    number: RowNumber,
    record: &'a ByteRecord,
}

impl<'a> Cell<'a> {
    fn candidate(&self, at: usize) -> Result<&'a str, BadInput> {
        let bad = |problem| BadInput::cell(self.file, self.number, "candidate", problem);
        match std::str::from_utf8(&self.record[at]) {
            Ok("") => Err(bad("is empty; every row names its candidate")),
            Ok(name) => Ok(name),
            Err(_) => Err(bad("is not UTF-8; save the file as UTF-8")),
        }
    }

    fn patch(&self, at: usize) -> Result<u64, BadInput> {
        self.parse(at).ok_or_else(|| {
            let problem = format!(
                "{} is no patch number; patches are numbered 0, 1, 2 and so on",
                self.shown(at)
            );
            BadInput::cell(self.file, self.number, "patch", problem)
        })
    }

    fn probability(&self, at: usize, class: usize) -> Result<f64, BadInput> {
        self.parse(at).ok_or_else(|| {
            let problem = format!(
                "{} is not a number; write a decimal number such as 0.25",
                self.shown(at)
            );
            BadInput::cell(self.file, self.number, &probability(class), problem)
        })
    }

    fn parse<T: std::str::FromStr>(&self, at: usize) -> Option<T> {
        std::str::from_utf8(&self.record[at])
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    fn shown(&self, at: usize) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.record[at]))
    }
}

fn csv_error(file: &Path, error: csv::Error) -> anyhow::Error {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos: Some(position),
            expected_len,
            len,
        } => {
            // The header is record 0, so that the first row is record 1.
            let number = RowNumber {
                row: position.record(),
                line: Some(position.line()),
            };
            let problem = format!(
                "{len} cells where the header has {expected_len}; \
                 is a delimiter missing, or a name with a comma not quoted?"
            );
            BadInput::row(file, number, problem).into()
        }
        csv::ErrorKind::Io(_) => read_error(file, io::Error::from(error)),
        _ => BadInput::file(file, error).into(),
    }
}
