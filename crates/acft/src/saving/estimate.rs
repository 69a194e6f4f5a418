//! The estimate that the bootstrap repeats: from the curves of some seeds to a saving.

#[cfg(feature = "serde")]
use serde::Serialize;

use super::Saving;
use super::isotonic::Monotone;
use crate::curve::LearningCurve;

/// The distance of two curves along the axis of log(labels), averaged over
/// targets: what is saved irrespective of the choice of τ.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub struct Gap {
    /// Mean of log(n_R(τ) / n_A(τ)); positive where the strategy needs fewer.
    pub log_ratio: f64,
    /// The share of the reference's range of values that the strategy reached,
    /// over which the mean is taken. Below 1, the mean is an optimistic one.
    pub reached: f64,
}

impl Gap {
    /// The same as a share of labels: 1 − exp(−`log_ratio`).
    pub fn saving(self) -> f64 {
        -(-self.log_ratio).exp_m1()
    }
}

pub(super) struct Estimate {
    pub(super) target: f64,
    pub(super) reference_labels: f64,
    pub(super) saving: Saving,
    pub(super) gap: Option<Gap>,
}

pub(super) fn of_curves<'a>(
    reference: impl Iterator<Item = &'a LearningCurve>,
    strategy: impl Iterator<Item = &'a LearningCurve>,
    fraction: f64,
) -> Estimate {
    let monotone = |mean: LearningCurve| Monotone::of(&mean);
    let reference = LearningCurve::mean(reference)
        .map(monotone)
        .expect("at least one seed");
    let strategy = LearningCurve::mean(strategy)
        .map(monotone)
        .expect("at least one seed");

    let (first, last) = (reference.first_value(), reference.last_value());
    // Rounding must not lift the target above the curve that defines it.
    let target = (first + fraction * (last - first)).clamp(first, last);
    let reference_log = reference
        .log_labels(target)
        .expect("a target within the reference");
    // 1 − n/n_R, without the cancellation near 0.
    let saved = |log: f64| -(log - reference_log).exp_m1();
    let saving = match strategy.log_labels(target) {
        Some(log) => Saving::Reached(saved(log)),
        None => Saving::Censored {
            below: saved(strategy.last_log()),
        },
    };
    Estimate {
        target,
        reference_labels: reference_log.exp(),
        saving,
        gap: gap(&reference, &strategy),
    }
}

/// The mean over targets, exactly: between neighbouring values of either curve
/// log n(τ) is linear in τ, so the middle stands for the piece.
fn gap(reference: &Monotone, strategy: &Monotone) -> Option<Gap> {
    let (low, end) = (reference.first_value(), reference.last_value());
    let high = end.min(strategy.last_value());
    if low >= high {
        return None;
    }
    let mut cuts = vec![low, high];
    let inside = |value: &f64| low < *value && *value < high;
    cuts.extend(
        reference
            .values()
            .iter()
            .chain(strategy.values())
            .copied()
            .filter(inside),
    );
    cuts.sort_by(f64::total_cmp);
    let mut area = 0.0;
    for piece in cuts.windows(2) {
        let middle = f64::midpoint(piece[0], piece[1]);
        let distance = reference.log_labels(middle)? - strategy.log_labels(middle)?;
        area += (piece[1] - piece[0]) * distance;
    }
    Some(Gap {
        log_ratio: area / (high - low),
        reached: (high - low) / (end - low),
    })
}
