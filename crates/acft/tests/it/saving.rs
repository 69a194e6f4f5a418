//! Label saving where it is exact: without noise and without resampling.

use acft::curve::{LearningCurve, Point};
use acft::saving::{
    Saving, SavingError, SavingOptions, SeedCurve, TestSet, isotonic_regression, label_saving,
};
use proptest::prelude::*;

const BATCH: usize = 25;

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

#[test]
fn a_known_saving_is_exact_without_noise() {
    // The target 0.6 + 0.95 × 0.3 = 0.885 lies between 40 and 80 labels of the
    // reference, and between 20 and 40 of the strategy.
    let reference = [seed_curve(0, &[(10, 0.6), (20, 0.7), (40, 0.8), (80, 0.9)])];
    let strategy = [seed_curve(0, &[(10, 0.7), (20, 0.8), (40, 0.9)])];
    let found = label_saving(&reference, &strategy, &without_interval()).unwrap();
    assert!((found.target - 0.885).abs() < 1e-12);
    assert!((found.reference_labels - 40.0 * 2.0_f64.powf(0.85)).abs() < 1e-9);
    let Saving::Reached(share) = found.saving else {
        panic!("{}", found.saving)
    };
    assert!((share - 0.5).abs() < 1e-12, "{share}");
    assert_eq!(found.saving.to_string(), "50.0 %");
    assert!(found.is_anecdotal() && found.interval.is_none());
    // Half the labels for any target from 0.7 on; below, the first batch
    // meets all targets, and the ratio rises from 1 to 2.
    let gap = found.gap.unwrap();
    assert_eq!(gap.reached, 1.0);
    assert!(
        (gap.log_ratio - 2.0_f64.ln() * (0.5 + 2.0) / 3.0).abs() < 1e-12,
        "{gap:?}"
    );
    assert!((gap.saving() - (1.0 - (-gap.log_ratio).exp())).abs() < 1e-12);
}

#[test]
fn a_target_never_met_gives_a_bound() {
    let reference = [seed_curve(0, &[(10, 0.6), (20, 0.7), (40, 0.8), (80, 0.9)])];
    let strategy = [seed_curve(
        0,
        &[(10, 0.6), (20, 0.65), (40, 0.7), (80, 0.75)],
    )];
    let found = label_saving(&reference, &strategy, &without_interval()).unwrap();
    let Saving::Censored { below } = found.saving else {
        panic!("{}", found.saving)
    };
    assert!((below - (1.0 - 80.0 / found.reference_labels)).abs() < 1e-12);
    assert_eq!(found.saving.to_string(), "< -11.0 % (target never reached)");
    let gap = found.gap.unwrap();
    assert!((gap.reached - 0.5).abs() < 1e-12 && gap.log_ratio < 0.0);

    let hopeless = [seed_curve(0, &[(10, 0.5), (80, 0.55)])];
    let found = label_saving(&reference, &hopeless, &without_interval()).unwrap();
    assert!(matches!(found.saving, Saving::Censored { .. }) && found.gap.is_none());
}

#[test]
fn full_training_is_a_reference_of_one_point() {
    let full: Vec<SeedCurve> = (0..3)
        .map(|seed| seed_curve(seed, &[(1000, 0.8)]))
        .collect();
    let strategy: Vec<SeedCurve> = (0..3)
        .map(|seed| seed_curve(seed, &[(10, 0.6), (20, 0.7), (40, 0.8)]))
        .collect();
    let found = label_saving(&full, &strategy, &SavingOptions::default()).unwrap();
    assert!((found.target - 0.8).abs() < 1e-12 && found.gap.is_none());
    let Saving::Reached(share) = found.saving else {
        panic!("{}", found.saving)
    };
    assert!((share - 0.96).abs() < 1e-9, "{share}");
}

#[test]
fn what_does_not_pair_is_named() {
    let curve = |seed| seed_curve(seed, &[(10, 0.6), (20, 0.7)]);
    let check = |reference: &[SeedCurve], strategy: &[SeedCurve], expected: SavingError| {
        let found = label_saving(reference, strategy, &without_interval());
        assert_eq!(found, Err(expected));
    };
    check(&[], &[], SavingError::NoSeeds);
    check(
        &[curve(1), curve(1)],
        &[curve(1)],
        SavingError::RepeatedSeed(1),
    );
    check(
        &[curve(1), curve(2)],
        &[curve(1)],
        SavingError::UnpairedSeed(2),
    );
    check(
        &[curve(1)],
        &[curve(3), curve(1)],
        SavingError::UnpairedSeed(3),
    );
    let options = SavingOptions {
        fraction: 1.5,
        ..SavingOptions::default()
    };
    let error = label_saving(&[curve(1)], &[curve(1)], &options).unwrap_err();
    assert_eq!(error.to_string(), "fraction is 1.5; it must lie in [0, 1]");
}

#[test]
fn undefined_areas_name_seed_and_step() {
    let check = |labels: &[usize], rows: [f64; 4], reason: &str| {
        let test = TestSet {
            classes: 2,
            positive: Some(1),
            labels,
            groups: &[0, 1],
        };
        let error = SeedCurve::judged(4, test, [(25, &rows[..])]).unwrap_err();
        let expected = format!("the AUC of seed 4 at 25 labels is undefined: {reason}");
        assert_eq!(error.to_string(), expected);
    };
    check(&[1, 1], [0.5; 4], "the test set has one class only");
    check(&[0, 1], [0.5, f64::NAN, 0.5, 0.5], "a probability is NaN");
}

proptest! {
    #[test]
    fn isotonic_regression_is_the_least_squares_one(
        values in prop::collection::vec(0.0..1.0_f64, 1..30)
    ) {
        let fitted = isotonic_regression(&values);
        prop_assert!(fitted.is_sorted());
        prop_assert_eq!(&isotonic_regression(&fitted), &fitted);
        // The min-max formula (Robertson, Wright & Dykstra 1988, Theorem 1.4.4).
        let mean = |from: usize, to: usize| {
            values[from..=to].iter().sum::<f64>() / (to - from + 1) as f64
        };
        for (i, value) in fitted.iter().enumerate() {
            let least = |from| (i..values.len()).map(|to| mean(from, to)).fold(1.0, f64::min);
            let expected = (0..=i).map(least).fold(0.0, f64::max);
            prop_assert!((value - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_strategy_saves_nothing_against_itself(
        values in prop::collection::vec(0.0..1.0_f64, 1..20)
    ) {
        let points: Vec<(usize, f64)> = (1..).map(|step| step * BATCH).zip(values).collect();
        let curves = [seed_curve(0, &points)];
        let found = label_saving(&curves, &curves, &without_interval()).unwrap();
        prop_assert_eq!(found.saving, Saving::Reached(0.0));
        prop_assert!(found.gap.is_none_or(|gap| gap.log_ratio == 0.0 && gap.reached == 1.0));
    }

    #[test]
    fn the_scale_of_the_metric_is_no_matter(
        rows in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 2..20)
    ) {
        let measure = |scale: f64| {
            let labels = (1..).map(|step| step * BATCH);
            let of = |pick: fn(&(f64, f64)) -> f64| -> Vec<(usize, f64)> {
                labels.clone().zip(rows.iter().map(|row| scale * pick(row) - 0.25)).collect()
            };
            let (a, b) = (seed_curve(0, &of(|r| r.0)), seed_curve(0, &of(|r| r.1)));
            label_saving(&[a], &[b], &without_interval()).unwrap()
        };
        let (once, twice) = (measure(1.0), measure(2.0));
        prop_assert!((once.saving.at_most() - twice.saving.at_most()).abs() < 1e-6);
    }
}
