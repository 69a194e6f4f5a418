//! Images that join a project: listed, checked, and turned into its rows.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use acft_images::source::{self, Dataset, Labels, SourceOptions, Split, Splits};
use acft_project::{Candidate, ClassId, Event, LabelOrigin, Ledger, Origin, Part, Stamp};
use acft_run::settings::Flags;
use acft_run::{bad_input, data};

use crate::words::{count, part};

/// Who gave the labels that came with the data: no person has this name.
pub const MANIFEST: &str = "manifest";

/// What a listing brings.
pub struct Listing {
    /// The candidates as the source has them.
    pub data: Dataset,
    /// The candidates as the project keeps them.
    pub rows: Vec<Candidate>,
    /// The label that each row came with, as a number in `data.classes`.
    labels: Vec<Option<ClassId>>,
    left_out: Vec<String>,
    /// When the files began to be read, as a [`Stamp`] counts time.
    begun: i64,
}

/// Reads and checks what the flags name. Nothing is held out: labels are still
/// to come. `root` is the project that the rows are for.
///
/// # Errors
/// The listing cannot be read, or contradicts itself.
pub fn open(
    flags: &Flags,
    labels: Labels,
    root: &Path,
    reading: &dyn Fn(usize, usize),
) -> anyhow::Result<Listing> {
    let options = SourceOptions {
        labels,
        splits: Splits::AsGiven,
        ..data::options(flags)?
    };
    let begun = nanoseconds(SystemTime::now());
    let data = data::open_as(&options, reading)?;
    let root = absolute(root)?;
    let mut listing = Listing {
        rows: Vec::with_capacity(data.candidates.len()),
        labels: Vec::with_capacity(data.candidates.len()),
        left_out: data.left_out.iter().map(ToString::to_string).collect(),
        data,
        begun,
    };
    for candidate in &listing.data.candidates {
        match row(candidate, &root)? {
            Ok(row) => {
                listing.rows.push(row);
                listing
                    .labels
                    .push(candidate.label.map(|label| ClassId(label.0)));
            }
            Err(reason) => listing.left_out.push(reason),
        }
    }
    Ok(listing)
}

fn row(candidate: &source::Candidate, root: &Path) -> anyhow::Result<Result<Candidate, String>> {
    let path = absolute(&candidate.path)?;
    // Within the project the two move together; elsewhere each has its place.
    let path = path.strip_prefix(root).unwrap_or(&path);
    let Some(path) = path.to_str() else {
        return Ok(Err(format!(
            "{}: its path is not UTF-8 text; rename the file",
            candidate.name
        )));
    };
    Ok(Ok(Candidate {
        key: candidate.key,
        name: candidate.name.clone(),
        path: path.to_owned(),
        region: candidate.region.map(|at| [at.x0, at.y0, at.x1, at.y1]),
        group: candidate.group.clone(),
        part: match candidate.split {
            Split::Train => Part::Pool,
            Split::Validation => Part::Validation,
            Split::Test => Part::Test,
        },
        origin: Origin::Listed,
    }))
}

/// The path from the root of the file system; links in it are followed, so
/// that two ways to a file are seen to be one.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        // What is not there yet: the folder of a project to come.
        Err(_) => Ok(std::path::absolute(path)?),
    }
}

