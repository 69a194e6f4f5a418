//! Parquet: sizes are checked before anything is unpacked, and a panic of the
//! library that decodes it is an error.

mod batch;
mod page_header;
mod pages;
mod rows;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::caught::caught;
use super::{Header, TableError};

pub use batch::{Batch, ColumnType, ReadAs};
pub(crate) use rows::table;

/// A Parquet file whose rows are read in batches.
pub struct ParquetFile {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    header: Header,
}

impl ParquetFile {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// The file cannot be read, is not Parquet, or has two columns of one name.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let fail = |error| TableError::read(path, error);
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(TableError::read(
                path,
                std::io::ErrorKind::IsADirectory.into(),
            ));
        }
        let metadata = caught(|| metadata(&file)).unwrap_or_else(Err);
        let metadata = metadata.map_err(|error| unreadable(path, &error))?;
        let fields = metadata.schema().fields().iter();
        let header = Header::new(path, fields.map(|field| field.name()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            metadata,
            header,
        })
    }

    /// The names of the columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Reads some columns; `sink` gets the batches of rows in their order, each
    /// with the number of rows before it. A group of rows is read after the
    /// other, so that no batch keeps the pages of several.
    fn read(
        &self,
        columns: &[usize],
        most: usize,
        sink: &mut dyn FnMut(u64, arrow::array::RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mask = ProjectionMask::roots(
            self.metadata.metadata().file_metadata().schema_descr(),
            columns.iter().copied(),
        );
        let at_once = pages::check(&self.path, &self.file, self.metadata.metadata(), &mask)?;
        let mut before = 0;
        for group in 0..self.metadata.metadata().num_row_groups() {
            let damaged = |error: String| damaged(&self.path, before, &error);
            let file = self.file.try_clone();
            let file = file.map_err(|error| TableError::read(&self.path, error))?;
            let reader = caught(|| {
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                    .with_row_groups(vec![group])
                    .with_projection(mask.clone())
                    .with_batch_size(most.min(at_once))
                    .build()
                    .map_err(|error| error.to_string())
            });
            let mut reader = reader.unwrap_or_else(Err).map_err(damaged)?;
            loop {
                let damaged = |error: String| self::damaged(&self.path, before, &error);
                let Some(batch) = caught(|| reader.next()).map_err(damaged)? else {
                    break;
                };
                let batch = batch.map_err(|error| damaged(error.to_string()))?;
                let rows = batch.num_rows() as u64;
                sink(before, batch)?;
                before += rows;
            }
        }
        Ok(())
    }
}

/// Why reading ended early.
pub(crate) enum Stop {
    /// The table is at fault.
    Table(TableError),
    /// Whoever takes the rows wants no more.
    Sink,
}

impl From<TableError> for Stop {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

fn metadata(file: &File) -> Result<ArrowReaderMetadata, String> {
    let text = |error: parquet::errors::ParquetError| error.to_string();
    let options = ArrowReaderOptions::new;
    let plain = ArrowReaderMetadata::load(file, options()).map_err(text)?;
    let viewed = options().with_schema(viewed(plain.schema()));
    // A file that does not allow views is read without them.
    Ok(ArrowReaderMetadata::try_new(plain.metadata().clone(), viewed).unwrap_or(plain))
}

/// The schema with texts as views. A view does not repeat a text that a
/// dictionary has once: a few bytes cannot unpack to a thousand long texts.
fn viewed(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        }
        _ => field.clone(),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn unreadable(path: &Path, error: &str) -> TableError {
    let problem = format!("not a readable Parquet file ({error}); write it again");
    TableError::file(path, problem)
}

fn damaged(path: &Path, before: u64, error: &str) -> TableError {
    let problem = format!("damaged from here on ({error}); write it again");
    TableError::row(path, before + 1, problem)
}
