//! The interval: what the saving could have been with other seeds and another test set.
//!
//! A replicate draws paired seeds and, within, test groups. One draw of groups
//! serves all seeds and both strategies of the replicate, as one test set
//! judges them all: drawing anew for each seed would average the luck of the
//! test set away, which running more seeds does not.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::estimate::{self, Estimate};
use super::tail::expanded_tail;
use super::{Interval, Resampled, Saving, SavingError, SavingOptions, SeedCurve};
use crate::curve::LearningCurve;

/// Two classes in two groups already survive every second draw.
const DRAWS: usize = 1000;

type Pair<'a> = (&'a SeedCurve, &'a SeedCurve);

pub(super) fn interval(
    pairs: &[Pair<'_>],
    options: &SavingOptions,
) -> Result<Option<Interval>, SavingError> {
    let groups = Groups::of(pairs);
    let resampled = match (pairs.len() > 1, groups.is_some()) {
        (true, true) => Resampled::SeedsAndGroups,
        (true, false) => Resampled::Seeds,
        (false, true) => Resampled::Groups,
        (false, false) => return Ok(None),
    };
    if options.replicates == 0 {
        return Ok(None);
    }
    // Two streams, so that knowing the groups leaves the draws of seeds as they are.
    let mut seed_draws = ChaCha8Rng::seed_from_u64(options.seed);
    let mut group_draws = ChaCha8Rng::seed_from_u64(options.seed);
    group_draws.set_stream(1);

    let mut estimates = Vec::with_capacity(options.replicates);
    for _ in 0..options.replicates {
        let mut times = vec![0_usize; pairs.len()];
        for _ in 0..pairs.len() {
            times[seed_draws.random_range(0..pairs.len())] += 1;
        }
        let drawn: Vec<(Pair<'_>, usize)> = pairs
            .iter()
            .copied()
            .zip(times)
            .filter(|drawn| drawn.1 > 0)
            .collect();
        estimates.push(match &groups {
            None => {
                let curves = drawn
                    .iter()
                    .map(|((r, s), times)| ((r.curve(), s.curve()), *times));
                estimate_of(curves, options.fraction)
            }
            Some(groups) => {
                let curves = groups.resampled(&drawn, &mut group_draws)?;
                let curves = curves
                    .iter()
                    .zip(&drawn)
                    .map(|((r, s), (_, times))| ((r, s), *times));
                estimate_of(curves, options.fraction)
            }
        });
    }
    // With both drawn, the seeds are the fewer: expanded as if all doubt were
    // theirs, the interval errs on the wide side.
    let units = if pairs.len() > 1 {
        pairs.len()
    } else {
        groups.map_or(1, |groups| groups.0.len())
    };
    let tail = expanded_tail((1.0 - options.confidence) / 2.0, units);
    Ok(Some(percentiles(&estimates, tail, resampled)))
}

fn estimate_of<'a>(
    curves: impl Iterator<Item = ((&'a LearningCurve, &'a LearningCurve), usize)> + Clone,
    fraction: f64,
) -> Estimate {
    let repeated = curves.flat_map(|(pair, times)| std::iter::repeat_n(pair, times));
    estimate::of_curves(
        repeated.clone().map(|p| p.0),
        repeated.map(|p| p.1),
        fraction,
    )
}

/// The groups of all test sets, ascending and distinct.
struct Groups(Vec<usize>);

impl Groups {
    /// `None` unless every curve has its predictions.
    fn of(pairs: &[Pair<'_>]) -> Option<Self> {
        let mut groups = Vec::new();
        for (reference, strategy) in pairs {
            groups.extend_from_slice(reference.groups()?);
            groups.extend_from_slice(strategy.groups()?);
            groups.sort_unstable();
            groups.dedup();
        }
        Some(Self(groups))
    }

    /// The drawn seeds' curves on as many groups drawn with replacement. A
    /// draw that leaves some test set with one class has no AUC: drawn again.
    fn resampled(
        &self,
        drawn: &[(Pair<'_>, usize)],
        draws: &mut ChaCha8Rng,
    ) -> Result<Vec<(LearningCurve, LearningCurve)>, SavingError> {
        for _ in 0..DRAWS {
            let mut times = vec![0_u64; self.0.len()];
            for _ in 0..self.0.len() {
                times[draws.random_range(0..self.0.len())] += 1;
            }
            let times = |group: usize| self.0.binary_search(&group).map_or(0, |i| times[i]);
            let curves: Option<Vec<_>> = drawn
                .iter()
                .map(|((reference, strategy), _)| {
                    Some((reference.resampled(times)?, strategy.resampled(times)?))
                })
                .collect();
            if let Some(curves) = curves {
                return Ok(curves);
            }
        }
        Err(SavingError::TooFewGroups)
    }
}

/// The two tails. A censored replicate lies somewhere below its bound: for the
/// lower end it counts as the least of all, for the upper end as its bound, so
/// that each end errs outwards.
fn percentiles(estimates: &[Estimate], tail: f64, resampled: Resampled) -> Interval {
    let mut by_bound: Vec<Saving> = estimates.iter().map(|estimate| estimate.saving).collect();
    by_bound.sort_by(|a, b| a.at_most().total_cmp(&b.at_most()));
    let mut censored_first = by_bound.clone();
    censored_first.sort_by_key(|saving| matches!(saving, Saving::Reached(_)));

    let skipped = (tail * estimates.len() as f64) as usize;
    let (low, high) = (skipped, estimates.len() - 1 - skipped);
    let mut ratios: Vec<f64> = estimates
        .iter()
        .filter_map(|e| Some(e.gap?.log_ratio))
        .collect();
    ratios.sort_by(f64::total_cmp);
    Interval {
        low: match censored_first[low] {
            Saving::Reached(share) => Saving::Reached(share),
            Saving::Censored { .. } => Saving::Censored {
                below: by_bound[low].at_most(),
            },
        },
        high: by_bound[high],
        log_ratio: (ratios.len() == estimates.len()).then(|| (ratios[low], ratios[high])),
        resampled,
    }
}

#[cfg(test)]
mod tests {
    use super::Saving::{Censored, Reached};
    use super::*;

    #[track_caller]
    fn check(savings: &[Saving], low: Saving, high: Saving) {
        let estimate = |&saving: &Saving| Estimate {
            target: 0.9,
            reference_labels: 100.0,
            saving,
            gap: None,
        };
        let estimates: Vec<Estimate> = savings.iter().map(estimate).collect();
        let found = percentiles(&estimates, 0.25, Resampled::Seeds);
        assert_eq!((found.low, found.high, found.log_ratio), (low, high, None));
    }

    #[test]
    fn each_end_errs_outwards_where_replicates_are_censored() {
        let below = |below| Censored { below };
        check(
            &[Reached(0.4), Reached(0.1), Reached(0.3), Reached(0.2)],
            Reached(0.2),
            Reached(0.3),
        );
        // Somewhere below 0.3 may be below 0.1: it counts as the least of all.
        check(
            &[Reached(0.4), Reached(0.1), below(0.3), Reached(0.2)],
            Reached(0.1),
            below(0.3),
        );
        // Two of four are censored: the second least is below 0.2, no more is known.
        check(
            &[Reached(0.4), Reached(0.1), below(0.3), below(0.2)],
            below(0.2),
            below(0.3),
        );
    }
}
