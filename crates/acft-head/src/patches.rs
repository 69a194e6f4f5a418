//! The features of some candidates' patches, checked.

use crate::FeatureError;

/// Features of whole candidates, `[candidate][patch][feature]`; every number is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patches<'a> {
    values: &'a [f32],
    patches: usize,
    width: usize,
}

impl<'a> Patches<'a> {
    /// Checks the shape and each number. `first` is the number of the first candidate, for messages.
    ///
    /// # Errors
    /// [`FeatureError`] names the candidate, the patch and the column at fault.
    pub fn new(
        values: &'a [f32],
        patches: usize,
        width: usize,
        first: usize,
    ) -> Result<Self, FeatureError> {
        let size = patches.saturating_mul(width);
        if size == 0 || !values.len().is_multiple_of(size) {
            let values = values.len();
            return Err(FeatureError::Shape {
                values,
                patches,
                width,
            });
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(Self {
                values,
                patches,
                width,
            }),
            Some(at) => Err(FeatureError::NotFinite {
                candidate: first + at / size,
                patch: at % size / width,
                column: at % width,
                value: values[at],
            }),
        }
    }

    /// All numbers.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Patches of a candidate.
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// Features of a patch.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of candidates.
    pub fn candidates(&self) -> usize {
        self.values.len() / (self.patches * self.width)
    }

    /// The number of patches of all candidates.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    /// The patches of each candidate in turn.
    pub fn each(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.patches * self.width)
    }

    /// Refuses another width.
    pub(crate) fn expect_width(&self, wanted: usize) -> Result<(), FeatureError> {
        let found = self.width;
        if found == wanted {
            Ok(())
        } else {
            Err(FeatureError::Width { found, wanted })
        }
    }
}

/// The mean of some rows: sums in f64, in the order of the rows.
pub(crate) fn mean_row(rows: &[f32], width: usize) -> Vec<f64> {
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = (rows.len() / width) as f64;
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}
