//! Probabilities from NPZ, NumPy's archive of arrays (stored or deflated), in
//! one of three layouts of n rows, or of n candidates with m patches each:
//!
//! - `candidate` (n), `patch` (n), and `p_0`, `p_1`, … (n each);
//! - `candidate` (n), `patch` (n), and `p` (n × k);
//! - `p` (n × m × k), with `candidate` (n) or without: candidates are then
//!   named by their index, and patches are always numbered by theirs.
//!
//! The arrays lie one after the other in the archive and are wanted side by
//! side, so the archive is opened once for each.

use std::io::{BufReader, Read};
use std::path::Path;

use acft_run::BadInput;
use npyz::npz::NpzArchive;
use npyz::{NpyFile, NpyHeader, Order};

use super::ahead::Ahead;
use super::columns::{Columns, probabilities, probability};
use super::error::{RowNumber, read_error};
use super::input::{RowSink, Rows};
use super::npy::{Floats, floats, integers, names};

/// The archive, once for each array that is read.
type Archive = NpzArchive<BufReader<std::fs::File>>;
/// One array of it.
type Array<'a> = NpyFile<BufReader<Box<dyn Read + 'a>>>;

/// Streams the rows of an NPZ file.
pub(super) fn read(file: &Path, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let found: Vec<String> = {
        let archive = open(file)?;
        let mut found: Vec<String> = archive.array_names().map(str::to_owned).collect();
        found.sort_unstable();
        found
    };
    let has = |name: &str| found.iter().any(|other| other == name);
    if !has("p") {
        let columns = Columns::find(&found).map_err(|problem| BadInput::file(file, problem))?;
        let classes: Vec<String> = (0..columns.probabilities.len()).map(probability).collect();
        return read_rows(file, &classes, sink);
    }
    if probabilities(&found).is_ok() {
        let problem = "has both p and p_0, p_1 and so on; keep one of the two";
        return Err(BadInput::file(file, problem).into());
    }
    let mut archive = open(file)?;
    let dimensions = array(file, &mut archive, "p")?.shape().len();
    match dimensions {
        2 if has("candidate") && has("patch") => read_rows(file, &["p".to_owned()], sink),
        2 => {
            let problem = "array p has a row for each patch, so arrays candidate and patch must \
                           name them; or give p the shape (candidates, patches, classes)";
            Err(BadInput::file(file, problem).into())
        }
        3 => read_cube(file, has("candidate"), sink),
        _ => {
            let problem = format!(
                "array p has {dimensions} dimensions; it needs (rows, classes), or \
                 (candidates, patches, classes)"
            );
            Err(BadInput::file(file, problem).into())
        }
    }
}

/// The layouts with a row for each patch: `sources` is `p` alone, or the
/// array of each class.
fn read_rows(file: &Path, sources: &[String], sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let mut archives = Vec::new();
    for _ in 0..sources.len() + 2 {
        archives.push(open(file)?);
    }
    let mut archives = archives.iter_mut();
    let mut next = |name: &str| {
        let archive = archives
            .next()
            .expect("an archive was opened for each array");
        array(file, archive, name)
    };

    let candidates = next("candidate")?;
    let rows = expect_length(file, "candidate", candidates.shape(), None)?;
    let mut candidates = names("candidate", candidates).map_err(|p| BadInput::file(file, p))?;
    let patches = next("patch")?;
    expect_length(file, "patch", patches.shape(), Some(rows))?;
    let mut patches = integers("patch", patches).map_err(|p| BadInput::file(file, p))?;
    let mut classes = sources.len();
    let mut values = Vec::new();
    for source in sources {
        let array = next(source)?;
        if let &[length, columns] = array.shape() {
            expect_length(file, source, &[length], Some(rows))?;
            classes = expect_classes(file, columns)?;
        } else {
            expect_length(file, source, array.shape(), Some(rows))?;
        }
        values.push(floats(source, array).map_err(|p| BadInput::file(file, p))?);
    }

    let mut row = vec![0.0; classes];
    for index in 0..rows {
        let number = RowNumber::from_index(index);
        let candidate = take(file, &mut *candidates)?;
        if candidate.is_empty() {
            let problem = "is empty; every row names its candidate";
            return Err(BadInput::cell(file, number, "candidate", problem).into());
        }
        let patch = take(file, &mut *patches)?;
        let patch = u64::try_from(patch).map_err(|_| {
            let problem =
                format!("{patch} is no patch number; patches are numbered 0, 1, 2 and so on");
            BadInput::cell(file, number, "patch", problem)
        })?;
        fill(file, &mut row, &mut values)?;
        sink(&Rows {
            number,
            candidate: &candidate,
            patch,
            classes,
            probabilities: &row,
        })?;
    }
    Ok(())
}

