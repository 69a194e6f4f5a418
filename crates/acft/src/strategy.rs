//! Table 2: how to query × where to start from × what to learn from.
//!
//! The three are independent choices; the paper's codes are presets.

use std::str::FromStr;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::baselines::Baseline;
use crate::criterion::Criterion;
use crate::learner::Phase;

/// How the next batch is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(rename_all = "kebab-case", tag = "how", deny_unknown_fields)
)]
pub enum Query {
    /// Uniformly from U. (The paper draws "systematically".)
    Random,
    /// From the best of U by a criterion.
    Active {
        /// The criterion that ranks U.
        criterion: Criterion,
        /// The batch is drawn from the best ⌊ω b⌋ (Eq. 4); 1 takes the top b.
        omega: f64,
    },
    /// By a rule of another paper.
    Baseline {
        /// Which.
        rule: Baseline,
    },
}

impl Query {
    /// The criterion that ranks U; `None` for a query that uses no criterion.
    pub fn criterion(&self) -> Option<Criterion> {
        match *self {
            Self::Active { criterion, .. } => Some(criterion),
            Self::Random | Self::Baseline { .. } => None,
        }
    }
}

/// The network that a step's fine-tuning starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Start {
    /// M_0, at every step: the paper's RFT and AFT.
    Pretrained,
    /// M_{t-1}: continual.
    Current,
}

impl Start {
    /// Which learning rate applies where L has so many members. The first step
    /// that has labels starts from M_0 whatever the strategy.
    pub(crate) fn phase(self, labeled: usize) -> Phase {
        match self {
            Self::Current if labeled > 0 => Phase::Continual,
            _ => Phase::FromPretrained,
        }
    }
}

/// What a step learns from beside the newly labeled Q.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Replay {
    /// Nothing: Q alone.
    None,
    /// All of L.
    Labeled,
    /// H, the members of L that M_{t-1} gets wrong.
    Misclassified,
    /// H, and as many members of L that M_{t-1} gets right as H ∪ Q has,
    /// drawn at random so that the classes come out as even as they can.
    /// Ours, not the paper's: H alone tends to be all of one class, and the
    /// network then swings from class to class.
    MisclassifiedBalanced,
}

/// Start and replay: the learning half of Table 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct LearningStrategy {
    /// The network that fine-tuning starts from.
    pub start: Start,
    /// What is learned beside Q.
    pub replay: Replay,
}

/// The learning strategies by their names on the command line.
const LEARNING: [(&str, LearningStrategy); 5] = {
    const fn continual(replay: Replay) -> LearningStrategy {
        LearningStrategy {
            start: Start::Current,
            replay,
        }
    }
    [
        (
            "reset-lq",
            LearningStrategy {
                start: Start::Pretrained,
                replay: Replay::Labeled,
            },
        ),
        ("q", continual(Replay::None)),
        ("lq", continual(Replay::Labeled)),
        ("hq", continual(Replay::Misclassified)),
        ("hq-balanced", continual(Replay::MisclassifiedBalanced)),
    ]
};

impl LearningStrategy {
    /// The names that [`FromStr`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        LEARNING.iter().map(|(name, _)| *name)
    }
}

impl std::fmt::Display for LearningStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match LEARNING.iter().find(|(_, strategy)| strategy == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:?} {:?}", self.start, self.replay),
        }
    }
}

impl FromStr for LearningStrategy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        LEARNING
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, strategy)| *strategy)
            .ok_or_else(|| {
                let known: Vec<_> = Self::names().collect();
                format!(
                    "unknown learning strategy {name:?}; known are {}",
                    known.join(", ")
                )
            })
    }
}

/// A code of Table 2 (and RCFT, the random control of ACFT that the paper lacks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// As written on the command line.
    pub code: &'static str,
    /// As written in the paper.
    pub title: &'static str,
    /// Whether the batch is chosen by a criterion.
    pub active: bool,
    /// The name of the learning strategy.
    pub learn: &'static str,
}

/// Table 2.
pub const PRESETS: [Preset; 7] = [
    preset("rft", "RFT(LQ)", false, "reset-lq"),
    preset("aft-lq", "AFT(LQ)", true, "reset-lq"),
    preset("acft-q", "ACFT(Q)", true, "q"),
    preset("acft-lq", "ACFT(LQ)", true, "lq"),
    preset("acft-hq", "ACFT(HQ)", true, "hq"),
    preset("acft-hq-balanced", "ACFT(HQ balanced)", true, "hq-balanced"),
    preset("rcft-hq", "RCFT(HQ)", false, "hq"),
];

const fn preset(
    code: &'static str,
    title: &'static str,
    active: bool,
    learn: &'static str,
) -> Preset {
    Preset {
        code,
        title,
        active,
        learn,
    }
}

impl Preset {
    /// The preset of that code.
    pub fn named(code: &str) -> Option<Preset> {
        PRESETS.into_iter().find(|preset| preset.code == code)
    }

    /// The preset that equals this pair of choices, if there is one.
    pub fn of(active: bool, learn: &str) -> Option<Preset> {
        PRESETS
            .into_iter()
            .find(|preset| preset.active == active && preset.learn == learn)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_and_presets_go_round() {
        for name in LearningStrategy::names() {
            let strategy: LearningStrategy = name.parse().unwrap();
            assert_eq!(strategy.to_string(), name);
        }
        for preset in PRESETS {
            assert_eq!(Preset::of(preset.active, preset.learn), Some(preset));
            assert!(preset.learn.parse::<LearningStrategy>().is_ok());
        }
        assert!(
            "hard"
                .parse::<LearningStrategy>()
                .unwrap_err()
                .contains("reset-lq")
        );
    }
}
