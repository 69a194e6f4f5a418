//! Every format, what each gives and what each refuses.
#![allow(clippy::unwrap_used)]

mod json_lines;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

use std::fs;
use std::path::PathBuf;

use acft_tables::{Kind, Table, TableError, read};

/// A file of that name in a folder of its own.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn table(name: &str, bytes: impl AsRef<[u8]>) -> Result<Table, TableError> {
    let (_folder, path) = file(name, bytes);
    read(&path)
}

/// The rows as numbers and texts.
fn rows(table: &Table) -> Vec<(u64, Vec<String>)> {
    let columns = table.header().names().len();
    let cells = |row: acft_tables::Row<'_>| {
        let texts = (0..columns).map(|column| row.cell(column).text().to_owned());
        (row.number(), texts.collect())
    };
    table.rows().map(cells).collect()
}

fn kinds(table: &Table, column: usize) -> Vec<Kind> {
    table.rows().map(|row| row.cell(column).kind()).collect()
}

/// The error without its folder.
fn refusal(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let error = table(name, bytes).unwrap_err().to_string();
    let at = error.find(name).unwrap();
    error[at..].to_owned()
}

#[test]
fn a_name_without_a_known_ending_is_refused() {
    let error = refusal("x.txt", "a,b\n");
    assert!(
        error.starts_with("x.txt: not a table by its name; it must end in .csv"),
        "{error}"
    );
}