/// Numbers that are read together; a damaged header may claim any number of patches and classes.
const AT_ONCE: usize = 1 << 16;

/// The layout with a matrix for each candidate. Rows are counted patch by
/// patch, as if the array were reshaped to (candidates × patches, classes).
fn read_cube(file: &Path, named: bool, sink: &mut RowSink<'_>) -> anyhow::Result<()> {
    let (mut archive, mut name_archive) = (open(file)?, open(file)?);
    let cube = array(file, &mut archive, "p")?;
    let &[candidates, patches, classes] = cube.shape() else {
        unreachable!("the caller saw three dimensions");
    };
    let classes = expect_classes(file, classes)?;
    let most = (AT_ONCE / classes).max(1);
    let at_once = usize::try_from(patches).map_or(most, |patches| patches.min(most));
    let mut rows = vec![0.0; at_once * classes];
    let mut values = [floats("p", cube).map_err(|p| BadInput::file(file, p))?];
    let mut given = None;
    if named {
        let array = array(file, &mut name_archive, "candidate")?;
        expect_length(file, "candidate", array.shape(), Some(candidates))?;
        given = Some(names("candidate", array).map_err(|p| BadInput::file(file, p))?);
    }
    for index in 0..candidates {
        let candidate = match &mut given {
            Some(names) => take(file, &mut **names)?,
            None => index.to_string(),
        };
        for patch in (0..patches).step_by(most) {
            let number = RowNumber::from_index(index * patches + patch);
            if candidate.is_empty() {
                let problem = "is empty; every candidate needs a name";
                return Err(BadInput::cell(file, number, "candidate", problem).into());
            }
            let left = (patches - patch).min(most as u64) as usize;
            let rows = &mut rows[..left * classes];
            fill(file, rows, &mut values)?;
            sink(&Rows {
                number,
                candidate: &candidate,
                patch,
                classes,
                probabilities: rows,
            })?;
        }
    }
    Ok(())
}

fn open(file: &Path) -> anyhow::Result<Archive> {
    NpzArchive::open(file).map_err(|error| read_error(file, error))
}

/// Bytes of an array's header; NumPy writes less than two hundred.
const HEADER: u64 = 1 << 16;
/// Bytes of one value: no name of a candidate is so long.
const VALUE: usize = 1 << 16;

/// Refuses an array whose header is longer than any, before it is read; says
/// how many bytes the archive has of the array.
fn check_header(file: &Path, archive: &mut Archive, name: &str) -> anyhow::Result<u64> {
    let missing = || BadInput::file(file, format!("array {name} is missing"));
    let mut entry = archive
        .zip_archive()
        .by_name(&format!("{name}.npy"))
        .map_err(|_| missing())?;
    let mut start = [0; 12];
    entry
        .read_exact(&mut start)
        .map_err(|error| read_error(file, error))?;
    let [.., major, _, a, b, c, d] = start;
    let length = match major {
        1 => u64::from(u16::from_le_bytes([a, b])),
        _ => u64::from(u32::from_le_bytes([a, b, c, d])),
    };
    if length > HEADER {
        let problem = format!("array {name} has a header of {length} bytes; write it again");
        return Err(BadInput::file(file, problem).into());
    }
    Ok(entry.size())
}

