//! The query strategies that ACFT is compared with: those of other tools, and those that reviewers ask for.
//!
//! They are of two kinds. [`Uncertainty`] measures one candidate at a time, and the batch is the b most uncertain. The
//! others choose a batch as a whole, from the features of all candidates: [`core_set()`], [`badge()`], [`typiclust()`]
//! and [`cluster_margin()`].
//!
//! All are pure functions of their arguments and of a random stream. Where several members are equally good, the one
//! with the smallest tie-break goes first. A tie-break is a keyed hash of the candidate, as in
//! [`ranking`](crate::ranking), so that the order of a folder, which is often that of classes, decides nothing.

mod badge;
mod cluster_margin;
mod core_set;
mod features;
mod k_means;
mod linkage;
mod rule;
mod typiclust;
mod uncertainty;

pub use badge::{badge, gradient_distance};
pub use cluster_margin::{ClusterMargin, cluster_margin};
pub use core_set::core_set;
pub use features::{FeatureError, Features};
pub use k_means::k_means;
pub use linkage::average_linkage;
pub use rule::{Baseline, BatchRule};
pub use typiclust::{TypiClust, typicality, typiclust};
pub use uncertainty::{Uncertainty, most_uncertain};

use crate::random::Stream;

/// The place of the largest value; of several, the one with the smallest tie-break. `None` without values.
fn largest(values: impl IntoIterator<Item = (usize, f64)>, tie_breaks: &[u64]) -> Option<usize> {
    values
        .into_iter()
        .max_by(|(a, x), (b, y)| {
            x.total_cmp(y)
                .then_with(|| tie_breaks[*b].cmp(&tie_breaks[*a]))
        })
        .map(|(at, _)| at)
}

/// A place drawn in proportion to `weights`, none of which is negative; `None` where all are 0.
fn draw_one(weights: &[f64], rng: &mut Stream) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut left = rng.uniform() * total;
    let mut last = None;
    for (at, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            last = Some(at);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    // Rounding may leave something at the very end of the line.
    last
}
