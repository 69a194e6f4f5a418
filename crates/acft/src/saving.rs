//! Label saving at equal AUC: how many of a reference's labels a strategy spares.
//!
//! For each of the two, the seed-mean learning curve is made monotone (isotonic
//! regression) and interpolated in log(labels); that gives n(τ), the labels
//! needed for a target τ. The target is
//! τ = A₁ + 0.95 (A_end − A₁) of the reference (RFT), and the saving
//! 1 − n_A(τ) / n_R(τ). A target that the first batch meets costs that batch. A
//! target that the strategy never meets gives no number but a bound
//! ([`Saving::Censored`]): to drop such runs would flatter the strategy.
//!
//! The saving against full training is the same with a reference of one point,
//! (all labels, its AUC), for each seed: then τ is that AUC and n_R all labels.

mod bootstrap;
mod estimate;
mod isotonic;
mod seed_curve;
mod tail;

use std::fmt;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::curve::CurveError;

pub use estimate::Gap;
pub use isotonic::isotonic_regression;
pub use seed_curve::{SeedCurve, TestSet};

/// With fewer seeds than this a saving is an anecdote, and is labelled so.
pub const FEWEST_SEEDS: usize = 5;

/// The settings of [`label_saving`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
pub struct SavingOptions {
    /// How far the target lies between the reference's first and last value.
    pub fraction: f64,
    /// The confidence of the interval, two-sided.
    pub confidence: f64,
    /// Bootstrap replicates; 0 for no interval.
    pub replicates: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl Default for SavingOptions {
    fn default() -> Self {
        Self {
            fraction: 0.95,
            confidence: 0.95,
            replicates: 2000,
            seed: 0,
        }
    }
}

/// A share of the reference's labels; negative where the strategy needs more.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Saving {
    /// 1 − n_A(τ) / n_R(τ).
    Reached(f64),
    /// The strategy ended before it met the target.
    Censored {
        /// The saving is less than this: the one it would have had, had it met
        /// the target with its last label.
        below: f64,
    },
}

impl Saving {
    /// The number, or the bound that it is below.
    pub fn at_most(self) -> f64 {
        match self {
            Self::Reached(share) | Self::Censored { below: share } => share,
        }
    }
}

impl fmt::Display for Saving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached(share) => write!(f, "{:.1} %", 100.0 * share),
            Self::Censored { below } => {
                write!(f, "< {:.1} % (target never reached)", 100.0 * below)
            }
        }
    }
}

/// A bootstrap percentile interval, expanded for few seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub struct Interval {
    /// The lower end; censored if too many replicates never met their target.
    pub low: Saving,
    /// The upper end.
    pub high: Saving,
    /// The interval of [`Gap::log_ratio`]; `None` if some replicate has no common target.
    pub log_ratio: Option<(f64, f64)>,
    /// What the replicates vary.
    pub resampled: Resampled,
}

/// What a bootstrap resamples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Resampled {
    /// The paired seeds: another training, judged by the same test set.
    Seeds,
    /// The test groups: another test set. With one seed there is nothing else to draw.
    Groups,
    /// Both seeds and test groups.
    SeedsAndGroups,
}

/// What one strategy saves against a reference.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub struct LabelSaving {
    /// τ, on the metric's scale.
    pub target: f64,
    /// n_R(τ): what the reference needs. Not whole, as it is interpolated.
    pub reference_labels: f64,
    /// 1 − n_A(τ) / n_R(τ).
    pub saving: Saving,
    /// The saving averaged over all targets; `None` if the strategy's curve
    /// ends below the reference's beginning, or the reference does not rise.
    pub gap: Option<Gap>,
    /// The interval of the saving; `None` where there is nothing to resample: no
    /// replicates asked for, or one seed without test predictions.
    pub interval: Option<Interval>,
    /// The number of paired seeds.
    pub seeds: usize,
}

impl LabelSaving {
    /// True with fewer than [`FEWEST_SEEDS`] seeds.
    pub fn is_anecdotal(&self) -> bool {
        self.seeds < FEWEST_SEEDS
    }
}

/// Why no saving can be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SavingError {
    /// There is nothing to compare.
    #[error("a label saving needs at least one seed")]
    NoSeeds,
    /// A seed stands for one run.
    #[error("seed {0} occurs twice in one strategy; give one curve for each seed")]
    RepeatedSeed(u64),
    /// The bootstrap draws pairs.
    #[error("seed {0} was run for only one of the two strategies; run or leave out its partner")]
    UnpairedSeed(u64),
    /// An option outside its range.
    #[error("{name} is {value}; it must lie in {range}")]
    Option {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// The metric of a step is undefined on the given test set.
    #[error("the AUC of seed {seed} at {labels} labels is undefined: {reason}")]
    UndefinedAuc {
        /// The run.
        seed: u64,
        /// The step.
        labels: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// The steps make no curve.
    #[error("the steps of seed {seed} make no curve")]
    Curve {
        /// The run.
        seed: u64,
        /// What is wrong.
        source: CurveError,
    },
    /// Nearly every resampled test set lacks a class.
    #[error(
        "the classes lie in too few test groups to resample them; \
         leave the test predictions out, and seeds alone are resampled"
    )]
    TooFewGroups,
}

/// Measures what `strategy` saves against `reference`, seed by seed paired.
///
/// If all curves carry test predictions ([`SeedCurve::judged`]), the interval
/// covers the choice of test groups too; else of seeds alone.
///
/// The interval is the bootstrap percentile one, its tails expanded as Student's
/// t would for so few seeds (Hesterberg 2015): the plain one holds the truth
/// only four times in five where it promises 95 %, with five seeds. With two or
/// three seeds no resampling can mend that: see [`LabelSaving::is_anecdotal`].
///
/// A target 95 % of the way up lies near the plateau of a curve that saturates,
/// where luck decides when it is met, and the interval is wide. The mean over
/// all targets, [`LabelSaving::gap`], is far steadier.
///
/// # Errors
/// [`SavingError`], if the seeds do not pair or an option is out of range.
pub fn label_saving(
    reference: &[SeedCurve],
    strategy: &[SeedCurve],
    options: &SavingOptions,
) -> Result<LabelSaving, SavingError> {
    check(
        "fraction",
        options.fraction,
        "[0, 1]",
        (0.0..=1.0).contains(&options.fraction),
    )?;
    let inside = options.confidence > 0.0 && options.confidence < 1.0;
    check("confidence", options.confidence, "(0, 1)", inside)?;
    let pairs = seed_curve::pair(reference, strategy)?;
    let whole = estimate::of_curves(
        pairs.iter().map(|pair| pair.0.curve()),
        pairs.iter().map(|pair| pair.1.curve()),
        options.fraction,
    );
    Ok(LabelSaving {
        target: whole.target,
        reference_labels: whole.reference_labels,
        saving: whole.saving,
        gap: whole.gap,
        interval: bootstrap::interval(&pairs, options)?,
        seeds: pairs.len(),
    })
}

fn check(
    name: &'static str,
    value: f64,
    range: &'static str,
    inside: bool,
) -> Result<(), SavingError> {
    if inside {
        Ok(())
    } else {
        Err(SavingError::Option { name, value, range })
    }
}
