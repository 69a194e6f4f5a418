//! What is wrong with a table: the file, the row, the column, and what to do.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Characters of a text of the file that an error repeats.
const SHOWN: usize = 60;
/// Characters of a sentence that another library gives.
const SENTENCE: usize = 400;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}{place}: {problem}", file.display())]
pub struct TableError {
    file: PathBuf,
    place: Place,
    problem: String,
    /// Set where the disk failed, and the file may be sound.
    #[source]
    disk: Option<io::Error>,
}

/// Where in the file.
#[derive(Debug, Default)]
struct Place {
    row: Option<u64>,
    column: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, &self.column) {
            (None, None) => Ok(()),
            (Some(row), None) => write!(f, ": row {row}"),
            (None, Some(column)) => write!(f, ": column {column}"),
            (Some(row), Some(column)) => write!(f, ": row {row}, column {column}"),
        }
    }
}

impl TableError {
    fn new(file: &Path, place: Place, problem: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            place,
            problem: cut(&problem.to_string(), SENTENCE),
            disk: None,
        }
    }

    /// The file as a whole is wrong.
    pub fn file(file: &Path, problem: impl fmt::Display) -> Self {
        Self::new(file, Place::default(), problem)
    }

    /// One row is wrong.
    pub fn row(file: &Path, row: u64, problem: impl fmt::Display) -> Self {
        let row = Some(row);
        Self::new(file, Place { row, column: None }, problem)
    }

    /// A column is wrong.
    pub fn column(file: &Path, column: &str, problem: impl fmt::Display) -> Self {
        let column = Some(cut(column, SHOWN));
        Self::new(file, Place { row: None, column }, problem)
    }

    /// One cell is wrong.
    pub fn cell(file: &Path, row: u64, column: &str, problem: impl fmt::Display) -> Self {
        let place = Place {
            row: Some(row),
            column: Some(cut(column, SHOWN)),
        };
        Self::new(file, place, problem)
    }

    /// The system does not give the file, or what decodes it says that it is damaged.
    pub fn read(file: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::file(file, "no such file; check the path"),
            io::ErrorKind::IsADirectory => Self::file(file, "is a folder; name a file in it"),
            // Not from the system, so from what decodes the file.
            _ if error.raw_os_error().is_none() => Self::file(
                file,
                format!("damaged or cut short ({error}); write it again"),
            ),
            _ => Self {
                disk: Some(error),
                ..Self::file(file, "cannot be read")
            },
        }
    }

    /// Whether the disk failed. All other errors are faults of the file, or of
    /// its name.
    pub fn is_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// The error and its cause in one line.
    pub fn sentence(&self) -> String {
        match &self.disk {
            Some(disk) => format!("{self}: {disk}"),
            None => self.to_string(),
        }
    }
}

/// A text of a file as errors repeat it: in quotes, without control
/// characters, and not longer than a line.
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// The start of a text, without control characters.
fn cut(text: &str, characters: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(characters).map(clean).collect();
    if text.chars().nth(characters).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_place_and_is_not_long() {
        let file = Path::new("x.csv");
        let all = TableError::cell(file, 3, "label", "is wrong");
        assert_eq!(all.to_string(), "x.csv: row 3, column label: is wrong");
        let row = TableError::row(file, 3, "is wrong");
        assert_eq!(row.to_string(), "x.csv: row 3: is wrong");
        let long = "é\n".repeat(10_000);
        let error = TableError::cell(file, 1, &long, format!("{} is wrong, {long}", shown(&long)));
        let text = error.to_string();
        assert!(text.chars().count() < 600 && !text.contains('\n'), "{text}");
    }

    #[test]
    fn a_disk_that_fails_is_told_from_a_file_that_is_wrong() {
        let file = Path::new("x.csv");
        let error = |kind: io::Error| TableError::read(file, kind);
        assert!(!error(io::ErrorKind::NotFound.into()).is_disk());
        assert!(!error(io::Error::new(io::ErrorKind::InvalidData, "x")).is_disk());
        assert!(error(io::Error::from_raw_os_error(5)).is_disk());
    }
}
