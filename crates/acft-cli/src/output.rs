//! Writes results to stdout or to a file. The file is written whole or not at all, and replaces
//! another only if the user asks for it.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use acft_run::bad_input;
use acft_run::files::write_atomically;
use anyhow::Context;
use serde_json::{Map, Value};

/// Where a command's result goes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Out {
    /// Write to this file; `-`, or nothing, is stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file that --out names.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// How rows are written: comma-separated with a header, or a JSON object a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    #[default]
    Csv,
    Jsonl,
}

impl Format {
    /// The format that was asked for, or else that of the file's ending.
    pub(crate) fn of(asked: Option<Self>, out: &Out) -> Self {
        let by_name = out.file().and_then(Path::extension).map(|ending| {
            match ending.to_string_lossy().to_ascii_lowercase().as_str() {
                "jsonl" | "ndjson" => Self::Jsonl,
                _ => Self::Csv,
            }
        });
        asked.or(by_name).unwrap_or_default()
    }
}

/// A table whose rows are written in one of the formats.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub(crate) fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a value for each column; null is an empty cell.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The table as text.
    pub(crate) fn to_bytes(&self, format: Format) -> anyhow::Result<Vec<u8>> {
        match format {
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(Vec::new());
                csv.write_record(&self.columns)?;
                for row in &self.rows {
                    csv.write_record(row.iter().map(cell))?;
                }
                Ok(csv.into_inner()?)
            }
            Format::Jsonl => {
                let mut text = Vec::new();
                for row in &self.rows {
                    let object: Map<String, Value> =
                        self.columns.iter().cloned().zip(row.clone()).collect();
                    serde_json::to_writer(&mut text, &object)?;
                    text.push(b'\n');
                }
                Ok(text)
            }
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Out {
    /// The file, if it is not stdout.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.out.as_deref().filter(|out| *out != Path::new("-"))
    }

    /// Refuses a file that cannot be written, before the work begins.
    ///
    /// # Errors
    /// It is a folder, its folder does not exist, or it exists and may not be replaced.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Some(out) = self.file() else {
            return Ok(());
        };
        let at = out.display();
        if out.is_dir() {
            return Err(bad_input!("{at} is a folder; name a file in it"));
        }
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(bad_input!(
                "{at}: there is no folder {}; make it first",
                folder.display()
            ));
        }
        if out.exists() && !self.force {
            return Err(bad_input!(
                "{at} already exists; name another file, or replace it with --force"
            ));
        }
        Ok(())
    }

    /// Writes the result, and says on stderr where it is.
    ///
    /// # Errors
    /// The disk is full or fails, or somebody made the file meanwhile.
    pub(crate) fn write(&self, bytes: &[u8], what: &str) -> anyhow::Result<()> {
        self.check()?;
        match self.file() {
            Some(out) => {
                write_atomically(out, bytes)?;
                eprintln!("wrote {what} to {}", out.display());
                Ok(())
            }
            // A program that reads the table gets the names as they are; a
            // terminal must not obey them.
            None if io::stdout().is_terminal() => {
                to_stdout(|stdout| acft_terminal::Escaping::new(stdout).write_all(bytes))
            }
            None => to_stdout(|stdout| stdout.write_all(bytes)),
        }
    }
}

/// Writes a text for people to stdout, escaped. It is no error if the reader stops early, as
/// `head` does.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn print(text: &[u8]) -> anyhow::Result<()> {
    to_stdout(|stdout| acft_terminal::Escaping::new(stdout).write_all(text))
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// Prints a value as JSON on a line.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(value)? + "\n";
    let text = acft_terminal::json(&text);
    to_stdout(|stdout| stdout.write_all(text.as_bytes()))
}

/// Prints a list to stderr under its heading: the first few, and how many more.
pub(crate) fn list(heading: &str, lines: &[String]) {
    const SHOWN: usize = 10;
    if lines.is_empty() {
        return;
    }
    eprintln!("{heading}: {}", lines.len());
    for line in lines.iter().take(SHOWN) {
        eprintln!("  {line}");
    }
    if lines.len() > SHOWN {
        eprintln!("  … and {} more", lines.len() - SHOWN);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_in_both_formats() {
        let mut table = Table::new(["name", "p"]);
        table.push(vec![json!("a, \"b\".png"), json!(0.25)]);
        table.push(vec![json!("c.png"), Value::Null]);
        let text = |format| String::from_utf8(table.to_bytes(format).unwrap()).unwrap();
        assert_eq!(
            text(Format::Csv),
            "name,p\n\"a, \"\"b\"\".png\",0.25\nc.png,\n"
        );
        assert_eq!(
            text(Format::Jsonl),
            "{\"name\":\"a, \\\"b\\\".png\",\"p\":0.25}\n{\"name\":\"c.png\",\"p\":null}\n"
        );
    }
}
