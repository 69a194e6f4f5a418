//! The first principal axes of the pool's patches (Pearson 1901; as scikit-learn's `PCA`), scaled.
//!
//! `y = (z − mean) · v_i / (sqrt(λ_i + ε λ_1) sqrt(k))` for the k largest eigenvalues λ_i of the covariance of z. With ε = 0
//! every axis would have the same variance; ε keeps those that hold next to nothing from being blown up. The factor
//! 1/sqrt(k) makes the squared length of a typical row about 1, whatever k is.

use crate::{MapError, SecondMoment, eigen, leading::leading};

/// Axes whose eigenvalue is below this share of the largest are noise of f32 features, or directions in which there is
/// nothing: they are left out.
const NOISE: f64 = 1e-6;

/// Principal axes: the mean, and the largest eigenvalues of the covariance with their vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    pub(crate) mean: Vec<f64>,
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f64>>,
}

impl Axes {
    /// The first `wanted` of them, or as many as there is variance in.
    ///
    /// # Errors
    /// If all rows are alike, or the eigensolver gives up.
    pub fn of(moment: SecondMoment, wanted: usize) -> Result<Self, MapError> {
        let patches = moment.count();
        let (mean, covariance) = moment.covariance();
        let eigen::Eigen {
            mut values,
            mut vectors,
        } = leading(&covariance, wanted)?;
        let largest = values.first().copied().unwrap_or(0.0);
        if largest <= NOISE {
            // Standardised features that vary at all have a variance near 1.
            return Err(MapError::Constant { patches });
        }
        let kept = values
            .iter()
            .take_while(|value| **value > NOISE * largest)
            .count();
        values.truncate(kept);
        vectors.truncate(kept);
        Ok(Self {
            mean,
            values,
            vectors,
        })
    }

    /// The variance along each axis, largest first.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The axes, each of length 1.
    pub fn vectors(&self) -> &[Vec<f64>] {
        &self.vectors
    }

    /// The mean of all rows.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The axes, scaled: `v_i / (sqrt(λ_i + ε λ_1) sqrt(k))`.
    pub fn scaled(&self, epsilon: f64) -> Vec<Vec<f64>> {
        let largest = self.values[0];
        let axes = self.values.len() as f64;
        let scale = |value: f64| 1.0 / ((value + epsilon * largest).sqrt() * axes.sqrt());
        let scaled = self.values.iter().zip(&self.vectors);
        scaled
            .map(|(value, vector)| vector.iter().map(|v| v * scale(*value)).collect())
            .collect()
    }
}
