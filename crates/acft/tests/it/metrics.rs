//! The metrics against scikit-learn's, and the laws they keep.

use acft::curve::{CurveError, LearningCurve, Point};
use acft::metrics::{
    average_precision_binary, cohen_kappa, expected_calibration_error, roc_auc, roc_auc_binary,
    sensitivity_at_specificity,
};
use proptest::prelude::*;
use serde_json::Value;

/// Written by scripts/reference/sklearn_metrics.py.
const FIXTURE: &str = include_str!("../fixtures/metrics.json");

/// scikit-learn and we add in different orders.
const TOLERANCE: f64 = 1e-12;

fn whole_numbers(value: &Value) -> Vec<usize> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect()
}

#[track_caller]
fn assert_same(name: &str, ours: Option<f64>, theirs: &Value, tolerance: f64) {
    match (ours, theirs.as_f64()) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= tolerance, "{name}: ours {a}, theirs {b}"),
        (a, b) => assert_eq!(a, b, "{name}"),
    }
}

#[test]
fn metrics_equal_scikit_learns() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let specificities: Vec<f64> = serde_json::from_value(fixture["specificities"].clone()).unwrap();
    let bins = fixture["bins"].as_u64().unwrap() as usize;
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let positive = case["positive"].as_u64().map(|class| class as usize);
        let labels = whole_numbers(&case["labels"]);
        let denominator = case["denominator"].as_f64().unwrap();
        let numerators = whole_numbers(&case["numerators"]);
        let rows: Vec<f64> = numerators.iter().map(|&n| n as f64 / denominator).collect();

        let roc = roc_auc(&rows, classes, &labels, positive);
        assert_same(name, roc.value, &case["roc_auc"], TOLERANCE);
        assert_eq!(roc.absent, whole_numbers(&case["roc_absent"]), "{name}");

        // The mean over the classes that have one, as scikit-learn's.
        let judged = positive.map_or(0..classes, |class| class..class + 1);
        let (mut areas, mut absent) = (Vec::new(), Vec::new());
        for class in judged {
            let scores: Vec<f64> = rows.chunks(classes).map(|row| row[class]).collect();
            let truth: Vec<bool> = labels.iter().map(|&label| label == class).collect();
            match average_precision_binary(&scores, &truth) {
                Some(area) => areas.push(area),
                None => absent.push(class),
            }
        }
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        let precision = (!areas.is_empty()).then_some(mean);
        assert_same(name, precision, &case["average_precision"], TOLERANCE);
        assert_eq!(absent, whole_numbers(&case["precision_absent"]), "{name}");

        let class = case["column"].as_u64().unwrap() as usize;
        let scores: Vec<f64> = rows.chunks(classes).map(|row| row[class]).collect();
        let truth: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        for (at, &asked) in specificities.iter().enumerate() {
            let point = sensitivity_at_specificity(&scores, &truth, asked);
            let ours = point.map(|point| point.sensitivity);
            assert_same(name, ours, &case["sensitivities"][at], TOLERANCE);
        }

        let error = expected_calibration_error(&rows, classes, &labels, bins);
        assert_same(name, Some(error), &case["calibration_error"], TOLERANCE);

        let predicted: Vec<usize> = rows.chunks(classes).map(first_of_the_largest).collect();
        assert_same(
            name,
            cohen_kappa(&predicted, &labels, classes),
            &case["kappa"],
            TOLERANCE,
        );
    }
    for pair in fixture["kappas"].as_array().unwrap() {
        let (a, b) = (whole_numbers(&pair["a"]), whole_numbers(&pair["b"]));
        assert_same("kappa", cohen_kappa(&a, &b, 5), &pair["kappa"], TOLERANCE);
    }
}

fn first_of_the_largest(row: &[f64]) -> usize {
    (0..row.len())
        .rev()
        .max_by(|&a, &b| row[a].total_cmp(&row[b]))
        .unwrap()
}

