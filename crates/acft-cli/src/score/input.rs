//! The table of probabilities, a row or some at a time, whatever its format.

use std::path::Path;

use acft_run::BadInput;
use acft_tables::Format;

use super::error::RowNumber;
use super::{read_npz, read_table};

/// Softmax outputs of a candidate's patches that stand together: one, or as many as a file gives at once.
pub(super) struct Rows<'a> {
    /// Where the first stands in the file.
    pub(super) number: RowNumber,
    /// The candidate's name; not empty.
    pub(super) candidate: &'a str,
    /// The first patch's number within the candidate; the next has the next.
    pub(super) patch: u64,
    /// |Y|.
    pub(super) classes: usize,
    /// P^{j,k} for k = 0 … |Y|−1, row-major, as read: not yet checked.
    pub(super) probabilities: &'a [f64],
}

/// Where rows go, in the order of the file. An error ends the reading.
pub(super) type RowSink<'a> = dyn FnMut(&Rows<'_>) -> anyhow::Result<()> + 'a;

/// Streams the rows of `file` in memory that does not grow with their number.
/// The ending of the name decides the format.
///
/// # Errors
/// [`BadInput`] for a file of another format, columns that are missing, and
/// cells that are no numbers; otherwise the error of the disk or of `sink`.
pub(super) fn read(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let is_npz = |ending: &std::ffi::OsStr| ending.eq_ignore_ascii_case("npz");
    if file.extension().is_some_and(is_npz) {
        return read_npz::read(file, sink);
    }
    match Format::of(file) {
        Some(format) => read_table::read(file, format, sink),
        None => Err(BadInput::file(
            file,
            "unknown format; the name must end in .csv, .tsv, .jsonl, .parquet or .npz",
        )
        .into()),
    }
}
