//! Parquet.

use std::{fs::File, path::Path};

use arrow::{
    array::RecordBatch,
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use csv::StringRecord;
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{Table, manifest_error};
use crate::source::{SourceError, listing::read_error};

/// Reads the columns of scalars; columns of lists, structures and raw bytes
/// are passed over, unread.
pub(super) fn read(path: &Path) -> Result<Table, SourceError> {
    let fail = |error: &dyn std::fmt::Display| manifest_error(path, error.to_string());
    let file = File::open(path).map_err(|error| read_error(path, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| fail(&e))?;
    let (indices, columns): (Vec<usize>, Vec<String>) = builder
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| is_scalar(field.data_type()))
        .map(|(index, field)| (index, field.name().clone()))
        .unzip();
    let mask = ProjectionMask::roots(builder.parquet_schema(), indices);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(|e| fail(&e))?;

    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| fail(&e))?;
        add(&batch, &mut rows).map_err(|e| fail(&e))?;
    }
    Ok(Table { columns, rows })
}

fn is_scalar(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    let raw = matches!(
        data_type,
        Binary | BinaryView | LargeBinary | FixedSizeBinary(_)
    );
    !raw && !data_type.is_nested()
}

fn add(
    batch: &RecordBatch,
    rows: &mut Vec<(usize, StringRecord)>,
) -> Result<(), arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let cells: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|array| ArrayFormatter::try_new(array, &options))
        .collect::<Result<_, _>>()?;
    for index in 0..batch.num_rows() {
        let mut record = StringRecord::new();
        for cell in &cells {
            record.push_field(cell.value(index).try_to_string()?.trim());
        }
        rows.push((rows.len() + 1, record));
    }
    Ok(())
}
