//! One JSON object a line.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::decode::Decoded;
use super::format::Budget;
use super::table::RowBuilder;
use super::{Header, Kind, Table, TableError, shown};

/// Bytes of one line.
const LONGEST: u64 = 16 << 20;
/// Characters of a list or an object that are kept, for errors.
const KEPT: usize = 80;

/// Reads the objects. Each name that any of them has is a column.
pub(crate) fn read(file: &Path) -> Result<Table, TableError> {
    let fail = |error| TableError::read(file, error);
    let mut text = BufReader::new(Decoded::new(File::open(file).map_err(fail)?).map_err(fail)?);
    let mut budget = Budget::of(file)?;
    let mut table = Table::new(file, Header::default());
    let mut columns = Columns::default();
    let mut line = Vec::new();
    for row in 1.. {
        line.clear();
        let mut limited = text.by_ref().take(LONGEST + 1);
        if limited.read_until(b'\n', &mut line).map_err(fail)? == 0 {
            break;
        }
        if line.len() as u64 > LONGEST {
            let problem = format!("more than {LONGEST} bytes; write one object a line");
            return Err(TableError::row(file, row, problem));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut cells = columns.row(file, row, &line)?;
        budget.take(file, cells.cost())?;
        table.push(row, &mut cells);
    }
    table.set_header(columns.header);
    Ok(table)
}

/// The columns so far.
#[derive(Default)]
struct Columns {
    header: Header,
    /// By the name in small letters.
    seen: HashMap<String, usize>,
}

impl Columns {
    fn row(&mut self, file: &Path, row: u64, line: &[u8]) -> Result<RowBuilder, TableError> {
        let text = str::from_utf8(line)
            .map_err(|_| TableError::row(file, row, "is not UTF-8; save the file as UTF-8"))?;
        let Members(members) = serde_json::from_str(text.trim()).map_err(|error| {
            let hint = match ["NaN", "Infinity"]
                .iter()
                .find(|word| text.contains(**word))
            {
                Some(word) => format!("; JSON has no {word}: write null"),
                None => String::new(),
            };
            TableError::row(file, row, format!("not a JSON object: {error}{hint}"))
        })?;
        let mut cells: Vec<Option<(String, Kind)>> = Vec::with_capacity(members.len());
        for (name, value) in members {
            let at = self.column(file, row, &name)?;
            if cells.len() <= at {
                cells.resize(at + 1, None);
            }
            if cells[at].is_some() {
                let problem = "is there twice in one object; keep one";
                return Err(TableError::cell(file, row, &name, problem));
            }
            cells[at] = Some(cell(value));
        }
        let mut built = RowBuilder::default();
        for cell in cells {
            let (text, kind) = cell.unwrap_or((String::new(), Kind::Empty));
            built.push(&text, kind);
        }
        Ok(built)
    }

    fn column(&mut self, file: &Path, row: u64, name: &str) -> Result<usize, TableError> {
        if name.trim().is_empty() {
            let problem = "has a member without a name; name it, or take it out";
            return Err(TableError::row(file, row, problem));
        }
        let known = self.seen.get(&name.trim().to_lowercase()).copied();
        match known {
            Some(at) if self.header.names()[at] == name.trim() => Ok(at),
            Some(at) => {
                let problem = format!(
                    "is there twice, also as {}; give it one name",
                    shown(&self.header.names()[at])
                );
                Err(TableError::cell(file, row, name, problem))
            }
            None => self.header.add(file, &mut self.seen, name),
        }
    }
}

fn cell(value: Value) -> (String, Kind) {
    let start = |value: &Value| value.to_string().chars().take(KEPT).collect();
    match value {
        Value::Null => (String::new(), Kind::Empty),
        Value::String(text) => (text, Kind::Text),
        Value::Number(number) => (number.to_string(), Kind::Number),
        Value::Bool(value) => (value.to_string(), Kind::Bool),
        Value::Array(_) => (start(&value), Kind::List),
        Value::Object(_) => (start(&value), Kind::Object),
    }
}

/// The members of an object, in order, also those of one name.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, as {\"column\": \"value\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
