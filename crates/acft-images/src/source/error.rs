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
    /// The manifest is no sound table.
    #[error(transparent)]
    Table(#[from] acft_tables::TableError),
    /// The manifest's extension is unknown.
    #[error(
        "{}: not a manifest by its name: use .csv, .tsv, .jsonl, .ndjson or .parquet, or give a folder",
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
    /// Two classes that were found differ in case, or in the form of their letters, alone.
    #[error(
        "classes `{}` ({}) and `{}` ({}) differ in case or in the form of their letters alone: give \
         them one name, or name all classes (--classes) if they are two",
        names[0], at[0], names[1], at[1]
    )]
    Twins {
        /// The two names.
        names: [String; 2],
        /// A candidate of each.
        at: Box<[RowRef; 2]>,
    },
    /// A class was given without a name.
    #[error("a class has no name: is there a comma too many in --classes?")]
    EmptyName,
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
    /// The boxes are in percent, as it looks, and nothing says so.
    #[error(
        "all {boxes} boxes lie within the first 100 pixels of images of at least {large} pixels: if \
         they are in percent, say so in the names of their columns (xmin_percent, …); if they are in \
         pixels, too (xmin_px, …)"
    )]
    Percent {
        /// How many boxes there are.
        boxes: usize,
        /// The least side of their images.
        large: u32,
    },
    /// The folder is something that `acft` wrote.
    #[error("{}: is {kind}, which is no data: name a folder of images", path.display())]
    Ours {
        /// The folder.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A folder has runs of `acft`, and images of which one cannot tell what they are.
    #[error(
        "{}: has runs of acft, and {images} images beside them: are these figures, or data? Move the \
         runs or the images to another folder",
        folder.display()
    )]
    AmongRuns {
        /// The folder.
        folder: PathBuf,
        /// The images in it.
        images: usize,
    },
    /// There are class folders beside `images`, which hides them.
    #[error(
        "{}: {} beside the folder {images}, which alone would be read, without labels: if the class \
         folders are meant, move {images} away; if {images} is meant, name it as the folder of images",
        folder.display(),
        few(others)
    )]
    BesideImages {
        /// The folder that both are in.
        folder: PathBuf,
        /// The name of the folder that would be read.
        images: String,
        /// The folders beside it that hold images.
        others: Vec<String>,
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
