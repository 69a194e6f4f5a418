//! A file of labels as rows, whatever its format.

use std::path::Path;

use acft_images::source::labels::{KnownClasses, Said};
use acft_run::bad_input;
use acft_tables::Table;

/// One row, as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// The row of the file, as a spreadsheet counts.
    pub number: u64,
    /// The candidate's name; empty where the file does not say.
    pub name: String,
    /// The candidate's key; empty where the file does not say.
    pub key: String,
    /// The class's name; empty where there is no label yet.
    pub label: String,
    /// Empty where the file does not say.
    pub annotator: String,
    /// As written; empty where the file does not say.
    pub seconds: String,
}

impl Row {
    /// The key, or the name where there is none: a name may be that of several.
    pub(crate) fn candidate(&self) -> &str {
        match self.key.is_empty() {
            true => &self.name,
            false => &self.key,
        }
    }
}

/// Reads the rows of a table of labels. `classes` are those of the project.
///
/// # Errors
/// The file cannot be read, a column is missing, or a cell holds what is no
/// label; each by its row.
pub(crate) fn read(file: &Path, classes: &[String]) -> anyhow::Result<Vec<Row>> {
    let table = acft_tables::read(file).map_err(into_bad_input)?;
    rows(&table, &KnownClasses::new(classes)).map_err(into_bad_input)
}

/// A fault of the table is bad input; a fault of the disk is not.
fn into_bad_input(error: acft_tables::TableError) -> anyhow::Error {
    match error.is_disk() {
        true => anyhow::Error::new(error),
        false => bad_input!("{error}"),
    }
}

fn rows(table: &Table, classes: &KnownClasses) -> Result<Vec<Row>, acft_tables::TableError> {
    // A file without rows names no columns in every format.
    if table.is_empty() {
        return Ok(Vec::new());
    }
    let header = table.header();
    let (name, key) = (header.find("candidate"), header.find("key"));
    if key.is_none() {
        header.require(table.file(), "candidate")?;
    }
    let label = header.require(table.file(), "label")?;
    let (annotator, seconds) = (header.find("annotator"), header.find("seconds"));
    let row = |row: acft_tables::Row<'_>| {
        let cell = |column: Option<usize>| match column {
            Some(column) => row.cell(column).value().map(str::to_owned),
            None => Ok(String::new()),
        };
        let label = Said::read(&row.cell(label), Some(classes))?;
        Ok(Row {
            number: row.number(),
            name: cell(name)?,
            key: cell(key)?,
            label: label.class().unwrap_or_default(),
            annotator: cell(annotator)?,
            seconds: cell(seconds)?,
        })
    };
    table.rows().map(row).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Vec<Row>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let classes = ["benign", "1"].map(str::to_owned);
        read(&path, &classes).map_err(|error| error.to_string())
    }

    #[test]
    fn every_format_gives_the_same_rows() {
        let csv = "\u{feff}candidate,note,label,seconds\na.png,x, benign ,2.5\nb.png,,NaN,\nc.png,,1.0,\n";
        let lines = "\u{feff}{\"candidate\":\"a.png\",\"label\":\"benign\",\"seconds\":2.5}\n\
                     {\"candidate\":\"b.png\",\"label\":null}\n\
                     {\"candidate\":\"c.png\",\"label\":1.0}\n";
        let csv_rows = read_text("l.csv", csv).unwrap();
        assert_eq!(csv_rows[0].seconds, "2.5");
        let labels: Vec<&str> = csv_rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["benign", "", "1"]);
        assert_eq!(csv_rows[2].number, 4);
        assert_eq!(
            read_text("l.csv", &csv.replace(',', ";")).unwrap(),
            csv_rows
        );
        let numbered = |rows: Vec<Row>| -> Vec<Row> {
            let plain = |row: Row| Row { number: 0, ..row };
            rows.into_iter().map(plain).collect()
        };
        assert_eq!(
            numbered(read_text("l.jsonl", lines).unwrap()),
            numbered(csv_rows)
        );
    }

    #[test]
    fn damage_is_named_by_row_and_column() {
        for (name, text, expected) in [
            ("l.csv", "label\nx\n", "column candidate is missing"),
            (
                "l.csv",
                "candidate\nx\n",
                "column label is missing; it has candidate",
            ),
            ("l.csv", "candidate,label\na,b\nc\n", "row 3: 1 cells"),
            (
                "l.csv",
                "candidate,label,Label\na,b,c\n",
                "column Label: is there twice",
            ),
            (
                "l.csv",
                "candidate,label\na,\"b\nc,d\n",
                "row 2, column label: a quote is not closed",
            ),
            ("l.jsonl", "{}\n[1]\n", "row 2: not a JSON object"),
            (
                "l.jsonl",
                "{\"candidate\":1,\"label\":[1]}",
                "row 1, column label: holds a list",
            ),
            (
                "l.jsonl",
                "{\"candidate\":1,\"label\":true}",
                "row 1, column label: \"true\" is true or false",
            ),
        ] {
            let error = read_text(name, text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
