//! The data of a run: opened, numbered, and able to give patches.

use std::fs::File;
use std::path::{Path, PathBuf};

use acft::random::{Purpose, keyed_hash};
use acft::{CandidateId, CandidateKey, Label};
use acft_images::source::{self, Dataset, SourceError, SourceOptions, Split};

use super::record::DataRecord;
use super::settings::{Flags, Settings};
use crate::bad_input;
use crate::network::Setup;

/// Opens what the flags name.
pub fn open(flags: &Flags, progress: &dyn Fn(usize, usize)) -> anyhow::Result<Dataset> {
    open_as(&options(flags)?, progress)
}

/// Opens a source as the options say.
pub fn open_as(
    options: &SourceOptions,
    progress: &dyn Fn(usize, usize),
) -> anyhow::Result<Dataset> {
    source::open(options, progress).map_err(|error: SourceError| bad_input!("{}", chain(&error)))
}

/// What the flags say of a source.
pub fn options(flags: &Flags) -> anyhow::Result<SourceOptions> {
    let box_columns = flags
        .box_columns
        .clone()
        .map(|columns| {
            columns
                .try_into()
                .map_err(|_| bad_input!("--box-columns takes four names"))
        })
        .transpose()?;
    Ok(SourceOptions {
        data: flags.data.clone().unwrap_or_else(|| PathBuf::from(".")),
        manifest: flags.manifest.clone(),
        path_column: flags.path_column.clone(),
        label_column: flags.label_column.clone(),
        group_column: flags.group_column.clone(),
        split_column: flags.split_column.clone(),
        box_columns,
        classes: flags.classes.clone(),
        seed: flags.seed.unwrap_or_default(),
        ..SourceOptions::default()
    })
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The candidates of a split, ascending.
pub(crate) fn ids(data: &Dataset, split: Split) -> Vec<CandidateId> {
    (0..)
        .zip(&data.candidates)
        .filter(|(_, candidate)| candidate.split == split)
        .map(|(id, _)| CandidateId(id))
        .collect()
}

/// Draws a number of candidates from `from`. A keyed hash decides, so that the draw depends on the seed and the images,
/// and not on where the files are.
fn drawn(data: &Dataset, from: Vec<CandidateId>, count: usize, seed: u64) -> Vec<CandidateId> {
    let mut drawn = from;
    drawn.sort_by_cached_key(|id| {
        let key = &data.candidates[id.index()].key;
        (keyed_hash(seed, 0, Purpose::Pool, key), *id)
    });
    drawn.truncate(count);
    drawn.sort_unstable();
    drawn
}

/// The pool of a run: the part for training, or what the seed draws of it.
pub(crate) fn pool(settings: &Settings, data: &Dataset) -> Vec<CandidateId> {
    let pool = ids(data, Split::Train);
    match settings.flags.pool {
        Some(count) => drawn(data, pool, count, settings.seed),
        None => pool,
    }
}

/// Every candidate's key, by id.
pub(crate) fn keys(data: &Dataset) -> Vec<CandidateKey> {
    data.candidates
        .iter()
        .map(|candidate| candidate.key)
        .collect()
}

/// The number of every candidate's group, by id.
pub(crate) fn groups(data: &Dataset) -> Vec<Option<u32>> {
    numbered(data.candidates.iter().map(|one| one.group.as_deref()))
}

/// Gives each distinct name a number, in the order in which they come.
pub fn numbered<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<u32>> {
    let mut numbers = std::collections::BTreeMap::new();
    names
        .map(|name| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            Some(*numbers.entry(name?).or_insert(next))
        })
        .collect()
}

/// Every candidate's label, by id.
pub(crate) fn labels(data: &Dataset) -> Vec<Option<Label>> {
    data.candidates
        .iter()
        .map(|candidate| candidate.label)
        .collect()
}

/// The record for `data.json`: the data, and the weights that the run starts from.
pub(crate) fn record(
    data: &Dataset,
    setup: &Setup,
    features: Option<String>,
) -> anyhow::Result<DataRecord> {
    let count = |split| {
        data.candidates
            .iter()
            .filter(|candidate| candidate.split == split)
            .count()
    };
    let mut split = blake3::Hasher::new();
    for class in &data.classes {
        split.update(class.as_bytes()).update(&[0]);
    }
    let mut whole = split.clone();
    for candidate in &data.candidates {
        let label = candidate.label.map_or(u32::MAX, |label| u32::from(label.0));
        for hasher in [&mut split, &mut whole] {
            hasher.update(&candidate.key.0).update(&label.to_le_bytes());
        }
        split.update(&[candidate.split as u8]);
    }
    let weights = setup.flags.weights.as_deref();
    Ok(DataRecord {
        classes: data.classes.clone(),
        pool: count(Split::Train),
        validation: count(Split::Validation),
        test: count(Split::Test),
        digest: split.finalize().to_string(),
        candidates: Some(whole.finalize().to_string()),
        pretrained: setup.pretrained.hash().to_string(),
        weights: weights.map(digest).transpose()?,
        features,
        held_out: data.held_out.clone(),
        left_out: data.left_out.iter().map(ToString::to_string).collect(),
        duplicates: data.duplicates.iter().map(ToString::to_string).collect(),
    })
}

/// BLAKE3 of a file of weights.
pub fn digest(path: &Path) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|error| bad_input!("cannot read {}: {error}", path.display()))?;
    Ok(hasher.finalize().to_string())
}