/// What must stay together: a group, or else the candidates of one image. Says which, and its name.
fn unit(row: &Candidate) -> (bool, &str) {
    match &row.group {
        Some(group) => (true, group),
        None => (false, &row.path),
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl Listing {
    /// The size and time of the file of each row. One that is gone again, or
    /// was written while the files were read, has those of no file, so that it
    /// will be looked at.
    pub fn stamps(&self, root: &Path) -> Vec<Stamp> {
        let of = |row: &Candidate| Stamp::of(&root.join(&row.path));
        let none = Stamp(0, i64::MIN);
        self.rows
            .iter()
            .map(|row| of(row).ok().filter(|stamp| stamp.1 < self.begun))
            .map(|stamp| stamp.unwrap_or(none))
            .collect()
    }

    /// Drops the rows that a project has already; says which.
    pub fn drop_known(&mut self, ledger: &Ledger) -> Vec<String> {
        let mut known = Vec::new();
        let rows = std::mem::take(&mut self.rows);
        let labels = std::mem::take(&mut self.labels);
        for (row, label) in rows.into_iter().zip(labels) {
            let there = ledger.find(&row.key).and_then(|id| ledger.candidate(id));
            match there {
                Some(there) if there.name == row.name => {
                    known.push(format!("{} is in the project already", row.name));
                }
                Some(there) => known.push(format!(
                    "{} is in the project already, as {}",
                    row.name, there.name
                )),
                None => {
                    self.rows.push(row);
                    self.labels.push(label);
                }
            }
        }
        known
    }

    /// Starts without the labels that the data has.
    pub fn forget_labels(&mut self) {
        self.labels.fill(None);
    }

    /// Moves rows of the validation part that have no label into the pool: they
    /// can judge nothing, and there they may be asked about. Where another of
    /// their group or image judges, also one that is `there` already, they stay, and so
    /// do rows of the test part: nobody is to look at those.
    pub fn pool_unlabeled(&mut self, there: &[Candidate]) {
        let labeled = self
            .rows
            .iter()
            .zip(&self.labels)
            .filter(|(_, label)| label.is_some())
            .map(|(row, _)| row);
        let judging: HashSet<(bool, String)> = labeled
            .chain(there)
            .filter(|row| row.part == Part::Validation)
            .map(|row| {
                let (is_group, name) = unit(row);
                (is_group, name.to_owned())
            })
            .collect();
        for (row, label) in self.rows.iter_mut().zip(&self.labels) {
            let (is_group, name) = unit(row);
            let parted = judging.contains(&(is_group, name.to_owned()));
            if row.part == Part::Validation && label.is_none() && !parted {
                row.part = Part::Pool;
            }
        }
    }

    /// Refuses rows whose group, or image, is in another part, here or among
    /// those that are `there` already.
    ///
    /// # Errors
    /// There is one: its name, and both parts.
    pub fn refuse_straddling(&self, there: &[Candidate]) -> anyhow::Result<()> {
        let mut parts: HashMap<(bool, &str), Vec<Part>> = HashMap::new();
        for candidate in there {
            parts
                .entry(unit(candidate))
                .or_default()
                .push(candidate.part);
        }
        for row in &self.rows {
            let (is_group, name) = unit(row);
            let of_it = parts.entry((is_group, name)).or_default();
            // A project of an earlier build may have it in several.
            if let Some(other) = of_it.first().filter(|_| !of_it.contains(&row.part)) {
                let kind = if is_group { "group" } else { "image" };
                return Err(bad_input!(
                    "{}: its {kind} {name:?} is in {} already, and here in {}: all of one {kind} must \
                     stay in one part, or judging models tells nothing",
                    row.name,
                    part(*other),
                    part(row.part)
                ));
            }
            if of_it.is_empty() {
                of_it.push(row.part);
            }
        }
        Ok(())
    }

    /// The labels that came with the rows, as events. The first row is to be
    /// candidate number `first`; `class` says which class a number of the
    /// listing is in the project.
    pub fn labels(&self, first: usize, class: impl Fn(ClassId) -> ClassId) -> Vec<Event> {
        (first..)
            .zip(&self.labels)
            .filter_map(|(id, label)| {
                Some(Event::Labeled {
                    candidate: acft::CandidateId(u32::try_from(id).ok()?),
                    class: class((*label)?),
                    annotator: MANIFEST.to_owned(),
                    seconds: None,
                    supersedes: None,
                    origin: LabelOrigin::Manifest,
                })
            })
            .collect()
    }

    /// What could not be used, each with its name and the reason.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Which candidates repeat another one, and were dropped.
    pub fn repeated(&self) -> Vec<String> {
        self.data
            .duplicates
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// How many there are of each part, and how many came with a label.
    pub fn counts(&self) -> Counts {
        let of = |part: Part| self.rows.iter().filter(|row| row.part == part).count();
        let labeled = |pool: bool| {
            self.rows
                .iter()
                .zip(&self.labels)
                .filter(|(row, label)| label.is_some() && (row.part == Part::Pool) == pool)
                .count()
        };
        Counts {
            pool: of(Part::Pool),
            validation: of(Part::Validation),
            test: of(Part::Test),
            labeled: labeled(true),
            labeled_to_judge: labeled(false),
            left_out: self.left_out.len(),
            duplicates: self.data.duplicates.len(),
        }
    }
}

/// What a listing came to, as `--json` prints it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Counts {
    /// Candidates that may be asked about.
    pub pool: usize,
    /// Candidates that judge models.
    pub validation: usize,
    /// Candidates that nobody looks at.
    pub test: usize,
    /// Of the pool, with the label that they came with.
    pub labeled: usize,
    /// Of validation and test.
    pub labeled_to_judge: usize,
    /// Candidates that could not be used.
    pub left_out: usize,
    /// Candidates that repeat another one.
    pub duplicates: usize,
}

impl Counts {
    /// Whether there are no candidates.
    pub fn is_empty(&self) -> bool {
        self.pool + self.validation + self.test == 0
    }

    /// The counts as a sentence.
    pub fn sentence(&self) -> String {
        let mut text = format!(
            "{}: {} in the pool",
            count(self.pool + self.validation + self.test, "candidate"),
            self.pool
        );
        if self.validation + self.test > 0 {
            text += &format!(
                ", {} for validation, {} for testing",
                self.validation, self.test
            );
        }
        if self.labeled > 0 {
            text += &format!(
                "; {} of the pool came with the data",
                count(self.labeled, "label")
            );
        }
        text
    }
}
