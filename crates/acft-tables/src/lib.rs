//! One reader of tables, for every file with rows and columns that `acft` takes.
//!
//! A table is CSV (with commas, semicolons or tabs; UTF-8, or UTF-16 with a
//! byte-order mark), JSON lines, or Parquet. [`read`] gives a whole [`Table`];
//! [`TextRows`] and, with the feature `parquet`, [`ParquetFile`] give the rows
//! of a long one bit by bit.
//!
//! This crate knows files, rows, columns and cells. It knows nothing of images,
//! labels or projects.
//!
//! # What is refused
//! The readers refuse what would lose or change cells without a word: a quote
//! that is not closed, a row of another length than the header, two columns of
//! one name (also in another case), a file without a header, zero bytes, text
//! that is not valid. They believe a size that a file claims only as far as its
//! bytes are there. Each error names the file, the row and the column, and says
//! what to do.
//!
//! # How rows are counted
//! As a spreadsheet counts: the header of a CSV file is row 1, and blank lines
//! count. The first row of JSON lines and of Parquet is row 1.
//!
//! # How the separator is found
//! It is the one of comma, semicolon and tab that occurs most often in the
//! header, outside quotes; of two that occur as often, the comma comes before
//! the semicolon, and this before the tab (in a `.tsv` the tab comes first).

mod caught;
mod decode;
mod error;
mod format;
mod header;
mod json_lines;
mod marks;
#[cfg(feature = "parquet")]
mod parquet;
mod separator;
mod table;
mod text;

#[cfg(feature = "parquet")]
pub use self::parquet::{Batch, ColumnType, ParquetFile, ReadAs};
pub use caught::caught;
pub use error::{TableError, shown};
pub use format::{Format, read};
pub use header::Header;
pub use table::{Cell, Kind, Row, Table};
pub use text::{TextRow, TextRows};
