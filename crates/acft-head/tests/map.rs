//! What a map does with inputs that are out of the ordinary.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use acft_head::{
    BytesError, Disagreement, FeatureError, FeatureMap, MapError, MapSettings, Patches, Pool,
};

use common::{PATCHES, WIDTH, noise, raw, settings};

fn fit(values: &[f32], settings: &MapSettings) -> Result<FeatureMap, MapError> {
    FeatureMap::fit(settings, &mut Patches::new(values, PATCHES, WIDTH, 0)?)
}

#[test]
fn a_number_that_is_not_finite_is_named() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = raw(10, 2);
        values[(4 * PATCHES + 2) * WIDTH + 7] = value;
        let error = fit(&values, &settings()).unwrap_err().to_string();
        let place = "feature 7 of patch 2 of candidate 4 is ";
        assert!(error.starts_with(place), "{error}");
        // Of a pool that comes in pieces, the number in the pool counts.
        let error = Patches::new(&values, PATCHES, WIDTH, 1000).unwrap_err();
        assert!(error.to_string().contains("candidate 1004"), "{error}");
    }
}

#[test]
fn constant_features_are_safe_and_say_nothing() {
    let mut values = raw(30, 2);
    for (i, value) in values.iter_mut().enumerate() {
        match i % WIDTH {
            0 => *value = 0.0,
            1 => *value = 3e30,
            2 => *value = 0.1,
            _ => {}
        }
    }
    let map = fit(&values, &settings()).unwrap();
    let patches = Patches::new(&values, PATCHES, WIDTH, 0).unwrap();
    let projected = map.apply(&patches).unwrap();
    assert!(projected.iter().all(|v| v.is_finite() && v.abs() < 100.0));
    // One that is constant in the pool is clipped in a candidate that comes later.
    let mut later = values[..PATCHES * WIDTH].to_vec();
    later[0] = 1e30;
    let later = map
        .apply(&Patches::new(&later, PATCHES, WIDTH, 0).unwrap())
        .unwrap();
    assert!(later.iter().all(|v| v.is_finite() && v.abs() < 100.0));
}

#[test]
fn a_pool_without_any_difference_is_refused() {
    let error = fit(&vec![1.5; 10 * PATCHES * WIDTH], &settings()).unwrap_err();
    assert_eq!(error, MapError::Constant { patches: 30 });
    let one = Patches::new(&[1.0, 2.0], 1, 2, 0).unwrap();
    let error = FeatureMap::fit(&settings(), &mut { one }).unwrap_err();
    assert_eq!(error, MapError::TooFew { patches: 1 });
}

#[test]
fn there_are_no_more_axes_than_there_is_variance() {
    // Six patches span five directions at most.
    let map = fit(&raw(2, 2), &settings()).unwrap();
    assert_eq!(map.outputs(), 5);
    let wide = MapSettings {
        axes: 1000,
        ..settings()
    };
    assert_eq!(fit(&raw(100, 2), &wide).unwrap().outputs(), WIDTH);
}

/// Columns in which patches of one candidate differ; in the others they hardly do.
const DIFFERING: usize = 5;

fn differing(candidates: usize) -> Vec<f32> {
    let value = |i: usize| {
        let (candidate, column) = (i / (PATCHES * WIDTH), i % WIDTH);
        let spread = if column < DIFFERING { 2.0 } else { 0.1 };
        noise(candidate * WIDTH + column) + spread * noise(1_000_000 + i)
    };
    (0..candidates * PATCHES * WIDTH).map(value).collect()
}

#[test]
fn agreement_shrinks_only_where_patches_differ() {
    let values = differing(400);
    let patches = Patches::new(&values, PATCHES, WIDTH, 0).unwrap();
    let mut disagreement = Disagreement::new(WIDTH);
    disagreement.add(&patches).unwrap();
    let agreement = disagreement.agreement(10.0).unwrap();
    let (shrunk, kept) = agreement.factors().split_at(DIFFERING);
    assert!(shrunk.iter().all(|factor| *factor < 0.3), "{shrunk:?}");
    assert!(kept.iter().all(|factor| *factor > 0.9), "{kept:?}");
}

