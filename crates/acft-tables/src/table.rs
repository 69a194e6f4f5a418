//! A whole table in memory, its cells with what they hold and where they stand.

use std::path::{Path, PathBuf};

use super::{Header, TableError, shown};

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is missing, null, or of spaces alone.
    Empty,
    /// A text. All cells of a CSV file that are not empty are texts.
    Text,
    /// A number of JSON or Parquet.
    Number,
    /// True or false.
    Bool,
    /// A list.
    List,
    /// An object, a structure or a map.
    Object,
    /// Raw bytes.
    Bytes,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Bytes => "bytes",
        }
    }
}

/// The cells of one row: their texts, one after the other.
#[derive(Debug, Default)]
struct Cells {
    number: u64,
    text: Box<str>,
    /// Where each text ends, and what it is.
    ends: Box<[(u32, Kind)]>,
}

/// Collects the cells of a row.
#[derive(Debug, Default)]
pub(crate) struct RowBuilder {
    text: String,
    ends: Vec<(u32, Kind)>,
}

impl RowBuilder {
    /// Adds a cell. The spaces around its text are not kept.
    pub(crate) fn push(&mut self, text: &str, kind: Kind) {
        let text = text.trim();
        let kind = match kind {
            Kind::Text if text.is_empty() => Kind::Empty,
            other => other,
        };
        self.text.push_str(text);
        // A row is far shorter: each reader limits it.
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.ends.push((end, kind));
    }

    /// Bytes of memory that the row takes.
    pub(crate) fn cost(&self) -> u64 {
        (self.text.len() + self.ends.len() * size_of::<(u32, Kind)>() + 64) as u64
    }
}

/// A table: its columns, and its rows in the order of the file.
#[derive(Debug)]
pub struct Table {
    file: PathBuf,
    header: Header,
    rows: Vec<Cells>,
}

impl Table {
    pub(crate) fn new(file: &Path, header: Header) -> Self {
        Self {
            file: file.to_owned(),
            header,
            rows: Vec::new(),
        }
    }

    pub(crate) fn set_header(&mut self, header: Header) {
        self.header = header;
    }

    /// Takes a row, and leaves the builder empty for the next.
    pub(crate) fn push(&mut self, number: u64, row: &mut RowBuilder) {
        self.rows.push(Cells {
            number,
            text: row.text.as_str().into(),
            ends: row.ends.as_slice().into(),
        });
        row.text.clear();
        row.ends.clear();
    }

    /// The file that it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The names of its columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        let row = |cells| Row { table: self, cells };
        self.rows.iter().map(row)
    }
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    table: &'t Table,
    cells: &'t Cells,
}

impl<'t> Row<'t> {
    /// Its number, as [the crate](crate) counts.
    pub fn number(&self) -> u64 {
        self.cells.number
    }

    /// The cell of a column; it is empty where the row has none.
    pub fn cell(&self, column: usize) -> Cell<'t> {
        let (end, kind) = self
            .cells
            .ends
            .get(column)
            .copied()
            .unwrap_or((0, Kind::Empty));
        let before = column.checked_sub(1).and_then(|at| self.cells.ends.get(at));
        let start = before.map_or(0, |(end, _)| *end);
        Cell {
            row: *self,
            column,
            kind,
            text: self
                .cells
                .text
                .get(start as usize..end as usize)
                .unwrap_or_default(),
        }
    }

    /// An error about the row as a whole.
    pub fn error(&self, problem: impl std::fmt::Display) -> TableError {
        TableError::row(&self.table.file, self.number(), problem)
    }
}

/// One cell of a table.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'t> {
    row: Row<'t>,
    column: usize,
    kind: Kind,
    text: &'t str,
}

impl<'t> Cell<'t> {
    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value as text, without the spaces around it. That of a list, an
    /// object or bytes is not kept, or in part.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Its row's number.
    pub fn row(&self) -> u64 {
        self.row.number()
    }

    /// The name of its column.
    pub fn column(&self) -> &'t str {
        let names = self.row.table.header.names();
        names.get(self.column).map_or("", String::as_str)
    }

    /// Its one value as text; empty where it has none.
    ///
    /// # Errors
    /// It is a list, an object or bytes.
    pub fn value(&self) -> Result<&'t str, TableError> {
        match self.kind {
            Kind::List | Kind::Object | Kind::Bytes => {
                let example = match self.text {
                    "" => String::new(),
                    text => format!(" ({})", shown(text)),
                };
                let problem = format!(
                    "holds {}{example}; give it one text or number",
                    self.kind.name()
                );
                Err(self.error(problem))
            }
            _ => Ok(self.text),
        }
    }

    /// An error about the cell.
    pub fn error(&self, problem: impl std::fmt::Display) -> TableError {
        TableError::cell(&self.row.table.file, self.row(), self.column(), problem)
    }
}
