//! What stops a source from being opened.

use std::{fmt, io, path::PathBuf};

use super::{LeftOut, Split};

/// A candidate as an error names it: its name and its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRef {
    /// As [`Candidate::name`](super::Candidate::name).
    pub name: String,
    /// As [`Candidate::row`](super::Candidate::row).
    pub row: Option<usize>,
}

impl fmt::Display for RowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row} ({})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or folder that the user named is not there.
    #[error("{}: no such file or folder", .0.display())]
    Missing(PathBuf),
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The manifest's extension is unknown.
    #[error(
        "{}: not a manifest by its name: use .csv, .jsonl, .ndjson or .parquet, or give a folder",
        .0.display()
    )]
    UnknownManifest(PathBuf),
    /// The manifest is damaged.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A row of the manifest is wrong.
    #[error("{}: row {row}: {reason}", path.display())]
    Row {
        /// The manifest.
        path: PathBuf,
        /// As [`Candidate::row`](super::Candidate::row).
        row: usize,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A column is missing.
    #[error(
        "{}: no column {wanted}{}; it has {}",
        path.display(),
        nearest.as_ref().map(|name| format!(", did you mean `{name}`?")).unwrap_or_default(),
        existing.join(", ")
    )]
    MissingColumn {
        /// The manifest.
        path: PathBuf,
        /// The name that was asked for, or the usual ones that were looked for.
        wanted: String,
        /// The column whose name is most like the one asked for.
        nearest: Option<String>,
        /// The columns that exist.
        existing: Vec<String>,
    },
    /// Two rows list the same image and box, and disagree.
    #[error(
        "{}: rows {first} and {second} both list {name}, but their {what} differ: `{}` and `{}`; \
         keep one of them",
        path.display(), values[0], values[1]
    )]
    Contradiction {
        /// The manifest.
        path: PathBuf,
        /// The earlier row.
        first: usize,
        /// The later row.
        second: usize,
        /// What both list.
        name: String,
        /// What they disagree about.
        what: &'static str,
        /// The two values.
        values: Box<[String; 2]>,
    },
    /// A label is not among the classes that were given.
    #[error(
        "{at}: label `{label}` is none of the classes {}; correct it, or add it to the classes",
        classes.join(", ")
    )]
    UnknownLabel {
        /// The candidate.
        at: RowRef,
        /// Its label.
        label: String,
        /// The closed set of classes.
        classes: Vec<String>,
    },
    /// The classes that were given repeat one.
    #[error("class `{0}` is given twice")]
    RepeatedClass(String),
    /// More classes than a label can tell apart.
    #[error("{0} distinct labels are more than {max} classes: is this the label column?", max = u16::MAX)]
    TooManyClasses(usize),
    /// There is nothing to tell apart.
    #[error(
        "only one class, `{0}`: at least two are needed; check the label column, or the folders' names"
    )]
    OneClass(String),
    /// A class that no training candidate has.
    #[error(
        "class `{class}` has no candidate in train (of its candidates {validation} are in validation \
         and {test} in test; others may have been left out): add some, or remove the class"
    )]
    EmptyClass {
        /// The class.
        class: String,
        /// Its candidates in validation.
        validation: usize,
        /// Its candidates in test.
        test: usize,
    },
    /// A group is in two splits.
    #[error(
        "group `{group}` is both in {} ({}) and in {} ({}): a group must stay in one split, \
         or the test tells nothing",
        splits[0], at[0], splits[1], at[1]
    )]
    StraddlingGroup {
        /// The group.
        group: String,
        /// The two splits.
        splits: [Split; 2],
        /// A candidate in each.
        at: Box<[RowRef; 2]>,
    },
    /// The boxes of an image without a group are in two splits.
    #[error(
        "the image is both in {} ({}) and in {} ({}): all boxes of an image must stay in one \
         split, or the test tells nothing",
        splits[0], at[0], splits[1], at[1]
    )]
    StraddlingImage {
        /// The two splits.
        splits: [Split; 2],
        /// A candidate in each.
        at: Box<[RowRef; 2]>,
    },
    /// Some folders are named after splits, and others beside them are not.
    #[error(
        "{}: {} {} named after a split, but {} {} not: if these are splits, put what \
         else is learned from into them and move the rest away; if they are classes, name all \
         classes (--classes) or list the images in a manifest",
        folder.display(),
        few(splits),
        is(splits),
        few(others),
        is(others)
    )]
    MixedFolders {
        /// The folder that they are in.
        folder: PathBuf,
        /// Those named after a split.
        splits: Vec<String>,
        /// Those that are not.
        others: Vec<String>,
    },
    /// Nothing is left.
    #[error(
        "{}: no candidate can be used, of {listed} listed{}",
        path.display(),
        first.as_ref().map(|out| format!("; the first, {}: {}", out.name, out.reason)).unwrap_or_default()
    )]
    NoCandidates {
        /// The source.
        path: PathBuf,
        /// How many candidates were listed.
        listed: usize,
        /// The first that was left out.
        first: Option<LeftOut>,
    },
}

/// The first few names.
fn few(names: &[String]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(3)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn is(names: &[String]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}
