//! Measures of how uncertain a network is about one candidate.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::prediction::{Predictions, dominant};

/// A measure of uncertainty; the larger it is, the sooner a candidate is labeled. Natural logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Uncertainty {
    /// 1 − max p̄, of the candidate's mean prediction p̄ (Lewis & Gale, SIGIR 1994).
    LeastConfidence,
    /// 1 − (p̄₁ − p̄₂), of the two largest means (Scheffer et al., IDA 2001).
    Margin,
    /// H(p̄) = −Σ_k p̄_k log p̄_k (Shannon 1948; Settles 2009, Sec. 3.1).
    PredictiveEntropy,
    /// H(p̄) − mean_j H(p^j), the mutual information between label and member of the ensemble whose rows p^j are
    /// (Houlsby et al. 2011; Gal et al., ICML 2017): passes with dropout, or a candidate's patches.
    Bald,
    /// 1 − the share of rows that name the most named class (Freeman 1965; Gal et al. 2017).
    VariationRatio,
}

/// Their names on the command line.
const NAMES: [(&str, Uncertainty); 5] = [
    ("least-confidence", Uncertainty::LeastConfidence),
    ("margin", Uncertainty::Margin),
    ("predictive-entropy", Uncertainty::PredictiveEntropy),
    ("bald", Uncertainty::Bald),
    ("variation-ratio", Uncertainty::VariationRatio),
];

impl Uncertainty {
    /// The names that [`FromStr`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The uncertainty about one candidate, whose rows are its patches' predictions, or passes with dropout.
    pub fn of(self, predictions: &Predictions<'_>) -> f64 {
        let mean = predictions.mean();
        let rows = || (0..predictions.patches()).map(|j| predictions.row(j));
        match self {
            Self::LeastConfidence => 1.0 - mean.iter().copied().fold(0.0, f64::max),
            Self::Margin => {
                let (mut first, mut second) = (0.0, 0.0);
                for p in mean {
                    if p > first {
                        (first, second) = (p, first);
                    } else if p > second {
                        second = p;
                    }
                }
                1.0 - (first - second)
            }
            Self::PredictiveEntropy => shannon(&mean),
            Self::Bald => {
                let within = rows().map(shannon).sum::<f64>() / predictions.patches() as f64;
                // Jensen: it is never negative but by rounding.
                (shannon(&mean) - within).max(0.0)
            }
            Self::VariationRatio => {
                let mut votes = vec![0_usize; predictions.classes()];
                rows().for_each(|row| votes[dominant(row)] += 1);
                let most = votes.into_iter().max().unwrap_or_default();
                1.0 - most as f64 / predictions.patches() as f64
            }
        }
    }
}

/// −Σ p log p, where 0 log 0 is 0.
fn shannon(p: &[f64]) -> f64 {
    -p.iter()
        .filter(|&&p| p > 0.0)
        .map(|p| p * p.ln())
        .sum::<f64>()
}

/// The places of the `batch` largest values, the largest first; equal ones by their tie-breaks.
///
/// Panics if the two differ in length.
pub fn most_uncertain(values: &[f64], tie_breaks: &[u64], batch: usize) -> Vec<usize> {
    assert_eq!(values.len(), tie_breaks.len(), "a tie-break for each value");
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| {
        values[b]
            .total_cmp(&values[a])
            .then_with(|| tie_breaks[a].cmp(&tie_breaks[b]))
    });
    order.truncate(batch);
    order
}

impl fmt::Display for Uncertainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, measure)| measure == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Uncertainty {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, measure)| *measure)
            .ok_or_else(|| {
                let known: Vec<_> = Self::names().collect();
                format!(
                    "unknown measure of uncertainty {name:?}; known are {}",
                    known.join(", ")
                )
            })
    }
}
