//! Label saving under noise: a known one is recovered, and the intervals hold it.

use std::slice::from_ref;

use acft::curve::{LearningCurve, Point};
use acft::metrics::roc_auc;
use acft::saving::{
    LabelSaving, Resampled, Saving, SavingError, SavingOptions, SeedCurve, TestSet, label_saving,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 25;
const STEPS: usize = 16;

fn seed_curve(seed: u64, points: &[(usize, f64)]) -> SeedCurve {
    let point = |&(labels, value)| Point { labels, value };
    SeedCurve::new(
        seed,
        LearningCurve::new(points.iter().map(point).collect()).unwrap(),
    )
}

fn without_interval() -> SavingOptions {
    SavingOptions {
        replicates: 0,
        ..SavingOptions::default()
    }
}

/// AUC of the reference with n labels: a line in log(n) that saturates.
fn truth(labels: f64) -> f64 {
    (0.6 + 0.15 * (labels / BATCH as f64).ln()).min(0.95)
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A run that needs the fraction `needs` of the reference's labels for any AUC.
fn noisy_curve(seed: u64, needs: f64, luck: f64, noise: f64, rng: &mut ChaCha8Rng) -> SeedCurve {
    let points: Vec<(usize, f64)> = (1..=STEPS)
        .map(|step| {
            let labels = step * BATCH;
            (
                labels,
                truth(labels as f64 / needs) + luck + noise * normal(rng),
            )
        })
        .collect();
    seed_curve(seed, &points)
}

/// Reference and strategy, paired by the luck that they share.
fn simulated(seeds: u64, needs: f64, rng: &mut ChaCha8Rng) -> (Vec<SeedCurve>, Vec<SeedCurve>) {
    (0..seeds)
        .map(|seed| {
            let luck = 0.01 * normal(rng);
            let own = |rng: &mut ChaCha8Rng| luck + 0.01 * normal(rng);
            let (a, b) = (own(rng), own(rng));
            (
                noisy_curve(seed, 1.0, a, 0.01, rng),
                noisy_curve(seed, needs, b, 0.01, rng),
            )
        })
        .unzip()
}

/// The log ratio of labels at all targets, but for those that the strategy's
/// first batch meets: there it rises from 0, over their share of 0.6 to 0.95.
fn expected_gap(needs: f64) -> f64 {
    let whole = -needs.ln();
    whole * (1.0 - 0.15 * whole.max(0.0) / 0.35 / 2.0)
}

#[test]
fn a_known_saving_is_recovered_from_noise() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for needs in [0.5, 0.75, 1.0, 1.25] {
        const RUNS: u32 = 100;
        let (mut saving, mut gap) = (0.0, 0.0);
        for _ in 0..RUNS {
            let (reference, strategy) = simulated(8, needs, &mut rng);
            let found = label_saving(&reference, &strategy, &without_interval()).unwrap();
            saving += found.saving.at_most() / f64::from(RUNS);
            gap += found.gap.unwrap().log_ratio / f64::from(RUNS);
        }
        assert!(
            (saving - (1.0 - needs)).abs() < 0.03,
            "needs {needs}: mean saving {saving}"
        );
        let expected = expected_gap(needs);
        assert!(
            (gap - expected).abs() < 0.03,
            "needs {needs}: mean gap {gap}, not {expected}"
        );
    }
}

#[test]
fn the_intervals_mostly_hold_the_truth_and_say_something() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    const RUNS: u32 = 100;
    let expected_gap = expected_gap(0.6);
    let (mut held, mut gap_held, mut widths) = (0, 0, Vec::new());
    for seed in 0..RUNS {
        let (reference, strategy) = simulated(5, 0.6, &mut rng);
        let options = SavingOptions {
            replicates: 1000,
            seed: seed.into(),
            ..SavingOptions::default()
        };
        let found = label_saving(&reference, &strategy, &options).unwrap();
        assert!(!found.is_anecdotal());
        let interval = found.interval.unwrap();
        assert_eq!(interval.resampled, Resampled::Seeds);
        let above_low = match interval.low {
            Saving::Reached(low) => low <= 0.4,
            Saving::Censored { .. } => true,
        };
        held += u32::from(above_low && 0.4 <= interval.high.at_most());
        let (low, high) = interval.log_ratio.unwrap();
        gap_held += u32::from(low <= expected_gap && expected_gap <= high);
        widths.push(high - low);
    }
    // 95 % is promised; 88 of 100 would be three standard errors short of it.
    assert!(held >= 88, "{held} of {RUNS} intervals hold the saving");
    assert!(
        gap_held >= 88,
        "{gap_held} of {RUNS} intervals hold the gap"
    );
    // The saving's own interval is often wide, and rightly: 95 % of the way up
    // is so near to the plateau that luck decides when it is met.
    widths.sort_by(f64::total_cmp);
    let median = widths[widths.len() / 2];
    assert!(median < 0.3, "a median width of {median} says little");
}

