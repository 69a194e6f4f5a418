//! The data of a run: opened, numbered, and able to give patches.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use acft::random::{Purpose, keyed_hash};
use acft::{CandidateError, CandidateId, CandidateKey, Label};
use acft_vision::image_io::{ImageError, ImageFault};
use acft_vision::learner::PatchSource;
use acft_vision::patches::{PatchPolicy, Region, RegionCache, load_region, patch, patches};
use acft_vision::source::{self, Candidate, Dataset, SourceError, SourceOptions, Split};

use super::record::DataRecord;
use super::settings::Flags;
use crate::cli::bad_input;
use crate::network::Setup;

/// Opens what the flags name.
pub(crate) fn open(flags: &Flags, progress: &dyn Fn(usize, usize)) -> anyhow::Result<Dataset> {
    open_as(&options(flags)?, progress)
}

/// Opens a source as the options say.
pub(crate) fn open_as(
    options: &SourceOptions,
    progress: &dyn Fn(usize, usize),
) -> anyhow::Result<Dataset> {
    source::open(options, progress).map_err(|error: SourceError| bad_input!("{}", chain(&error)))
}

/// What the flags say of a source.
pub(crate) fn options(flags: &Flags) -> anyhow::Result<SourceOptions> {
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

/// As many of `from` as asked for, drawn by the seed: a keyed hash decides, so that the draw is the same wherever the
/// files stand.
pub(crate) fn drawn(
    data: &Dataset,
    from: Vec<CandidateId>,
    count: usize,
    seed: u64,
) -> Vec<CandidateId> {
    let mut drawn = from;
    drawn.sort_by_cached_key(|id| {
        let key = &data.candidates[id.index()].key;
        (keyed_hash(seed, 0, Purpose::Pool, key), *id)
    });
    drawn.truncate(count);
    drawn.sort_unstable();
    drawn
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
pub(crate) fn numbered<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<u32>> {
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

/// What `data.json` says of the data, and of what the run starts from.
pub(crate) fn record(data: &Dataset, setup: &Setup) -> anyhow::Result<DataRecord> {
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
    let at_row = |row: Option<usize>| row.map(|row| format!(" (row {row})")).unwrap_or_default();
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
        held_out: data.held_out.clone(),
        left_out: data
            .left_out
            .iter()
            .map(|left| format!("{}{}: {}", left.name, at_row(left.row), left.reason))
            .collect(),
        duplicates: data
            .duplicates
            .iter()
            .map(|copy| {
                let conflict = copy
                    .conflict
                    .as_ref()
                    .map(|text| format!("; {text}"))
                    .unwrap_or_default();
                format!(
                    "{}{} repeats {}{conflict}",
                    copy.name,
                    at_row(copy.row),
                    copy.of
                )
            })
            .collect(),
    })
}

/// BLAKE3 of a file of weights.
pub(crate) fn digest(path: &Path) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(drop))
        .map_err(|error| bad_input!("cannot read {}: {error}", path.display()))?;
    Ok(hasher.finalize().to_string())
}

/// Gives the network a candidate's patches: from the region cache, or from
/// disk; the bytes are the same.
pub(crate) struct CandidatePatches {
    candidates: Vec<Candidate>,
    policy: PatchPolicy,
    input: usize,
    cache: RegionCache,
    /// What is wrong with the first file that cannot be read any more.
    gone: OnceLock<String>,
}

impl CandidatePatches {
    pub(crate) fn new(
        candidates: Vec<Candidate>,
        policy: PatchPolicy,
        input: usize,
        cache_bytes: usize,
    ) -> Self {
        Self {
            candidates,
            policy,
            input,
            cache: RegionCache::new(cache_bytes),
            gone: OnceLock::new(),
        }
    }

    /// What is wrong with the first file that could be read when it was listed and cannot now, whatever is in it.
    pub(crate) fn gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    fn region(&self, candidate: CandidateId) -> Result<Arc<Region>, CandidateError> {
        let at = candidate.index();
        self.cache
            .get_or_load(at, || {
                load_region(&self.candidates[at], &self.policy, self.input)
            })
            .map_err(|error: ImageError| {
                let reason = chain(&error);
                if let ImageFault::Missing | ImageFault::Read(_) = error.fault {
                    self.gone.get_or_init(|| reason.clone());
                }
                CandidateError { reason }
            })
    }
}

impl PatchSource for CandidatePatches {
    fn patches_per_candidate(&self) -> usize {
        self.policy.len()
    }

    fn input(&self) -> usize {
        self.input
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        patches(&*self.region(candidate)?, &self.policy, self.input, out);
        Ok(())
    }

    fn write_patch(
        &self,
        candidate: CandidateId,
        at: usize,
        out: &mut [u8],
    ) -> Result<(), CandidateError> {
        patch(&*self.region(candidate)?, &self.policy, self.input, at, out);
        Ok(())
    }
}

/// The first patches of each candidate, and no others.
pub(crate) struct FirstPatches {
    pub(crate) of: Arc<CandidatePatches>,
    pub(crate) count: usize,
}

impl PatchSource for FirstPatches {
    fn patches_per_candidate(&self) -> usize {
        self.count
    }

    fn input(&self) -> usize {
        self.of.input
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        let size = out.len() / self.count;
        for (at, out) in out.chunks_exact_mut(size).enumerate() {
            self.write_patch(candidate, at, out)?;
        }
        Ok(())
    }

    fn write_patch(
        &self,
        candidate: CandidateId,
        at: usize,
        out: &mut [u8],
    ) -> Result<(), CandidateError> {
        self.of.write_patch(candidate, at, out)
    }
}
