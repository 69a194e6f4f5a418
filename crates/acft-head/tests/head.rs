//! What a head does with few, odd and wrong labels.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use acft_head::{Ended, Examples, FeatureError, FitError, Head, HeadSettings, MapHash, Target};

use common::{PATCHES, examples, pool};

fn exact() -> HeadSettings {
    HeadSettings {
        steps: 2000,
        gradient: 1e-10,
        ..HeadSettings::default()
    }
}

fn fit(examples: &Examples) -> Head {
    let fit = Head::fit(&exact(), examples, None).unwrap();
    assert_eq!(fit.ended, Ended::Converged);
    fit.head
}

fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < tolerance, "{a} {b}");
    }
}

#[test]
fn the_order_of_labels_does_not_matter() {
    let pool = pool(60, 3);
    let forth = fit(&examples(&pool, 0..30, [3, 3])).predict(&pool).unwrap();
    let back = fit(&examples(&pool, (0..30).rev(), [3, 3]))
        .predict(&pool)
        .unwrap();
    close(&forth, &back, 1e-7);
}

#[test]
fn the_order_of_classes_only_orders_the_outputs() {
    let pool = pool(60, 3);
    let turned = {
        let mut turned = Examples::new(pool.map(), pool.width(), 3).unwrap();
        for i in 0..30 {
            let target = Target::Class((i + 1) % 3);
            turned.push(pool.candidate(i), target, 1.0).unwrap();
        }
        fit(&turned).predict(&pool).unwrap()
    };
    let plain = fit(&examples(&pool, 0..30, [3, 3])).predict(&pool).unwrap();
    for (a, b) in plain.chunks(3).zip(turned.chunks(3)) {
        close(a, &[b[1], b[2], b[0]], 1e-7);
    }
}

#[test]
fn a_label_in_two_halves_is_one_label() {
    let pool = pool(60, 3);
    let mut halves = Examples::new(pool.map(), pool.width(), 3).unwrap();
    for i in 0..20 {
        for _ in 0..2 {
            let target = Target::Class(i % 3);
            halves.push(pool.candidate(i), target, 0.5).unwrap();
        }
    }
    let whole = fit(&examples(&pool, 0..20, [3, 3])).predict(&pool).unwrap();
    close(&fit(&halves).predict(&pool).unwrap(), &whole, 1e-7);
    // So is one with two of its patches repeated: a candidate counts once.
    let mut repeated = Examples::new(pool.map(), pool.width(), 3).unwrap();
    for i in 0..20 {
        let rows = [pool.candidate(i), pool.candidate(i)].concat();
        repeated.push(&rows, Target::Class(i % 3), 1.0).unwrap();
    }
    close(&fit(&repeated).predict(&pool).unwrap(), &whole, 1e-7);
}

#[test]
fn a_hard_label_is_a_soft_one_of_one_class() {
    let pool = pool(60, 3);
    let mut soft = Examples::new(pool.map(), pool.width(), 3).unwrap();
    for i in 0..20 {
        let mut row = [0.0; 3];
        row[i % 3] = 1.0;
        soft.push(pool.candidate(i), Target::Soft(&row), 1.0)
            .unwrap();
    }
    assert_eq!(fit(&soft), fit(&examples(&pool, 0..20, [3, 3])));
}

#[test]
fn a_class_without_a_label_stays_possible_and_is_never_certain() {
    let pool = pool(60, 2);
    let head = fit(&examples(&pool, 0..20, [2, 4]));
    let plain = fit(&examples(&pool, 0..20, [2, 2])).predict(&pool).unwrap();
    assert!(head.has_label(1) && !head.has_label(2) && head.weights(3).is_none());
    let rows = head.predict(&pool).unwrap();
    let share = 1.0 / 24.0;
    for (row, plain) in rows.chunks(4).zip(plain.chunks(2)) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        close(&row[2..], &[share, share], 1e-12);
        close(
            &row[..2],
            &[
                plain[0] * (1.0 - 2.0 * share),
                plain[1] * (1.0 - 2.0 * share),
            ],
            1e-7,
        );
    }
}

#[test]
fn warm_and_cold_end_at_the_same_place() {
    let pool = pool(90, 3);
    let first = fit(&examples(&pool, 0..20, [3, 3]));
    let more = examples(&pool, 0..60, [3, 3]);
    let cold = Head::fit(&exact(), &more, None).unwrap();
    let warm = Head::fit(&exact(), &more, Some(&first)).unwrap();
    close(
        &cold.head.predict(&pool).unwrap(),
        &warm.head.predict(&pool).unwrap(),
        1e-7,
    );
    // From its own end there is no step to take, and not a bit changes.
    let again = Head::fit(&exact(), &more, Some(&warm.head)).unwrap();
    assert_eq!((again.steps, again.ended), (0, Ended::Converged));
    assert_eq!(again.head, warm.head);
}

#[test]
fn a_class_that_gets_its_first_label_starts_warm() {
    let pool = pool(60, 3);
    let mut two = Examples::new(pool.map(), pool.width(), 3).unwrap();
    for i in (0..20).filter(|i| i % 3 < 2) {
        two.push(pool.candidate(i), Target::Class(i % 3), 1.0)
            .unwrap();
    }
    let before = fit(&two);
    let three = examples(&pool, 0..20, [3, 3]);
    let warm = Head::fit(&exact(), &three, Some(&before)).unwrap().head;
    close(
        &warm.predict(&pool).unwrap(),
        &fit(&three).predict(&pool).unwrap(),
        1e-7,
    );
}