#[test]
fn mostly_censored_replicates_make_a_censored_end() {
    // Two of six seeds meet the target; which are drawn decides.
    let reference: Vec<SeedCurve> = (0..6)
        .map(|seed| seed_curve(seed, &[(10, 0.6), (20, 0.7), (40, 0.8)]))
        .collect();
    let strategy: Vec<SeedCurve> = (0..6)
        .map(|seed| {
            let end = if seed < 2 { 0.95 } else { 0.74 };
            seed_curve(seed, &[(10, 0.6), (20, 0.7), (40, end)])
        })
        .collect();
    let found = label_saving(&reference, &strategy, &SavingOptions::default()).unwrap();
    assert!(
        matches!(found.saving, Saving::Reached(_)),
        "{}",
        found.saving
    );
    let interval = found.interval.unwrap();
    assert!(
        matches!(interval.low, Saving::Censored { below } if below < 0.0),
        "{interval:?}"
    );
    assert!(
        matches!(interval.high, Saving::Reached(share) if share > 0.0),
        "{interval:?}"
    );
}

/// The predictions of a classifier whose skill grows with log(labels), on
/// `groups` groups of `copies` identical rows each, and the test set.
struct Judged {
    labels: Vec<usize>,
    groups: Vec<usize>,
    steps: Vec<(usize, Vec<f64>)>,
}

impl Judged {
    fn new(speed: f64, groups: usize, copies: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let luck: Vec<f64> = (0..groups).map(|_| normal(&mut rng)).collect();
        let row = |copy: usize| copy / copies;
        let rows = groups * copies;
        let step = |step: usize| {
            let labels = step * BATCH;
            let skill = 0.4 * (speed * labels as f64).ln() - 1.0;
            let positive = |r| {
                let margin = luck[row(r)] + if row(r) % 2 == 1 { skill } else { 0.0 };
                1.0 / (1.0 + (-margin).exp())
            };
            (
                labels,
                (0..rows)
                    .flat_map(|r| [1.0 - positive(r), positive(r)])
                    .collect(),
            )
        };
        Self {
            labels: (0..rows).map(|r| row(r) % 2).collect(),
            groups: (0..rows).map(row).collect(),
            steps: (1..=8).map(step).collect(),
        }
    }

    fn curve(&self, seed: u64, groups: &[usize]) -> SeedCurve {
        let test = TestSet {
            classes: 2,
            positive: Some(1),
            labels: &self.labels,
            groups,
        };
        let steps = self
            .steps
            .iter()
            .map(|(labels, rows)| (*labels, rows.as_slice()));
        SeedCurve::judged(seed, test, steps).unwrap()
    }
}

fn width(found: &LabelSaving) -> f64 {
    let (low, high) = found.interval.unwrap().log_ratio.unwrap();
    high - low
}

#[test]
fn a_judged_curve_is_that_of_its_predictions() {
    let judged = Judged::new(1.0, 40, 1);
    let curve = judged.curve(0, &judged.groups);
    for (point, (labels, rows)) in curve.curve().points().iter().zip(&judged.steps) {
        assert_eq!(point.labels, *labels);
        assert_eq!(
            Some(point.value),
            roc_auc(rows, 2, &judged.labels, Some(1)).value
        );
    }
}

