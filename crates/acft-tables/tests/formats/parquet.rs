//! Parquet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acft_tables::{Kind, ParquetFile, ReadAs, TableError, read};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray,
};
use arrow::datatypes::{Float64Type, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{kinds, rows};

/// Writes columns of equal length.
fn write(columns: Vec<(&str, ArrayRef)>, rows_a_group: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(rows_a_group))
        .build();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    (folder, path)
}

fn texts(texts: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringArray::from(texts))
}

#[test]
fn cells_have_their_kinds_and_columns_of_no_single_value_stay_unread() {
    let lists = vec![Some(vec![Some(1.0)]), None, None];
    let (_folder, path) = write(
        vec![
            (
                "bytes",
                Arc::new(BinaryArray::from_vec(vec![b"x"; 3])) as ArrayRef,
            ),
            ("file", texts(vec![Some(" a "), None, Some("c")])),
            ("whole", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            (
                "list",
                Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists)),
            ),
            (
                "float",
                Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN)])),
            ),
            (
                "bool",
                Arc::new(BooleanArray::from(vec![true, false, true])),
            ),
            (
                "coded",
                Arc::new(DictionaryArray::<Int32Type>::from_iter(["p", "p", "q"])),
            ),
        ],
        2,
    );
    let table = read(&path).unwrap();
    let cells = rows(&table);
    assert_eq!(
        cells[0],
        (
            1,
            ["", "a", "1", "", "1.0", "true", "p"]
                .map(str::to_owned)
                .to_vec()
        )
    );
    assert_eq!(
        cells[2],
        (
            3,
            ["", "c", "3", "", "NaN", "true", "q"]
                .map(str::to_owned)
                .to_vec()
        )
    );
    assert_eq!(kinds(&table, 0), [Kind::Bytes; 3]);
    assert_eq!(kinds(&table, 1), [Kind::Text, Kind::Empty, Kind::Text]);
    assert_eq!(kinds(&table, 2), [Kind::Number; 3]);
    assert_eq!(kinds(&table, 3), [Kind::List; 3]);
    assert_eq!(kinds(&table, 4), [Kind::Number, Kind::Empty, Kind::Number]);
    assert_eq!(kinds(&table, 5), [Kind::Bool; 3]);
    assert_eq!(kinds(&table, 6), [Kind::Text; 3]);
    let error = table
        .rows()
        .next()
        .unwrap()
        .cell(0)
        .value()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("row 1, column bytes: holds bytes; give it one text"),
        "{error}"
    );
}

#[test]
fn batches_go_over_all_groups_of_rows() {
    let names: Vec<String> = (0..5000).map(|at| format!("n{}", at / 2)).collect();
    let (_folder, path) = write(
        vec![
            ("name", Arc::new(StringArray::from(names)) as ArrayRef),
            ("at", Arc::new(Int64Array::from_iter_values(0..5000))),
            (
                "p",
                Arc::new(Float64Array::from_iter_values((0..5000).map(f64::from))),
            ),
        ],
        1500,
    );
    let file = ParquetFile::open(&path).unwrap();
    let mut seen = 0;
    let columns = [(2, ReadAs::Float), (0, ReadAs::Name), (1, ReadAs::Whole)];
    file.batches::<TableError>(&columns, &mut |batch| {
        assert_eq!(batch.first(), seen + 1);
        for row in 0..batch.len() {
            assert_eq!(batch.whole(2)[row] as u64, seen);
            assert_eq!(batch.floats(0)[row], seen as f64);
            assert_eq!(batch.name(1, row), format!("n{}", seen / 2));
            seen += 1;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, 5000);
}

#[test]
fn a_null_where_a_value_is_wanted_is_named() {
    let (_folder, path) = write(vec![("name", texts(vec![Some("a"), None]))], 10);
    let file = ParquetFile::open(&path).unwrap();
    let read = file.batches::<TableError>(&[(0, ReadAs::Name)], &mut |_| Ok(()));
    let error = read.unwrap_err().to_string();
    assert!(
        error.ends_with("row 2, column name: no value; fill it or remove the row"),
        "{error}"
    );
}

fn refused(path: &Path, want: &str) {
    let error = read(path).unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
    assert!(error.len() < 1000, "{}", error.len());
}

#[test]
fn a_few_bytes_that_hold_gigabytes_are_refused() {
    let long = "a".repeat(5_000_000);
    let (_folder, path) = write(vec![("path", texts(vec![Some(&long); 20]))], 1 << 20);
    assert!(path.metadata().unwrap().len() < 100_000);
    refused(&path, "column path: has a page of");
    // Within the limit of a page, and yet too long for a cell.
    let long = "a".repeat(100_000);
    let many = std::iter::repeat_n(Some("b"), 50).chain([Some(&*long)]);
    let (_folder, path) = write(vec![("path", texts(many.collect()))], 1 << 20);
    refused(&path, "row 51, column path: a text of more than 64 kB");
}

#[test]
fn a_few_bytes_that_claim_many_rows_are_refused() {
    let (_folder, path) = write(
        vec![("path", texts(vec![Some("abcdefgh"); 3_000_000]))],
        1 << 22,
    );
    assert!(path.metadata().unwrap().len() < 100_000);
    refused(&path, "unpacks to a table of more than");
}

#[test]
fn a_cut_or_changed_file_is_refused_and_never_a_panic() {
    let names: Vec<String> = (0..400).map(|at| format!("n{}", at % 60)).collect();
    let (_folder, path) = write(
        vec![
            ("name", Arc::new(StringArray::from(names)) as ArrayRef),
            (
                "p",
                Arc::new(Float64Array::from_iter_values((0..400).map(f64::from))),
            ),
        ],
        150,
    );
    let whole = std::fs::read(&path).unwrap();
    let mut refusals = 0;
    for at in (0..whole.len()).step_by(3) {
        for bit in [0, 6] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            match read(&path) {
                Err(error) => {
                    refusals += 1;
                    assert!(error.to_string().len() < 1000, "{error}");
                }
                Ok(table) => assert!(table.len() <= 100_000, "{}", table.len()),
            }
        }
    }
    assert!(refusals > 100, "{refusals} of {}", whole.len());
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&path, "not a readable Parquet file");
}
