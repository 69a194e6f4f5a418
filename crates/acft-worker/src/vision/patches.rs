//! The patches of a project's candidates. Candidates may join while others are
//! being looked at.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use acft::{CandidateError, CandidateId};
use acft_images::patches::{
    PatchPolicy, Region, RegionCache, RegionFile, patch, patches, region_of,
};
use acft_images::source::{self, PixelBox, Split, candidate_key};
use acft_images::{PatchSource, image_io};
use acft_project::{Candidate, Stamp};
use rayon::prelude::*;

use super::content::{Fault, NOT_THE_IMAGE, stamp_of};

/// The folder of what can be made again, within the project.
const CACHE: &str = "cache";

/// How much of what was decoded is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionCaches {
    pub(crate) memory: usize,
    pub(crate) disk: u64,
}

/// How long a look at a file's size and time holds: a network asks for every
/// patch of a candidate by itself.
const HOLDS: Duration = Duration::from_secs(1);

/// The size and time that a file had when it was known to be what joined the
/// project, and when that was, where it was by this process.
type Look = (Stamp, Option<Instant>);

/// Gives the network a candidate's patches: from memory, from the project's
/// cache folder, or from the image itself. The bytes are the same, for a file
/// that is not what joined the project gives none.
pub(crate) struct ProjectPatches {
    root: PathBuf,
    candidates: RwLock<Vec<Arc<source::Candidate>>>,
    policy: PatchPolicy,
    input: usize,
    cache: RegionCache,
    /// None where another process fills it, or the disk does not take it.
    file: Option<RegionFile>,
    /// What was last seen of the files of candidates.
    looked: RwLock<HashMap<CandidateId, Look>>,
    /// Why candidates had no patches when they were last asked for.
    faults: Mutex<BTreeMap<CandidateId, Fault>>,
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
            looked: RwLock::default(),
            faults: Mutex::default(),
        }
    }

    /// How many candidates it knows.
    pub(crate) fn len(&self) -> usize {
        self.candidates
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Learns of the candidates that follow those it knows, and of the sizes
    /// and times that their files had when they joined.
    pub(crate) fn extend(&self, more: &[Candidate], stamps: &[Option<Stamp>]) {
        let ids = (self.len()..).filter_map(|at| u32::try_from(at).ok().map(CandidateId));
        let stamped = ids
            .zip(stamps)
            .filter_map(|(id, stamp)| Some((id, ((*stamp)?, None))));
        self.looked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(stamped);
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

    fn candidate(&self, id: CandidateId) -> Option<Arc<source::Candidate>> {
        let known = self
            .candidates
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(id.index()).cloned()
    }

    /// Those whose files cannot be opened now, in their order.
    pub(crate) fn away(&self, ids: &[CandidateId]) -> Vec<CandidateId> {
        let is_away = |id: &&CandidateId| {
            let candidate = self.candidate(**id);
            candidate.is_some_and(|candidate| stamp_of(&candidate.path).is_err())
        };
        ids.par_iter().filter(is_away).copied().collect()
    }

    /// Why a candidate had no patches when it was last asked for.
    pub(crate) fn fault(&self, id: CandidateId) -> Option<Fault> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get(&id).cloned()
    }

    fn region(&self, id: CandidateId) -> Result<Arc<Region>, CandidateError> {
        let candidate = self.candidate(id).ok_or_else(|| CandidateError {
            reason: format!("candidate {} is not known yet", id.0),
        })?;
        self.same_region(id, &candidate).map_err(|fault| {
            let reason = fault.reason().to_owned();
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.insert(id, fault);
            CandidateError { reason }
        })
    }

    fn same_region(
        &self,
        id: CandidateId,
        candidate: &source::Candidate,
    ) -> Result<Arc<Region>, Fault> {
        let kept = || {
            let load = || self.file.as_ref().and_then(|file| file.get(&candidate.key));
            self.cache.get_or_load(id.index(), || load().ok_or(()))
        };
        let before = self.looked().get(&id).copied();
        let holds = |(_, at): Look| at.is_some_and(|at| at.elapsed() < HOLDS);
        if before.is_some_and(holds)
            && let Ok(region) = kept()
        {
            return Ok(region);
        }
        // What is kept is what joined the project, also while the disk of the
        // images is away.
        let stamp = stamp_of(&candidate.path).ok();
        let is_known = stamp == before.map(|(stamp, _)| stamp);
        if (stamp.is_none() || is_known)
            && let Ok(region) = kept()
        {
            if let Some(stamp) = stamp {
                self.look(id, stamp);
            }
            return Ok(region);
        }
        let bytes =
            image_io::read_file(&candidate.path).map_err(|error| Fault::of(&error, false))?;
        if candidate_key(*blake3::hash(&bytes).as_bytes(), candidate.region) != candidate.key {
            let decoded = region_of(bytes, candidate, &self.policy, self.input);
            return Err(match decoded {
                Ok(_) => Fault::Changed(NOT_THE_IMAGE.to_owned()),
                Err(error) => Fault::of(&error, false),
            });
        }
        if let Some(stamp) = stamp {
            self.look(id, stamp);
        }
        if let Ok(region) = kept() {
            return Ok(region);
        }
        let region = region_of(bytes, candidate, &self.policy, self.input)
            .map_err(|error| Fault::of(&error, true))?;
        if let Some(file) = &self.file {
            file.put(&candidate.key, &region);
        }
        self.cache.get_or_load(id.index(), || Ok(region))
    }

    fn looked(&self) -> RwLockReadGuard<'_, HashMap<CandidateId, Look>> {
        self.looked.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of this size and time is what joined the project.
    fn look(&self, id: CandidateId, stamp: Stamp) {
        let mut looked = self.looked.write().unwrap_or_else(PoisonError::into_inner);
        looked.insert(id, (stamp, Some(Instant::now())));
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
