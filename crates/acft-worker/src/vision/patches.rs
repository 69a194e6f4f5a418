//! The patches of a project's candidates. Candidates may join while others are
//! being looked at.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use acft::{CandidateError, CandidateId};
use acft_images::PatchSource;
use acft_images::image_io::ImageError;
use acft_images::patches::{
    PatchPolicy, Region, RegionCache, RegionFile, load_region_and_key, patch, patches,
};
use acft_images::source::{self, PixelBox, Split};
use acft_project::Candidate;

/// The folder of what can be made again, within the project.
const CACHE: &str = "cache";

/// How much of what was decoded is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionCaches {
    pub(crate) memory: usize,
    pub(crate) disk: u64,
}

/// Gives the network a candidate's patches: from memory, from the project's
/// cache folder, or from the image itself; the bytes are the same unless the
/// image has changed, which is said.
pub(crate) struct ProjectPatches {
    root: PathBuf,
    candidates: RwLock<Vec<Arc<source::Candidate>>>,
    policy: PatchPolicy,
    input: usize,
    cache: RegionCache,
    /// None where another process fills it, or the disk does not take it.
    file: Option<RegionFile>,
    /// Whether it was said that an image has changed: said once, for a pool may
    /// be full of them.
    told_of_change: AtomicBool,
}

impl ProjectPatches {
    pub(crate) fn new(root: &Path, policy: PatchPolicy, input: usize, room: RegionCaches) -> Self {
        // What cannot be cached is decoded again: slower, and the same.
        // Opened where none may be kept, too: what was kept before goes then.
        let file = RegionFile::open(&root.join(CACHE), &policy, input, room.disk)
            .inspect_err(|error| tracing::warn!("decoded images are not kept: {error}"))
            .ok()
            .flatten();
        Self {
            root: root.to_owned(),
            candidates: RwLock::default(),
            policy,
            input,
            cache: RegionCache::new(room.memory),
            file,
            told_of_change: AtomicBool::new(false),
        }
    }

    /// How many candidates it knows.
    pub(crate) fn len(&self) -> usize {
        self.candidates
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Learns of the candidates that follow those it knows.
    pub(crate) fn extend(&self, more: &[Candidate]) {
        let more = more.iter().map(|candidate| {
            Arc::new(source::Candidate {
                key: candidate.key,
                name: candidate.name.clone(),
                path: self.root.join(&candidate.path),
                region: pixel_box(candidate.region),
                label: None,
                group: None,
                split: Split::Train,
                row: None,
            })
        });
        self.candidates
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(more);
    }

    /// Whether a candidate's file can be opened, whatever is in it.
    pub(crate) fn is_there(&self, id: CandidateId) -> bool {
        let known = self
            .candidates
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let path = known.get(id.index()).map(|candidate| &candidate.path);
        path.is_some_and(|path| path.is_file() && File::open(path).is_ok())
    }

    fn region(&self, id: CandidateId) -> Result<Arc<Region>, CandidateError> {
        let known = self
            .candidates
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let candidate = known.get(id.index()).cloned();
        drop(known);
        let candidate = candidate.ok_or_else(|| CandidateError {
            reason: format!("candidate {} is not known yet", id.0),
        })?;
        let load = || {
            let kept = self.file.as_ref().and_then(|file| file.get(&candidate.key));
            if let Some(region) = kept {
                return Ok(region);
            }
            let (region, key) = load_region_and_key(&candidate, &self.policy, self.input)?;
            if key != candidate.key {
                // What it shows now is looked at, and not kept under what it was.
                if !self.told_of_change.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "{} is not the image that joined the project: `acft check --deep` names \
                         all that have changed, and what to do",
                        candidate.name
                    );
                }
            } else if let Some(file) = &self.file {
                file.put(&key, &region);
            }
            Ok::<_, ImageError>(region)
        };
        let loaded = self.cache.get_or_load(id.index(), load);
        loaded.map_err(|error| CandidateError {
            reason: error.fault.to_string(),
        })
    }
}

impl PatchSource for ProjectPatches {
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

/// A candidate's box.
pub(super) fn pixel_box(region: Option<[u32; 4]>) -> Option<PixelBox> {
    region.map(|[x0, y0, x1, y1]| PixelBox { x0, y0, x1, y1 })
}