#[test]
fn classes_can_be_added_merged_and_turned() {
    let pool = pool(60, 3);
    let head = fit(&examples(&pool, 0..30, [3, 3]));
    let other = head.with_classes(&[Some(2), None, Some(0)]).unwrap();
    assert_eq!(other.weights(0), head.weights(2));
    assert_eq!(other.weights(1), None);
    assert_eq!(other.bias(2), head.bias(0));
    assert!(matches!(
        head.with_classes(&[Some(0)]),
        Err(FitError::Classes { classes: 1 })
    ));
    assert!(matches!(
        head.with_classes(&[Some(0), Some(3)]),
        Err(FitError::Class { class: 3, .. })
    ));
    let four = examples(&pool, 0..30, [3, 4]);
    let error = Head::fit(&exact(), &four, Some(&head)).unwrap_err();
    assert!(matches!(
        error,
        FitError::Warm {
            found: 3,
            wanted: 4,
            ..
        }
    ));
    let grown = head
        .with_classes(&[Some(0), Some(1), Some(2), None])
        .unwrap();
    assert!(Head::fit(&exact(), &four, Some(&grown)).is_ok());
}

#[test]
fn what_cannot_be_fitted_says_why() {
    let pool = pool(20, 2);
    let new = || Examples::new(pool.map(), pool.width(), 2).unwrap();
    assert_eq!(
        Head::fit(&exact(), &new(), None).unwrap_err(),
        FitError::NoLabel
    );
    let mut one = new();
    for i in 0..3 {
        one.push(pool.candidate(i), Target::Class(1), 1.0).unwrap();
    }
    let error = Head::fit(&exact(), &one, None).unwrap_err();
    assert_eq!(
        error,
        FitError::OneClass {
            class: 1,
            labels: 3
        }
    );

    let rows = pool.candidate(0);
    let push = |rows: &[f32], target, weight| new().push(rows, target, weight).unwrap_err();
    let error = push(rows, Target::Class(2), 1.0);
    assert_eq!(
        error,
        FitError::Class {
            label: 0,
            class: 2,
            classes: 2
        }
    );
    for target in [&[0.5, 0.4][..], &[1.0], &[1.5, -0.5], &[f64::NAN, 1.0]] {
        let error = push(rows, Target::Soft(target), 1.0);
        assert_eq!(
            error,
            FitError::Target {
                label: 0,
                classes: 2
            }
        );
    }
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = push(rows, Target::Class(0), weight);
        assert!(matches!(error, FitError::Weight { label: 0, .. }));
    }
    let mut broken = rows.to_vec();
    broken[pool.width() + 2] = f32::NAN;
    let error = push(&broken, Target::Class(0), 1.0);
    assert!(
        error
            .to_string()
            .starts_with("feature 2 of patch 1 of candidate 0"),
        "{error}"
    );
    assert!(matches!(
        push(&rows[1..], Target::Class(0), 1.0),
        FitError::Features(FeatureError::Shape { .. })
    ));
    assert!(matches!(
        push(&[], Target::Class(0), 1.0),
        FitError::Features(_)
    ));
    assert!(Examples::new(pool.map(), pool.width(), 1).is_err());
    let settings = HeadSettings {
        penalty: 0.0,
        ..exact()
    };
    let two = examples(&pool, 0..4, [2, 2]);
    let error = Head::fit(&settings, &two, None).unwrap_err().to_string();
    assert!(error.starts_with("penalty is 0"), "{error}");
}

#[test]
fn a_refused_label_leaves_the_others_as_they_are() {
    let pool = pool(20, 2);
    let mut some = examples(&pool, 0..6, [2, 2]);
    let before = fit(&some);
    assert!(some.push(pool.candidate(0), Target::Class(7), 1.0).is_err());
    assert!(some.push(&[f32::NAN; 12], Target::Class(0), 1.0).is_err());
    assert_eq!(some.len(), 6);
    assert_eq!(fit(&some), before);
}

#[test]
fn features_of_another_map_are_refused() {
    let (pool, other) = (pool(20, 2), common::pool(24, 2));
    assert_ne!(pool.map(), other.map());
    let head = fit(&examples(&pool, 0..6, [2, 2]));
    assert!(matches!(
        head.predict(&other),
        Err(FeatureError::Map { .. })
    ));
    let labels = examples(&other, 0..6, [2, 2]);
    let error = Head::fit(&exact(), &labels, Some(&head)).unwrap_err();
    assert!(matches!(
        error,
        FitError::Features(FeatureError::Map { .. })
    ));
}

#[test]
fn a_candidate_is_the_mean_of_its_patches() {
    let pool = pool(20, 2);
    let head = fit(&examples(&pool, 0..6, [2, 2]));
    let rows = head.predict(&pool).unwrap();
    let means = head.candidate_means(&rows, PATCHES);
    assert_eq!(means.len(), 20 * 2);
    let third: f64 = (0..PATCHES).map(|p| rows[(3 * PATCHES + p) * 2]).sum();
    assert!((means[3 * 2] - third / PATCHES as f64).abs() < 1e-15);
}

#[test]
fn bytes_are_read_back_or_refused() {
    let pool = pool(30, 2);
    let head = fit(&examples(&pool, 0..10, [2, 3]));
    let bytes = head.to_bytes();
    assert_eq!(Head::from_bytes(&bytes).unwrap(), head);
    for cut in 0..bytes.len() {
        assert!(Head::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(Head::from_bytes(&changed).is_err(), "{at}");
    }
    assert!(Head::from_bytes(b"something else").is_err());
    assert_ne!(head.map(), MapHash([0; 32]));
}
