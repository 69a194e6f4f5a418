//! The baselines by name.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use super::Uncertainty;

/// A query strategy that ACFT is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub enum Baseline {
    /// The b candidates of the largest uncertainty.
    Uncertainty(Uncertainty),
    /// The b candidates of the largest [`Uncertainty::Bald`], over passes with dropout instead of patches (Gal, Islam &
    /// Ghahramani, "Deep Bayesian Active Learning with Image Data", ICML 2017).
    DropoutBald,
    /// A batch that is chosen as a whole.
    Batch(BatchRule),
}

/// How a batch is chosen as a whole, from the features of all candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchRule {
    /// [`core_set()`](super::core_set()).
    CoreSet,
    /// [`badge()`](super::badge()).
    Badge,
    /// [`typiclust()`](super::typiclust()).
    TypiClust,
    /// [`cluster_margin()`](super::cluster_margin()).
    ClusterMargin,
}

/// The baselines that are no measure of a candidate's patches, by their names.
const OTHERS: [(&str, Baseline); 5] = [
    ("dropout-bald", Baseline::DropoutBald),
    ("core-set", Baseline::Batch(BatchRule::CoreSet)),
    ("badge", Baseline::Batch(BatchRule::Badge)),
    ("typiclust", Baseline::Batch(BatchRule::TypiClust)),
    ("cluster-margin", Baseline::Batch(BatchRule::ClusterMargin)),
];

impl Baseline {
    /// The names that [`FromStr`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Uncertainty::names().chain(OTHERS.iter().map(|(name, _)| *name))
    }

    /// Whether it looks at the features of candidates, and not at their predictions alone.
    pub fn wants_features(self) -> bool {
        matches!(self, Self::Batch(_))
    }

    /// Whether it measures how far the patches of a candidate disagree: such a measure of one patch is always 0.
    pub fn compares_patches(self) -> bool {
        let measures = [Uncertainty::Bald, Uncertainty::VariationRatio];
        matches!(self, Self::Uncertainty(measure) if measures.contains(&measure))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncertainty(measure) => measure.fmt(f),
            other => {
                let name = OTHERS.iter().find(|(_, rule)| rule == other);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some((_, rule)) = OTHERS.iter().find(|(known, _)| *known == name) {
            return Ok(*rule);
        }
        name.parse().map(Self::Uncertainty).map_err(|_| {
            let known: Vec<_> = Self::names().collect();
            format!("unknown query {name:?}; known are {}", known.join(", "))
        })
    }
}

impl From<Baseline> for String {
    fn from(rule: Baseline) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for Baseline {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}
