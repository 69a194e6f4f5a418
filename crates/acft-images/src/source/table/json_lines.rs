//! One JSON object a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use csv::StringRecord;
use serde_json::{Map, Value};

use super::{Table, row_error};
use crate::source::{SourceError, listing::read_error};

/// Reads the objects' scalar members; lists and objects within are passed over.
pub(super) fn read(path: &Path) -> Result<Table, SourceError> {
    let file = File::open(path).map_err(|error| read_error(path, error))?;
    let mut columns: Vec<String> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let row = index + 1;
        let line = line.map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => row_error(
                path,
                row,
                "not valid UTF-8: save the file as UTF-8".to_owned(),
            ),
            _ => read_error(path, error),
        })?;
        // Windows tools may put a byte-order mark before the first object.
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        let object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| row_error(path, row, format!("not a JSON object: {error}")))?;
        let mut cells: Vec<String> = Vec::new();
        for (name, value) in object {
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.trim().to_owned(),
                Value::Array(_) | Value::Object(_) => continue,
                scalar => scalar.to_string(),
            };
            let next = columns.len();
            let at = *positions.entry(name.clone()).or_insert(next);
            if at == next {
                columns.push(name);
            }
            if cells.len() <= at {
                cells.resize(at + 1, String::new());
            }
            cells[at] = text;
        }
        rows.push((row, StringRecord::from(cells)));
    }
    Ok(Table { columns, rows })
}
