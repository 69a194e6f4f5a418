//! What the user gives and what a source gives back.

use std::fmt;
use std::path::PathBuf;

use acft::{CandidateKey, Label};

use super::{PixelBox, Split};

/// Where candidates come from, as the user gave it.
///
/// A column that is not named is detected by its usual names, without regard to
/// case, spaces, dashes and underscores: file, path, image, filename, image_path
/// and the like; label, class, target, y (unless there is a column x); group,
/// patient, patient_id, subject, case_id, StudyInstanceUID, MRN and the like,
/// video, slide; split, subset, fold; and four columns of a box: xmin, ymin,
/// xmax, ymax (or x1, y1, x2, y2; left, top, right, bottom), left, top, width,
/// height (or x, y, w, h), or cx, cy, w, h. Boxes are in pixels; all within 0
/// and 1 they are shares of the image; names that end in `_percent`, `_norm` or
/// `_px` say the unit.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// A folder, or a manifest file (.csv, .jsonl, .ndjson, .parquet).
    ///
    /// A folder without a manifest holds a folder of images per class, or
    /// unlabeled images, or either of them below `train`, `val` and `test`.
    /// A folder of one of these names beside others with images is refused,
    /// unless `classes` has its name: then it is a class like the others.
    pub data: PathBuf,
    /// The manifest, where it is not `labels.csv` in `data`.
    pub manifest: Option<PathBuf>,
    /// The column of image paths.
    pub path_column: Option<String>,
    /// The column of class names.
    pub label_column: Option<String>,
    /// The column of what must never be split: patient, video, slide.
    pub group_column: Option<String>,
    /// The column of train, val and test.
    pub split_column: Option<String>,
    /// The columns of xmin, ymin, xmax and ymax, of the upright image;
    /// half-open, so that xmax − xmin is the width. Names of another shape
    /// (x, y, width, height; cx, cy, w, h) say that the columns are that.
    pub box_columns: Option<[String; 4]>,
    /// The closed set of classes in the order of their indices; without it the
    /// distinct labels, sorted (by value where all are whole numbers).
    pub classes: Option<Vec<String>>,
    /// What is made of the labels that the data has.
    pub labels: Labels,
    /// What is made of data without a validation or test split.
    pub splits: Splits,
    /// Decides what is held out where the data has no splits.
    pub seed: u64,
}

/// What is made of the labels that the data has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// They are read, and each must be of one of the classes.
    #[default]
    Read,
    /// They are dropped, whatever they are: folders that are named after
    /// patients are no classes.
    Ignore,
}

/// What is made of data without a validation or test split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Splits {
    /// They are held out of train, and every class must have a candidate left there.
    #[default]
    Complete,
    /// Nothing is held out, and a class may be without a candidate: labels are
    /// still to come.
    AsGiven,
}

/// A candidate C_i: what gets one label.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// BLAKE3 of the file's bytes; for a box, BLAKE3 of that hash followed by
    /// x0, y0, x1, y1 as little-endian u32.
    pub key: CandidateKey,
    /// As shown to people: the path as listed, and `#xmin,ymin,xmax,ymax` for a box.
    pub name: String,
    /// Where the file was found.
    pub path: PathBuf,
    /// The box within the image, clipped to it.
    pub region: Option<PixelBox>,
    /// The label that the data gives, if any.
    pub label: Option<Label>,
    /// What the candidate must not be parted from.
    pub group: Option<String>,
    /// The part of the data that it belongs to.
    pub split: Split,
    /// The row of the manifest, from 1. A CSV file's header is row 1, so its
    /// first candidate is row 2, as a spreadsheet counts; JSON lines and
    /// Parquet have no header.
    pub row: Option<usize>,
}

/// The candidates of a source.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Class names, by label index; empty where nothing is labeled.
    pub classes: Vec<String>,
    /// Distinct candidates, sorted by key.
    pub candidates: Vec<Candidate>,
    /// What was listed and cannot be used, in the order of the listing.
    pub left_out: Vec<LeftOut>,
    /// What was dropped because it repeats another, in the order of the listing.
    pub duplicates: Vec<Duplicate>,
    /// Sentences about the splits that were made here.
    pub held_out: Vec<String>,
    /// Sentences about how the listing was read: which columns say what, what
    /// was not read, and which words were taken for no label.
    pub notes: Vec<String>,
}

/// Something that was listed and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// As [`Candidate::name`].
    pub name: String,
    /// As [`Candidate::row`].
    pub row: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", self.name, AtRow(self.row), self.reason)
    }
}

/// A candidate that was dropped because it repeats an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// As [`Candidate::name`].
    pub name: String,
    /// As [`Candidate::row`].
    pub row: Option<usize>,
    /// The name of the candidate that was kept.
    pub of: String,
    /// Its row.
    pub of_row: Option<usize>,
    /// What the two disagree about, though their bytes are the same: labels,
    /// splits. A sentence that deserves a person's eye.
    pub conflict: Option<String>,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} repeats {}", self.name, AtRow(self.row), self.of)?;
        match &self.conflict {
            Some(conflict) => write!(f, "; {conflict}"),
            None => Ok(()),
        }
    }
}

/// The row of a manifest, where there is one.
struct AtRow(Option<usize>);

impl fmt::Display for AtRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(row) => write!(f, " (row {row})"),
            None => Ok(()),
        }
    }
}