/// Refuses an array that claims more than the archive has of it.
fn check_size(file: &Path, array: &NpyHeader, name: &str, bytes: u64) -> Result<(), BadInput> {
    let refuse = |problem: String| Err(BadInput::file(file, problem));
    // What has no size, as Python objects, is refused by its type.
    let Some(size) = array.dtype().num_bytes() else {
        return Ok(());
    };
    if size > VALUE {
        return refuse(format!(
            "array {name} has values of {size} bytes, which are not read; save shorter names"
        ));
    }
    let values = array
        .shape()
        .iter()
        .try_fold(1u64, |all, side| all.checked_mul(*side));
    let claimed = values.and_then(|values| values.checked_mul(size as u64));
    match claimed.filter(|claimed| *claimed <= bytes) {
        Some(_) => Ok(()),
        None => refuse(format!(
            "array {name} has {bytes} bytes, and its shape {:?} takes more; it is cut short, write \
             it again",
            array.shape()
        )),
    }
}

/// Opens one array for reading from its start.
fn array<'a>(file: &Path, archive: &'a mut Archive, name: &str) -> anyhow::Result<Array<'a>> {
    let bytes = check_header(file, archive, name)?;
    // The library multiplies whatever the header says.
    let array = acft_tables::caught(move || archive.by_name(name))
        .map_err(|error| BadInput::file(file, format!("array {name} is damaged ({error})")))?
        .map_err(|error| read_error(file, error))?
        .ok_or_else(|| BadInput::file(file, format!("array {name} is missing")))?;
    if !array.uses_pickled_array() {
        check_size(file, array.header(), name, bytes)?;
    }
    if array.order() == Order::Fortran && array.shape().len() > 1 {
        let problem =
            format!("array {name} is in Fortran order; save np.ascontiguousarray({name}) instead");
        return Err(BadInput::file(file, problem).into());
    }
    let header = array.header().clone();
    let data: Box<dyn Read + 'a> = Box::new(Ahead::new(array.into_inner()));
    Ok(NpyFile::with_header(
        header,
        BufReader::with_capacity(1 << 16, data),
    ))
}

/// The length of a one-dimensional array, which must be `expected` if given.
fn expect_length(
    file: &Path,
    name: &str,
    shape: &[u64],
    expected: Option<u64>,
) -> Result<u64, BadInput> {
    let &[length] = shape else {
        let problem = format!("array {name} has shape {shape:?}; it needs one dimension");
        return Err(BadInput::file(file, problem));
    };
    match expected {
        Some(expected) if expected != length => Err(BadInput::file(
            file,
            format!("array {name} has {length} rows, but there are {expected} rows"),
        )),
        _ => Ok(length),
    }
}

/// k, when it is the last dimension of `p`.
fn expect_classes(file: &Path, classes: u64) -> Result<usize, BadInput> {
    /// More than any classifier has; a damaged header may claim anything.
    const MOST: u64 = 1 << 20;
    if (2..=MOST).contains(&classes) {
        Ok(classes as usize)
    } else {
        let problem = format!("array p has {classes} classes; it needs at least two");
        Err(BadInput::file(file, problem))
    }
}

/// The next value of an array that is long enough by its header.
fn take<T>(file: &Path, values: &mut dyn Iterator<Item = std::io::Result<T>>) -> anyhow::Result<T> {
    let ended = || Err(std::io::ErrorKind::UnexpectedEof.into());
    values
        .next()
        .unwrap_or_else(ended)
        .map_err(|error| read_error(file, error))
}

/// The next row: a value of each source, or all of them from the only one.
fn fill(file: &Path, row: &mut [f64], sources: &mut [Box<dyn Floats + '_>]) -> anyhow::Result<()> {
    match sources {
        [source] => source.fill(row),
        several => row
            .chunks_mut(1)
            .zip(several)
            .try_for_each(|(p, source)| source.fill(p)),
    }
    .map_err(|error| read_error(file, error))
}