#[test]
fn an_operating_point_does_what_it_says() {
    let scores = [0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
    let truth = [true, true, false, true, false, false, true, false];
    let point = sensitivity_at_specificity(&scores, &truth, 0.75).unwrap();
    assert_eq!(
        (point.threshold, point.sensitivity, point.specificity),
        (0.7, 0.75, 0.75)
    );
    // Full specificity leaves the one positive above the first negative.
    let point = sensitivity_at_specificity(&scores, &truth, 1.0).unwrap();
    assert_eq!(
        (point.threshold, point.sensitivity, point.specificity),
        (0.9, 0.25, 1.0)
    );
    let nothing = sensitivity_at_specificity(&[0.1, 0.2], &[true, false], 1.0).unwrap();
    assert_eq!(
        (nothing.threshold, nothing.sensitivity),
        (f64::INFINITY, 0.0)
    );
}

#[test]
fn nan_scores_have_no_area() {
    let rows = [0.5, 0.5, f64::NAN, 0.5];
    assert_eq!(roc_auc(&rows, 2, &[0, 1], None).value, None);
    assert_eq!(roc_auc_binary(&rows, &[true, false, true, false]), None);
    assert_eq!(
        average_precision_binary(&rows, &[true, false, true, false]),
        None
    );
    assert!(sensitivity_at_specificity(&rows, &[true, false, true, false], 0.5).is_none());
}

#[test]
fn a_curve_refuses_what_is_none() {
    let point = |labels, value| Point { labels, value };
    assert_eq!(LearningCurve::new(vec![]), Err(CurveError::Empty));
    let check = |points: &[Point], expected: &str| {
        assert_eq!(
            LearningCurve::new(points.to_vec()).unwrap_err().to_string(),
            expected
        );
    };
    check(
        &[point(0, 0.5), point(25, 0.6)],
        "point 0 is at 0 labels; a learning curve starts at the first labeled batch",
    );
    check(
        &[point(50, 0.5), point(50, 0.6)],
        "point 1 is at 50 labels, after one at 50; labels must increase",
    );
    check(
        &[point(50, f64::NAN)],
        "the value at 50 labels is NaN; a learning curve needs finite values",
    );
}

#[test]
fn areas_under_a_known_curve() {
    let curve = curve(&[(10, 0.5), (20, 0.7), (40, 0.8)]);
    // Trapezoids: (10 × 0.6 + 20 × 0.75) / 30, and (0.6 + 0.75) / 2 on the log axis.
    assert!((curve.alc() - 0.7).abs() < 1e-12);
    assert!((curve.alc_log2() - 0.35).abs() < 1e-12);
    assert!((curve.extended_to(70).alc() - (21.0 + 30.0 * 0.8) / 60.0).abs() < 1e-12);
    assert!((curve.at(25).unwrap() - 0.725).abs() < 1e-12);
    assert_eq!(
        (curve.at(9), curve.at(10), curve.at(41)),
        (None, Some(0.5), None)
    );
    let part = curve.between(15, 30).unwrap();
    assert_eq!(
        part.points().iter().map(|p| p.labels).collect::<Vec<_>>(),
        [15, 20, 30]
    );
    assert_eq!(curve.between(5, 30), None);
}

#[test]
fn the_mean_curve_extends_what_stopped_early() {
    let early = curve(&[(10, 0.4), (20, 0.6)]);
    let late = curve(&[(10, 0.6), (20, 0.8), (30, 1.0)]);
    let mean = LearningCurve::mean([&early, &late]).unwrap();
    let expected = curve(&[(10, 0.5), (20, 0.7), (30, 0.8)]);
    for (ours, expected) in mean.points().iter().zip(expected.points()) {
        assert_eq!(ours.labels, expected.labels);
        assert!((ours.value - expected.value).abs() < 1e-12);
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_curve_survives_a_file_and_a_broken_one_does_not() {
    let curve = curve(&[(10, 0.5), (20, 0.7)]);
    let text = serde_json::to_string(&curve).unwrap();
    assert_eq!(serde_json::from_str::<LearningCurve>(&text).unwrap(), curve);
    let broken = text.replace("20", "10");
    assert!(serde_json::from_str::<LearningCurve>(&broken).is_err());
}

fn curve(points: &[(usize, f64)]) -> LearningCurve {
    let point = |&(labels, value)| Point { labels, value };
    LearningCurve::new(points.iter().map(point).collect()).unwrap()
}

/// Scores on a coarse grid, so that ties are common, with labels of both kinds.
fn scored() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((0_u8..12, any::<bool>()), 2..60)
        .prop_filter("both kinds", |rows| {
            rows.iter().any(|r| r.1) && rows.iter().any(|r| !r.1)
        })
        .prop_map(|rows| {
            rows.into_iter()
                .map(|(s, yes)| (f64::from(s) / 11.0, yes))
                .unzip()
        })
}

fn curves() -> impl Strategy<Value = LearningCurve> {
    prop::collection::vec((1_usize..50, 0.0..1.0_f64), 1..20).prop_map(|steps| {
        let mut labels = 0;
        let points = steps.into_iter().map(|(more, value)| {
            labels += more;
            Point { labels, value }
        });
        LearningCurve::new(points.collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn auc_is_the_share_of_ordered_pairs((scores, truth) in scored()) {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(&truth).filter(|row| *row.1) {
            for (b, _) in scores.iter().zip(&truth).filter(|row| !*row.1) {
                pairs += 1.0;
                won += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
            }
        }
        prop_assert_eq!(roc_auc_binary(&scores, &truth), Some(won / pairs));
    }

    #[test]
    fn ranks_alone_matter((scores, truth) in scored()) {
        let bent: Vec<f64> = scores.iter().map(|s| (3.0 * s).exp() - 7.0).collect();
        prop_assert_eq!(roc_auc_binary(&bent, &truth), roc_auc_binary(&scores, &truth));
        prop_assert_eq!(
            average_precision_binary(&bent, &truth),
            average_precision_binary(&scores, &truth)
        );
    }

    #[test]
    fn swapping_labels_or_order_turns_auc_around((scores, truth) in scored()) {
        let auc = roc_auc_binary(&scores, &truth).unwrap();
        let swapped: Vec<bool> = truth.iter().map(|yes| !yes).collect();
        let reversed: Vec<f64> = scores.iter().map(|s| -s).collect();
        prop_assert!((roc_auc_binary(&scores, &swapped).unwrap() - (1.0 - auc)).abs() < 1e-12);
        prop_assert!((roc_auc_binary(&reversed, &truth).unwrap() - (1.0 - auc)).abs() < 1e-12);
    }

    #[test]
    fn two_classes_have_one_auc((scores, truth) in scored()) {
        let rows: Vec<f64> = scores.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let labels: Vec<usize> = truth.iter().map(|&yes| usize::from(yes)).collect();
        let binary = roc_auc_binary(&scores, &truth).unwrap();
        for positive in [None, Some(0), Some(1)] {
            let auc = roc_auc(&rows, 2, &labels, positive).value.unwrap();
            prop_assert!((auc - binary).abs() < 1e-12);
        }
    }

    #[test]
    fn sensitivity_falls_as_specificity_is_asked((scores, truth) in scored()) {
        let mut before = 1.0;
        for asked in [0.0, 0.3, 0.6, 0.9, 1.0] {
            let point = sensitivity_at_specificity(&scores, &truth, asked).unwrap();
            prop_assert!(point.specificity >= asked && point.sensitivity <= before);
            before = point.sensitivity;
        }
    }

    #[test]
    fn kappa_is_bounded_symmetric_and_one_only_for_equals(
        rows in prop::collection::vec((0_usize..3, 0_usize..3), 1..40)
    ) {
        let (a, b): (Vec<usize>, Vec<usize>) = rows.into_iter().unzip();
        if let Some(kappa) = cohen_kappa(&a, &b, 3) {
            prop_assert!((-1.0..=1.0).contains(&kappa));
            prop_assert_eq!(kappa == 1.0, a == b);
            prop_assert_eq!(cohen_kappa(&b, &a, 3), Some(kappa));
        } else {
            prop_assert!(a == b && a.iter().all(|class| *class == a[0]));
        }
    }

    #[test]
    fn a_constant_curve_is_its_own_area(shape in curves(), value in 0.0..1.0_f64) {
        let points = shape.points().iter().map(|p| Point { labels: p.labels, value });
        let constant = LearningCurve::new(points.collect()).unwrap();
        let longer = constant.extended_to(constant.last().labels + 100);
        for curve in [&constant, &longer] {
            prop_assert!((curve.alc() - value).abs() < 1e-12);
            prop_assert!((curve.alc_log2() - (2.0 * value - 1.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn areas_ignore_points_on_the_line(curve in curves()) {
        prop_assert_eq!(curve.extended_to(curve.last().labels), curve.clone());
        // Stopping at its end, or going on without change, is one and the same range.
        let (end, far) = (curve.last().labels, curve.last().labels + 60);
        let (once, twice) = (curve.extended_to(far), curve.extended_to(end + 30).extended_to(far));
        prop_assert!((once.alc() - twice.alc()).abs() < 1e-12);
        prop_assert!((once.alc_log2() - twice.alc_log2()).abs() < 1e-12);
        let (low, high) = curve.points().iter().fold((1.0_f64, 0.0_f64), |(low, high), p| {
            (low.min(p.value), high.max(p.value))
        });
        prop_assert!(low - 1e-12 <= curve.alc() && curve.alc() <= high + 1e-12);
    }
}