#[test]
fn the_test_set_is_a_source_of_doubt_and_groups_are_its_unit() {
    let (reference, strategy) = (Judged::new(1.0, 40, 4), Judged::new(2.0, 40, 4));
    let options = SavingOptions {
        replicates: 600,
        ..SavingOptions::default()
    };
    let measure = |groups: &[usize]| {
        let all = |judged: &Judged| (0..5).map(|s| judged.curve(s, groups)).collect::<Vec<_>>();
        label_saving(&all(&reference), &all(&strategy), &options).unwrap()
    };
    let alone: Vec<usize> = (0..reference.labels.len()).collect();
    let (by_group, by_row) = (measure(&reference.groups), measure(&alone));
    assert_eq!(
        by_group.interval.unwrap().resampled,
        Resampled::SeedsAndGroups
    );
    // Four copies of a row are no four witnesses; taken for such, they about halve the width.
    assert!(width(&by_row) > 0.0);
    let ratio = width(&by_group) / width(&by_row);
    assert!(ratio > 1.4, "widths' ratio {ratio}");

    // All seeds are alike, so that without the test set there is no doubt left.
    let bare = |judged: &Judged| {
        let curve = judged.curve(0, &judged.groups).curve().clone();
        (0..5)
            .map(|seed| SeedCurve::new(seed, curve.clone()))
            .collect::<Vec<_>>()
    };
    let seeds_alone = label_saving(&bare(&reference), &bare(&strategy), &options).unwrap();
    assert_eq!(seeds_alone.interval.unwrap().resampled, Resampled::Seeds);
    assert!(width(&seeds_alone) < 1e-9);
    assert_eq!(
        seeds_alone.gap.map(|g| g.reached),
        by_group.gap.map(|g| g.reached)
    );
}

#[test]
fn one_seed_still_has_its_test_set_to_doubt() {
    let (reference, strategy) = (Judged::new(1.0, 40, 1), Judged::new(2.0, 40, 1));
    let (a, b) = (
        reference.curve(7, &reference.groups),
        strategy.curve(7, &strategy.groups),
    );
    let options = SavingOptions {
        replicates: 200,
        ..SavingOptions::default()
    };
    let found = label_saving(from_ref(&a), from_ref(&b), &options).unwrap();
    assert_eq!(found.interval.unwrap().resampled, Resampled::Groups);
    assert!(width(&found) > 0.0);
    let bare = SeedCurve::new(7, b.curve().clone());
    assert!(
        label_saving(from_ref(&a), &[bare], &options)
            .unwrap()
            .interval
            .is_none()
    );
}

#[test]
fn test_sets_that_cannot_be_resampled_are_refused() {
    // Each seed has a test set of its own, of two groups with a class each.
    let curves = || -> Vec<SeedCurve> {
        let judged = Judged::new(1.0, 2, 1);
        (0..40)
            .map(|s| judged.curve(s, &[2 * s as usize, 2 * s as usize + 1]))
            .collect()
    };
    let options = SavingOptions {
        replicates: 5,
        ..SavingOptions::default()
    };
    assert_eq!(
        label_saving(&curves(), &curves(), &options),
        Err(SavingError::TooFewGroups)
    );
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (reference, strategy) = simulated(5, 0.7, &mut rng);
    let measure = |reference: &[SeedCurve], seed| {
        let options = SavingOptions {
            seed,
            replicates: 300,
            ..SavingOptions::default()
        };
        label_saving(reference, &strategy, &options).unwrap()
    };
    assert_eq!(measure(&reference, 1), measure(&reference, 1));
    assert_ne!(
        measure(&reference, 1).interval,
        measure(&reference, 2).interval
    );
    let mut backwards = reference.clone();
    backwards.reverse();
    assert_eq!(
        measure(&backwards, 1),
        measure(&reference, 1),
        "the order of curves is no matter"
    );
}
