//! From the files of candidates to their patches.

use std::sync::{Arc, OnceLock};

use acft::{CandidateError, CandidateId};

use crate::PatchSource;
use crate::image_io::{ImageError, ImageFault};
use crate::patches::{PatchPolicy, Region, RegionCache, load_region, patch, patches};
use crate::source::Candidate;

/// The patches of candidates that are image files.
///
/// A region comes from a cache in memory, or else from its file: the bytes are
/// the same.
pub struct ImagePatches {
    candidates: Vec<Candidate>,
    policy: PatchPolicy,
    input: usize,
    cache: RegionCache,
    /// What is wrong with the first file that cannot be read any more.
    gone: OnceLock<String>,
}

impl ImagePatches {
    /// Patches of `input` pixels a side, by a policy; the cache of decoded
    /// regions takes at most `cache_bytes`.
    pub fn new(
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
    pub fn gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    fn region(&self, candidate: CandidateId) -> Result<Arc<Region>, CandidateError> {
        let at = candidate.index();
        self.cache
            .get_or_load(at, || {
                load_region(&self.candidates[at], &self.policy, self.input)
            })
            .map_err(|error: ImageError| {
                let reason = error.to_string();
                if let ImageFault::Missing | ImageFault::Read(_) = error.fault {
                    self.gone.get_or_init(|| reason.clone());
                }
                CandidateError { reason }
            })
    }
}

impl PatchSource for ImagePatches {
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