#[test]
fn agreement_leaves_less_of_what_patches_differ_by() {
    let scatter = |gamma: f64| {
        let values = differing(400);
        let settings = MapSettings {
            axes: WIDTH,
            gamma,
            ..settings()
        };
        let map = fit(&values, &settings).unwrap();
        let patches = Patches::new(&values, PATCHES, WIDTH, 0).unwrap();
        let mut pool = Pool::new(&map, PATCHES);
        pool.extend(&map, &patches).unwrap();
        let (mut within, mut total) = (0.0, 0.0);
        for i in 0..pool.len() {
            let mean = pool.mean(i);
            for row in pool.candidate(i).chunks(pool.width()) {
                for (value, mean) in row.iter().zip(mean) {
                    within += f64::from(value - mean).powi(2);
                    total += f64::from(*value).powi(2);
                }
            }
        }
        within / total
    };
    assert!(scatter(10.0) < 0.5 * scatter(0.0));
}

#[test]
fn one_patch_a_candidate_has_nothing_to_agree_with() {
    let values = raw(80, 2);
    let map = |gamma| {
        let mut patches = Patches::new(&values, 1, WIDTH, 0).unwrap();
        FeatureMap::fit(
            &MapSettings {
                gamma,
                ..settings()
            },
            &mut patches,
        )
        .unwrap()
    };
    let patches = Patches::new(&values, 1, WIDTH, 0).unwrap();
    let (plain, agreed) = (
        map(0.0).apply(&patches).unwrap(),
        map(10.0).apply(&patches).unwrap(),
    );
    for (a, b) in plain.iter().zip(&agreed) {
        assert!((a - b).abs() < 1e-5);
    }
}

#[test]
fn bytes_are_read_back_or_refused() {
    let map = fit(&raw(30, 2), &settings()).unwrap();
    let bytes = map.to_bytes();
    assert_eq!(FeatureMap::from_bytes(&bytes).unwrap(), map);
    for cut in [0, 5, 12, 40, bytes.len() / 2, bytes.len() - 1] {
        assert!(FeatureMap::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(FeatureMap::from_bytes(&longer).is_err());
    for at in [12, 20, 100, bytes.len() - 40, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let error = FeatureMap::from_bytes(&changed).unwrap_err();
        assert!(
            matches!(error, MapError::Bytes(BytesError::Checksum { .. })),
            "{at}"
        );
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    let error = FeatureMap::from_bytes(&newer).unwrap_err().to_string();
    assert!(error.contains("format 2"), "{error}");
    // A size that claims more than there is, with a checksum that fits.
    let mut claims = bytes[..bytes.len() - 32].to_vec();
    claims[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
    let sum = blake3::hash(&claims);
    claims.extend(sum.as_bytes());
    let error = FeatureMap::from_bytes(&claims).unwrap_err();
    assert!(
        matches!(error, MapError::Bytes(BytesError::Length { .. })),
        "{error}"
    );
}

#[test]
fn features_of_another_network_or_map_are_refused() {
    let values = raw(30, 2);
    let map = fit(&values, &settings()).unwrap();
    let narrow = Patches::new(&values, PATCHES, WIDTH / 2, 0).unwrap();
    let error = map.apply(&narrow).unwrap_err();
    assert_eq!(
        error,
        FeatureError::Width {
            found: WIDTH / 2,
            wanted: WIDTH
        }
    );
    let other = fit(&values[..20 * PATCHES * WIDTH], &settings()).unwrap();
    let mut pool = Pool::new(&map, PATCHES);
    let patches = Patches::new(&values, PATCHES, WIDTH, 0).unwrap();
    let error = pool.extend(&other, &patches).unwrap_err();
    assert!(matches!(error, FeatureError::Map { .. }));
    for values in [&values[..WIDTH], &values[..PATCHES * WIDTH + 1]] {
        assert!(matches!(
            Patches::new(values, PATCHES, WIDTH, 0),
            Err(FeatureError::Shape { .. })
        ));
    }
    assert!(Patches::new(&[], 0, 5, 0).is_err() && Patches::new(&[], 5, 0, 0).is_err());
}

#[test]
fn settings_out_of_range_are_named() {
    for (settings, name) in [
        (
            MapSettings {
                axes: 0,
                ..settings()
            },
            "axes",
        ),
        (
            MapSettings {
                epsilon: -0.1,
                ..settings()
            },
            "epsilon",
        ),
        (
            MapSettings {
                gamma: f64::NAN,
                ..settings()
            },
            "gamma",
        ),
    ] {
        let error = fit(&raw(10, 2), &settings).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}
