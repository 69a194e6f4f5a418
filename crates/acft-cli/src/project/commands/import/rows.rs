//! A file of labels as rows, whatever its format.

use std::fmt::Display;
use std::path::Path;

use acft_run::bad_input;
use serde_json::{Map, Value};

/// One row, as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// The line of the file, from 1.
    pub line: u64,
    /// The candidate's name or key.
    pub candidate: String,
    /// The class's name; empty where there is no label yet.
    pub label: String,
    /// Empty where the file does not say.
    pub annotator: String,
    /// As written; empty where the file does not say.
    pub seconds: String,
}

/// Reads the rows of a .csv or .jsonl.
///
/// # Errors
/// Another format, a file that cannot be read, a column that is missing, or a
/// line that is damaged, by its number.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Row>> {
    let ending = file
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    let text = |file: &Path| {
        std::fs::read(file).map_err(|error| bad_input!("cannot read {}: {error}", file.display()))
    };
    match ending.as_deref() {
        Some("csv") => csv_rows(file, &text(file)?, b','),
        Some("tsv") => csv_rows(file, &text(file)?, b'\t'),
        Some("jsonl" | "ndjson") => json_rows(file, &text(file)?),
        _ => Err(bad_input!(
            "{}: labels are imported from .csv, .tsv or .jsonl; the name must end so",
            file.display()
        )),
    }
}

fn at(file: &Path, line: u64, problem: impl Display) -> anyhow::Error {
    bad_input!("{}, line {line}: {problem}", file.display())
}

fn csv_rows(file: &Path, text: &[u8], delimiter: u8) -> anyhow::Result<Vec<Row>> {
    // Spreadsheets put a mark before UTF-8 text.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text);
    let columns = reader
        .headers()
        .map_err(|error| bad_input!("{}: {error}", file.display()))?
        .clone();
    let find = |name: &str| columns.iter().position(|column| column.trim() == name);
    let there = || columns.iter().collect::<Vec<_>>().join(", ");
    let candidate = match (find("key"), find("candidate")) {
        (None, None) => {
            return Err(bad_input!(
                "{}: column candidate is missing; it has {}",
                file.display(),
                there()
            ));
        }
        found => found,
    };
    let label = find("label").ok_or_else(|| {
        bad_input!(
            "{}: column label is missing; it has {}",
            file.display(),
            there()
        )
    })?;
    let (annotator, seconds) = (find("annotator"), find("seconds"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            at(file, line, reason(&error))
        })?;
        let cell = |column: Option<usize>| {
            let cell = column.and_then(|column| record.get(column));
            cell.unwrap_or_default().trim().to_owned()
        };
        // A key says exactly which; a name may be that of several.
        let (key, name) = (cell(candidate.0), cell(candidate.1));
        rows.push(Row {
            line: record.position().map_or(0, csv::Position::line),
            candidate: if key.is_empty() { name } else { key },
            label: cell(Some(label)),
            annotator: cell(annotator),
            seconds: cell(seconds),
        });
    }
    Ok(rows)
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("has {len} cells where the header has {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8 text; save it as such".to_owned(),
        _ => error.to_string(),
    }
}

fn json_rows(file: &Path, text: &[u8]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let object: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|error| at(file, line, format!("is no JSON object: {error}")))?;
        let field = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.trim().to_owned()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(other) => Err(at(
                file,
                line,
                format!("{name} is {other}, not a text or number"),
            )),
        };
        let key = field("key")?;
        rows.push(Row {
            line,
            candidate: if key.is_empty() {
                field("candidate")?
            } else {
                key
            },
            label: field("label")?,
            annotator: field("annotator")?,
            seconds: field("seconds")?,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_formats_give_the_same_rows() {
        let file = Path::new("labels.csv");
        let csv = "\u{feff}candidate,note,label,seconds\na.png,x,benign,2.5\nb.png,,,\n";
        let lines = "{\"candidate\":\"a.png\",\"label\":\"benign\",\"seconds\":2.5}\n\n\
                     {\"candidate\":\"b.png\",\"label\":null}\n";
        let csv = csv_rows(file, csv.as_bytes(), b',').unwrap();
        let json = json_rows(file, lines.as_bytes()).unwrap();
        assert_eq!(csv[0].seconds, "2.5");
        assert_eq!(csv[1].label, "");
        assert_eq!((csv[1].line, json[1].line), (3, 3));
        assert_eq!(
            Row {
                line: 1,
                ..csv[0].clone()
            },
            json[0]
        );
    }

    #[test]
    fn damage_is_named_by_line() {
        let file = Path::new("labels.csv");
        for (text, expected) in [
            ("label\nx\n", "column candidate is missing"),
            (
                "candidate\nx\n",
                "column label is missing; it has candidate",
            ),
            ("candidate,label\na,b\nc\n", "line 3: has 1 cells"),
        ] {
            let error = csv_rows(file, text.as_bytes(), b',')
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = json_rows(file, b"{}\n[1]\n").unwrap_err().to_string();
        assert!(error.contains("line 2: is no JSON object"), "{error}");
        let error = json_rows(file, b"{\"label\":[1]}").unwrap_err().to_string();
        assert!(error.contains("line 1: label is [1]"), "{error}");
    }
}
