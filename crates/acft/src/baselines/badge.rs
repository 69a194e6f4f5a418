//! BADGE: batches of large and diverse gradients (Ash et al., *Deep Batch Active Learning by Diverse, Uncertain
//! Gradient Lower Bounds*, ICLR 2020).

use super::features::{Features, dot};
use super::{draw_one, largest};
use crate::prediction::dominant;
use crate::random::Stream;

/// k-means++ on the gradients of the last layer, as if each member's predicted class were its label:
/// g = f ⊗ (p̄ − e_ŷ). The first centre has the longest gradient, as in the authors' program; each other is drawn in
/// proportion to its squared distance from the nearest centre.
///
/// `means` has the mean prediction of each member of `pool`, |U| × |Y| row-major. A gradient has d |Y| values, but
/// is never written out: products of two factors are products of factors. Returns places in `pool`, in the order in
/// which they were chosen. Takes O(b |U| (d + |Y|)).
///
/// Panics if lengths differ.
pub fn badge(
    pool: Features<'_>,
    means: &[f64],
    tie_breaks: &[u64],
    batch: usize,
    rng: &mut Stream,
) -> Vec<usize> {
    assert_eq!(pool.len(), tie_breaks.len(), "a tie-break for each member");
    let batch = batch.min(pool.len());
    if batch == 0 {
        return Vec::new();
    }
    assert!(
        means.len().is_multiple_of(pool.len()),
        "a mean prediction for each member"
    );
    let gradients = Gradients::new(pool, means);
    let lengths = (0..pool.len()).map(|i| (i, gradients.squared_norm[i]));
    let mut next = largest(lengths, tie_breaks);
    let mut nearest = vec![f64::INFINITY; pool.len()];
    let mut free = vec![true; pool.len()];
    let mut chosen = Vec::with_capacity(batch);
    while let Some(centre) = next {
        chosen.push(centre);
        free[centre] = false;
        if chosen.len() == batch {
            break;
        }
        for (i, nearest) in nearest.iter_mut().enumerate() {
            let distance = if free[i] {
                gradients.distance(i, centre)
            } else {
                0.0
            };
            *nearest = nearest.min(distance);
        }
        // Where all that are left coincide with a centre there is nothing to draw by.
        next = draw_one(&nearest, rng).or_else(|| {
            let left = (0..pool.len()).filter(|&i| free[i]);
            left.min_by_key(|&i| tie_breaks[i])
        });
    }
    chosen
}

/// The squared distance between two members' gradients: what [`badge()`] draws by.
///
/// `features` and `means` are a member's features and mean prediction.
pub fn gradient_distance(features: [&[f32]; 2], means: [&[f64]; 2]) -> f64 {
    let residuals = means.map(residual);
    let [a, b] = [0, 1].map(|i| Factors {
        feature: features[i],
        residual: &residuals[i],
    });
    distance([a, b], [a.squared_norm(), b.squared_norm()])
}

/// p̄ − e_ŷ.
fn residual(mean: &[f64]) -> Vec<f64> {
    let mut residual = mean.to_vec();
    residual[dominant(mean)] -= 1.0;
    residual
}

/// A gradient, as the two factors that it is the outer product of.
#[derive(Clone, Copy)]
struct Factors<'a> {
    feature: &'a [f32],
    residual: &'a [f64],
}

impl Factors<'_> {
    fn squared_norm(self) -> f64 {
        self.product(self)
    }

    /// ⟨f ⊗ u, g ⊗ v⟩ = (f · g)(u · v).
    fn product(self, other: Self) -> f64 {
        let residuals = self.residual.iter().zip(other.residual);
        dot(self.feature, other.feature) * residuals.map(|(u, v)| u * v).sum::<f64>()
    }
}

fn distance([a, b]: [Factors<'_>; 2], squared_norms: [f64; 2]) -> f64 {
    (squared_norms[0] + squared_norms[1] - 2.0 * a.product(b)).max(0.0)
}

struct Gradients<'a> {
    features: Features<'a>,
    residuals: Vec<f64>,
    classes: usize,
    squared_norm: Vec<f64>,
}

impl<'a> Gradients<'a> {
    fn new(features: Features<'a>, means: &[f64]) -> Self {
        let classes = means.len() / features.len();
        let mut gradients = Self {
            features,
            residuals: means.chunks_exact(classes).flat_map(residual).collect(),
            classes,
            squared_norm: Vec::new(),
        };
        gradients.squared_norm = (0..features.len())
            .map(|i| gradients.of(i).squared_norm())
            .collect();
        gradients
    }

    fn of(&self, i: usize) -> Factors<'_> {
        Factors {
            feature: self.features.row(i),
            residual: &self.residuals[i * self.classes..][..self.classes],
        }
    }

    fn distance(&self, i: usize, j: usize) -> f64 {
        let norms = [self.squared_norm[i], self.squared_norm[j]];
        distance([self.of(i), self.of(j)], norms)
    }
}
