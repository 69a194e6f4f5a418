//! What a learner asks for: the patches of a candidate, as bytes.

use std::sync::Arc;

use acft::{CandidateError, CandidateId};

/// Where the patches x_i^j of a candidate come from.
///
/// Called from several threads at once. The bytes must be a function of the
/// candidate (and the patch) alone.
pub trait PatchSource: Send + Sync {
    /// m, the number of patches of every candidate.
    fn patches_per_candidate(&self) -> usize;

    /// Height and width of a patch, in pixels.
    fn input(&self) -> usize;

    /// Writes all patches of a candidate, one after the other, each
    /// `input` × `input` × 3 bytes: rows from the top, RGB within a pixel.
    ///
    /// # Errors
    /// The candidate's image cannot be used.
    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError>;

    /// Writes one patch. A source that can make one without making all should
    /// say so here: training sets that do not fit in memory are read this way.
    ///
    /// # Errors
    /// The candidate's image cannot be used.
    fn write_patch(
        &self,
        candidate: CandidateId,
        patch: usize,
        out: &mut [u8],
    ) -> Result<(), CandidateError> {
        let mut all = vec![0; self.patches_per_candidate() * out.len()];
        self.write(candidate, &mut all)?;
        out.copy_from_slice(&all[patch * out.len()..][..out.len()]);
        Ok(())
    }
}

/// The first patches of each candidate of another source, and no others.
pub struct FirstPatches {
    of: Arc<dyn PatchSource>,
    count: usize,
}

impl FirstPatches {
    /// The first `count` patches, of which `of` has at least as many.
    pub fn new(of: Arc<dyn PatchSource>, count: usize) -> Self {
        Self { of, count }
    }
}

impl PatchSource for FirstPatches {
    fn patches_per_candidate(&self) -> usize {
        self.count
    }

    fn input(&self) -> usize {
        self.of.input()
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
