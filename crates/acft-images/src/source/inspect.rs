//! Reading and hashing the listed files.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use acft::Label;
use rayon::prelude::*;

use super::{
    Candidate, LeftOut, PixelBox, SourceError, Split, candidate_key, error::RowRef, listing::Entry,
};
use crate::image_io;

/// Files that are read between two calls of the progress function.
const CHUNK: usize = 256;

/// A candidate, and the hash of its whole file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) candidate: Candidate,
    pub(super) file_hash: [u8; 32],
    /// Width and height of its image in pixels.
    pub(super) size: (u32, u32),
    /// The box as it was given, if it was in pixels.
    pub(super) given_box: Option<[f64; 4]>,
}

impl Found {
    pub(super) fn at(&self) -> RowRef {
        RowRef {
            name: self.candidate.name.clone(),
            row: self.candidate.row,
        }
    }
}

/// What a file is known by without decoding its pixels.
struct Facts {
    path: PathBuf,
    hash: [u8; 32],
    width: u32,
    height: u32,
}

/// Looks at every file once, in parallel, and makes candidates of the entries
/// whose files are sound; the others go to `left_out`.
///
/// `classes` holds every label of the entries.
pub(super) fn inspect(
    roots: &[PathBuf],
    files: &[PathBuf],
    entries: Vec<Entry>,
    classes: &[String],
    left_out: &mut Vec<LeftOut>,
    progress: &dyn Fn(usize, usize),
) -> Vec<Found> {
    let mut facts: Vec<Result<Facts, String>> = Vec::with_capacity(files.len());
    progress(0, files.len());
    for chunk in files.chunks(CHUNK) {
        facts.par_extend(chunk.par_iter().map(|file| look(roots, file)));
        progress(facts.len(), files.len());
    }

    let labels: HashMap<&str, Label> = classes
        .iter()
        .map(String::as_str)
        .zip((0..).map(Label))
        .collect();
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let candidate = match &facts[entry.file] {
            Ok(facts) => candidate(&entry, facts, &labels),
            Err(reason) => Err(reason.clone()),
        };
        match candidate {
            Ok(candidate) => found.push(candidate),
            Err(reason) => left_out.push(LeftOut {
                name: entry.name,
                row: entry.row,
                reason,
            }),
        }
    }
    found
}

fn look(roots: &[PathBuf], file: &Path) -> Result<Facts, String> {
    let path = roots
        .iter()
        .map(|root| root.join(file))
        .find(|path| path.exists())
        .ok_or_else(|| no_such_file(roots, file))?;
    let facts = || {
        let bytes = image_io::read_file(&path)?;
        let (width, height) = image_io::dimensions(&path, &bytes)?;
        Ok((*blake3::hash(&bytes).as_bytes(), width, height))
    };
    let (hash, width, height) =
        facts().map_err(|error: image_io::ImageError| error.fault.to_string())?;
    Ok(Facts {
        path,
        hash,
        width,
        height,
    })
}

fn no_such_file(roots: &[PathBuf], file: &Path) -> String {
    if file.is_absolute() {
        return "no such file".to_owned();
    }
    let looked: Vec<_> = roots
        .iter()
        .map(|root| root.display().to_string())
        .collect();
    format!("no such file in {}", looked.join(" or "))
}

fn candidate(entry: &Entry, facts: &Facts, labels: &HashMap<&str, Label>) -> Result<Found, String> {
    let region = entry
        .given_box
        .map(|given| PixelBox::place(given, facts.width, facts.height))
        .transpose()?;
    let key = candidate_key(facts.hash, region);
    let label = entry.label.as_ref().map(|label| labels[label.as_str()]);
    Ok(Found {
        candidate: Candidate {
            key,
            name: entry.name.clone(),
            path: facts.path.clone(),
            region,
            label,
            group: entry.group.clone(),
            split: entry.split.unwrap_or(Split::Train),
            row: entry.row,
        },
        file_hash: facts.hash,
        size: (facts.width, facts.height),
        given_box: entry
            .given_box
            .filter(|given| !given.is_share)
            .map(|given| given.sides),
    })
}

/// Boxes that must be there before [`refuse_percent`] judges them.
const JUDGED: usize = 4;
/// The side of an image in which a box in percent lies in the corner.
const LARGE: u32 = 200;

/// Refuses boxes that all lie in the first 100 pixels of images that are far
/// larger, and fill these: such boxes are in percent.
pub(super) fn refuse_percent(found: &[Found]) -> Result<(), SourceError> {
    let boxes: Vec<[f64; 4]> = found.iter().filter_map(|found| found.given_box).collect();
    let highest = boxes.iter().flatten().copied().fold(0.0, f64::max);
    let is_large = |found: &Found| found.size.0.min(found.size.1) >= LARGE;
    let mut boxed = found.iter().filter(|found| found.given_box.is_some());
    if boxes.len() < JUDGED || !(50.0..=100.0).contains(&highest) || !boxed.all(is_large) {
        return Ok(());
    }
    Err(SourceError::Percent {
        boxes: boxes.len(),
        large: LARGE,
    })
}
