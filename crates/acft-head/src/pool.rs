//! The projected features of a pool's candidates.

use crate::{FeatureError, FeatureMap, MapHash, Patches, patches::mean_row};

/// Projected features of candidates, `[candidate][patch][feature]`, and the mean of each candidate's patches.
///
/// It holds `4 · candidates · (patches + 1) · features` bytes. Of a pool that is too large for that, make one for some
/// candidates at a time: nothing depends on how candidates are cut into pools.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    map: MapHash,
    patches: usize,
    width: usize,
    values: Vec<f32>,
    means: Vec<f32>,
}

impl Pool {
    /// Of no candidates yet.
    pub fn new(map: &FeatureMap, patches: usize) -> Self {
        Self {
            map: map.hash(),
            patches,
            width: map.outputs(),
            values: Vec::new(),
            means: Vec::new(),
        }
    }

    /// Projects more candidates, and puts them behind those that are there.
    ///
    /// # Errors
    /// Features of another width, or another number of patches.
    pub fn extend(&mut self, map: &FeatureMap, raw: &Patches<'_>) -> Result<(), FeatureError> {
        if map.hash() != self.map {
            let (found, wanted) = (map.hash(), self.map);
            return Err(FeatureError::Map { found, wanted });
        }
        let projected = map.apply(raw)?;
        self.push(&projected)
    }

    fn push(&mut self, projected: &[f32]) -> Result<(), FeatureError> {
        let checked = Patches::new(projected, self.patches, self.width, self.len())?;
        self.values.extend_from_slice(projected);
        for rows in checked.each() {
            let mean = mean_row(rows, self.width);
            self.means.extend(mean.iter().map(|value| *value as f32));
        }
        Ok(())
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.means.len() / self.width
    }

    /// Whether there is no candidate.
    pub fn is_empty(&self) -> bool {
        self.means.is_empty()
    }

    /// Patches of a candidate.
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// Features of a patch.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The map that projected them.
    pub fn map(&self) -> MapHash {
        self.map
    }

    /// The patches of one candidate. Panics if there is no such candidate.
    pub fn candidate(&self, candidate: usize) -> &[f32] {
        let size = self.patches * self.width;
        &self.values[candidate * size..][..size]
    }

    /// The mean features of one candidate. Panics if there is no such candidate.
    pub fn mean(&self, candidate: usize) -> &[f32] {
        &self.means[candidate * self.width..][..self.width]
    }

    /// All patches of all candidates.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The mean features of all candidates.
    pub fn means(&self) -> &[f32] {
        &self.means
    }
}
