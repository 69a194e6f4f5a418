//! Some rows of a Parquet file, in the types that their reader needs.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use super::pages::VALUE;
use super::{ParquetFile, Stop};
use crate::TableError;
use crate::caught::caught;

/// Rows unpacked at a time: enough to hide the cost of a batch, little enough
/// to stay in the cache.
const BATCH: usize = 8192;

/// As what a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// Texts, or whole numbers as text.
    Name,
    /// Whole numbers.
    Whole,
    /// Numbers in floating point.
    Float,
}

/// What the file says that a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Texts.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers in floating point.
    Float,
    /// Something else.
    Other,
}

/// Some rows: the columns that were asked for, in that order, without nulls.
pub struct Batch {
    before: u64,
    rows: usize,
    columns: Vec<ArrayRef>,
}

impl Batch {
    /// The number of its first row, as [the crate](crate) counts.
    pub fn first(&self) -> u64 {
        self.before + 1
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// A cell of the `at`-th column, which was read as [`ReadAs::Name`].
    pub fn name(&self, at: usize, row: usize) -> &str {
        self.columns[at].as_string_view().value(row)
    }

    /// The `at`-th column, which was read as [`ReadAs::Whole`].
    pub fn whole(&self, at: usize) -> &[i64] {
        self.columns[at].as_primitive::<Int64Type>().values()
    }

    /// The `at`-th column, which was read as [`ReadAs::Float`].
    pub fn floats(&self, at: usize) -> &[f64] {
        self.columns[at].as_primitive::<Float64Type>().values()
    }
}

impl ParquetFile {
    /// What a column holds.
    pub fn column_type(&self, column: usize) -> ColumnType {
        let data_type = self.schema().field(column).data_type();
        let data_type = match data_type {
            DataType::Dictionary(_, values) => values,
            other => other,
        };
        match data_type {
            text if text.is_string() => ColumnType::Text,
            whole if whole.is_integer() => ColumnType::Whole,
            float if float.is_floating() => ColumnType::Float,
            _ => ColumnType::Other,
        }
    }

    /// The name that the file has for what a column holds.
    pub fn type_name(&self, column: usize) -> String {
        self.schema().field(column).data_type().to_string()
    }

    /// Reads some columns; `sink` gets the rows in their order, many at a time.
    ///
    /// # Errors
    /// The table is damaged, a cell is null or cannot be read so, or whatever
    /// `sink` fails with.
    pub fn batches<E: From<TableError>>(
        &self,
        columns: &[(usize, ReadAs)],
        sink: &mut dyn FnMut(&Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let places: Vec<usize> = columns.iter().map(|(column, _)| *column).collect();
        let mut stopped = None;
        let read = self.read(&places, BATCH, &mut |before, batch| {
            let typed = |&(column, read_as): &(usize, ReadAs)| {
                caught(|| self.typed(&batch, before, column, read_as))
                    .unwrap_or_else(|error| Err(super::damaged(&self.path, before, &error)))
            };
            let batch = Batch {
                before,
                rows: batch.num_rows(),
                columns: columns.iter().map(typed).collect::<Result<_, _>>()?,
            };
            sink(&batch).map_err(|error| {
                stopped = Some(error);
                Stop::Sink
            })
        });
        match (read, stopped) {
            (_, Some(error)) => Err(error),
            (Err(Stop::Table(error)), None) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn typed(
        &self,
        batch: &RecordBatch,
        before: u64,
        column: usize,
        read_as: ReadAs,
    ) -> Result<ArrayRef, TableError> {
        let name = self.schema().field(column).name();
        let to = match read_as {
            ReadAs::Name => DataType::Utf8View,
            ReadAs::Whole => DataType::Int64,
            ReadAs::Float => DataType::Float64,
        };
        let array = batch.column_by_name(name);
        let array = array.ok_or_else(|| TableError::column(&self.path, name, "cannot be read"))?;
        let cast = cast(array, &to).map_err(|error| {
            let problem = format!(
                "holds {}, which is not read here: {error}",
                array.data_type()
            );
            TableError::column(&self.path, name, problem)
        })?;
        if cast.null_count() > 0
            && let Some(row) = (0..cast.len()).find(|row| cast.is_null(*row))
        {
            let problem = "no value; fill it or remove the row";
            let row = before + row as u64 + 1;
            return Err(TableError::cell(&self.path, row, name, problem));
        }
        if read_as == ReadAs::Name {
            let texts = cast.as_string_view();
            let long = texts.lengths().position(|length| u64::from(length) > VALUE);
            if let Some(row) = long {
                let problem = format!("a text of more than {} kB; shorten it", VALUE >> 10);
                let row = before + row as u64 + 1;
                return Err(TableError::cell(&self.path, row, name, problem));
            }
        }
        Ok(cast)
    }
}
