//! Shrinks the directions in which patches of one candidate disagree.
//!
//! `φ ← (I + γ S_w / v)^(−1/2) φ`, where `S_w` is the covariance of patches about their candidate's mean and `v` the mean
//! variance of a feature, both over the pool. It is the within-class scatter of linear discriminant analysis (Fisher 1936)
//! with candidates as classes: the paper's observation that patches of one candidate should agree, put to use without a
//! label. γ = 0 changes nothing.

use crate::{FeatureError, MapError, Moments, Patches, SecondMoment, eigen, patches::mean_row};

/// What is known of how patches of one candidate differ, of the candidates so far.
#[derive(Clone, Debug)]
pub struct Disagreement {
    within: SecondMoment,
    total: Moments,
}

impl Disagreement {
    /// Of no candidates yet.
    pub fn new(width: usize) -> Self {
        Self {
            within: SecondMoment::new(width),
            total: Moments::new(width),
        }
    }

    /// Takes more candidates in. How they are cut into calls changes nothing.
    ///
    /// # Errors
    /// Patches of another width.
    pub fn add(&mut self, patches: &Patches<'_>) -> Result<(), FeatureError> {
        self.total.add(patches)?;
        let width = patches.width();
        let mut deviations = Vec::with_capacity(patches.values().len());
        for rows in patches.each() {
            let mean = mean_row(rows, width);
            for row in rows.chunks_exact(width) {
                let row = row.iter().zip(&mean);
                deviations.extend(row.map(|(value, mean)| (f64::from(*value) - mean) as f32));
            }
        }
        self.within.add(&deviations);
        Ok(())
    }

    /// The matrix that shrinks them.
    ///
    /// # Errors
    /// If the eigensolver gives up.
    pub fn agreement(self, gamma: f64) -> Result<Agreement, MapError> {
        let variances = self.total.variance();
        let variance = variances.iter().sum::<f64>() / variances.len() as f64;
        let (_, within) = self.within.covariance();
        let found = eigen::symmetric(&within)?;
        let shrink = |value: f64| match variance > 0.0 {
            // An eigenvalue below 0 is a 0 with rounding.
            true => 1.0 / (1.0 + gamma * value.max(0.0) / variance).sqrt(),
            false => 1.0,
        };
        Ok(Agreement {
            factors: found.values.iter().map(|value| shrink(*value)).collect(),
            vectors: found.vectors,
        })
    }
}

/// `(I + γ S_w / v)^(−1/2)`, by its eigenvalues and vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    factors: Vec<f64>,
    vectors: Vec<Vec<f64>>,
}

impl Agreement {
    /// By how much each direction is shrunk, the most shrunk first: above 0, at most 1.
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// The matrix times others, given as rows: `out_i = Σ_j A_ij row_j`.
    pub fn times(&self, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        assert_eq!(rows.len(), self.factors.len(), "a row for each feature");
        let width = rows.first().map_or(0, Vec::len);
        let mut out = vec![vec![0.0; width]; rows.len()];
        for (factor, vector) in self.factors.iter().zip(&self.vectors) {
            let mut turned = vec![0.0; width];
            for (weight, row) in vector.iter().zip(rows) {
                add(&mut turned, *weight, row);
            }
            for (out, weight) in out.iter_mut().zip(vector) {
                add(out, weight * factor, &turned);
            }
        }
        out
    }
}

fn add(to: &mut [f64], weight: f64, row: &[f64]) {
    for (to, value) in to.iter_mut().zip(row) {
        *to += weight * value;
    }
}
