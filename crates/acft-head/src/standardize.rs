//! Mean and standard deviation of each feature, in one pass over a stream.
//!
//! Within a block of rows, `mean = Σx/n` and `M₂ = Σ(x − mean)²`; blocks are merged by
//! `δ = mean_b − mean_a`, `mean = mean_a + δ n_b/n`, `M₂ = M₂a + M₂b + δ² n_a n_b/n`
//! (Chan, Golub & LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances*, 1979).
//! The deviation is `sqrt(M₂/n)`, as in NumPy and scikit-learn's `StandardScaler`.

use rayon::prelude::*;

use crate::{FeatureError, Patches, blocks::Blocks};

/// Added to each deviation, so that a constant feature becomes 0 and a nearly constant one is not blown up.
const FLOOR: f64 = 1e-4;
/// Standardised features lie within this distance of 0: one odd patch must not bend an axis.
const CLIP: f64 = 8.0;
/// Columns that a task works on.
const SPAN: usize = 256;

/// The mean and the sum of squared deviations of each feature, of the rows so far.
#[derive(Clone, Debug)]
pub struct Moments {
    totals: Totals,
    blocks: Blocks,
}

#[derive(Clone, Debug)]
struct Totals {
    count: u64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of no rows yet.
    pub fn new(width: usize) -> Self {
        Self {
            totals: Totals {
                count: 0,
                mean: vec![0.0; width],
                squares: vec![0.0; width],
            },
            blocks: Blocks::new(width),
        }
    }

    /// Takes more patches in. How they are cut into calls changes nothing.
    ///
    /// # Errors
    /// Patches of another width.
    pub fn add(&mut self, patches: &Patches<'_>) -> Result<(), FeatureError> {
        patches.expect_width(self.totals.mean.len())?;
        let Self { totals, blocks } = self;
        blocks.add(patches.values(), |block| totals.merge(block));
        Ok(())
    }

    /// Patches so far.
    pub fn count(&self) -> u64 {
        self.whole().count
    }

    /// The mean of each feature.
    pub fn mean(&self) -> Vec<f64> {
        self.whole().mean
    }

    /// The variance of each feature: the mean squared deviation from the mean.
    pub fn variance(&self) -> Vec<f64> {
        let Totals { count, squares, .. } = self.whole();
        squares.iter().map(|s| s / count.max(1) as f64).collect()
    }

    /// With the rows that wait for more.
    fn whole(&self) -> Totals {
        let mut totals = self.totals.clone();
        if !self.blocks.rest().is_empty() {
            totals.merge(self.blocks.rest());
        }
        totals
    }
}

impl Totals {
    fn merge(&mut self, rows: &[f32]) {
        let width = self.mean.len();
        let added = (rows.len() / width) as u64;
        let total = self.count + added;
        let share = added as f64 / total as f64;
        let both = self.count as f64 * share;
        self.mean
            .par_chunks_mut(SPAN)
            .zip(self.squares.par_chunks_mut(SPAN))
            .enumerate()
            .for_each(|(i, (means, squares))| {
                let span = i * SPAN..i * SPAN + means.len();
                let rows = || rows.chunks_exact(width).map(|row| &row[span.clone()]);
                let mut mean = vec![0.0_f64; means.len()];
                for row in rows() {
                    for (sum, value) in mean.iter_mut().zip(row) {
                        *sum += f64::from(*value);
                    }
                }
                mean.iter_mut().for_each(|sum| *sum /= added as f64);
                let mut deviations = vec![0.0_f64; means.len()];
                for row in rows() {
                    for ((sum, mean), value) in deviations.iter_mut().zip(&mean).zip(row) {
                        let deviation = f64::from(*value) - mean;
                        *sum += deviation * deviation;
                    }
                }
                for i in 0..means.len() {
                    let delta = mean[i] - means[i];
                    means[i] += delta * share;
                    squares[i] += deviations[i] + delta * delta * both;
                }
            });
        self.count = total;
    }
}

/// `z = (x − mean) / (deviation + 1e-4)`, clipped at ±8.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardize {
    pub(crate) mean: Vec<f64>,
    pub(crate) deviation: Vec<f64>,
}

impl Standardize {
    /// By these moments.
    pub fn of(moments: &Moments) -> Self {
        Self {
            mean: moments.mean(),
            deviation: moments.variance().into_iter().map(f64::sqrt).collect(),
        }
    }

    /// The mean of each feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviation of each feature, as measured.
    pub fn deviation(&self) -> &[f64] {
        &self.deviation
    }

    /// Standardised rows.
    ///
    /// # Errors
    /// Patches of another width.
    pub fn apply(&self, patches: &Patches<'_>) -> Result<Vec<f32>, FeatureError> {
        let width = self.mean.len();
        patches.expect_width(width)?;
        let scale: Vec<f64> = self.deviation.iter().map(|d| 1.0 / (d + FLOOR)).collect();
        let mut out = vec![0.0; patches.values().len()];
        out.par_chunks_exact_mut(width)
            .zip(patches.values().par_chunks_exact(width))
            .for_each(|(out, row)| {
                for (i, (out, value)) in out.iter_mut().zip(row).enumerate() {
                    let z = (f64::from(*value) - self.mean[i]) * scale[i];
                    *out = z.clamp(-CLIP, CLIP) as f32;
                }
            });
        Ok(out)
    }
}
