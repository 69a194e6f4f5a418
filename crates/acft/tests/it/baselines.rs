//! The baselines against other implementations, and the laws they keep.

use std::collections::BTreeSet;

use acft::Predictions;
use acft::baselines::{
    ClusterMargin, Features, TypiClust, Uncertainty, average_linkage, badge, cluster_margin,
    core_set, gradient_distance, k_means, most_uncertain, typicality, typiclust,
};
use acft::random::{Purpose, stream};
use proptest::prelude::*;
use serde_json::Value;

/// Written by scripts/reference/active_baselines.py.
const FIXTURE: &str = include_str!("../fixtures/baselines.json");

fn cases(name: &str) -> Vec<Value> {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let cases = fixture[name].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Values that are exact in f32.
fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

fn places(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

fn width(case: &Value) -> usize {
    case["width"].as_u64().unwrap() as usize
}

#[track_caller]
fn assert_near(what: &str, ours: f64, theirs: f64, tolerance: f64) {
    let off = (ours - theirs).abs();
    assert!(
        off <= tolerance * theirs.abs().max(1.0),
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[test]
fn uncertainties_equal_those_of_scikit_activeml_and_baal() {
    for case in cases("uncertainty") {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let members = case["probabilities"].as_array().unwrap();
        for name in Uncertainty::names() {
            let measure: Uncertainty = name.parse().unwrap();
            let theirs = numbers(&case[name]);
            for (rows, theirs) in members.iter().zip(theirs) {
                let rows = numbers(rows);
                let ours = measure.of(&Predictions::new(&rows, classes).unwrap());
                // Baal adds a constant inside its logarithms.
                let tolerance = if measure == Uncertainty::Bald {
                    1e-4
                } else {
                    1e-12
                };
                assert_near(name, ours, theirs, tolerance);
            }
        }
    }
}

#[test]
fn core_sets_are_those_of_scikit_activeml() {
    for case in cases("core_set") {
        let (pool, labeled) = (floats(&case["pool"]), floats(&case["labeled"]));
        let pool = Features::new(&pool, width(&case)).unwrap();
        let labeled = Features::new(&labeled, width(&case)).unwrap();
        let picked = places(&case["picked"]);
        let ties: Vec<u64> = (0..pool.len() as u64).collect();
        assert_eq!(core_set(pool, labeled, &ties, picked.len()), picked);
    }
}

#[test]
fn typicality_is_that_of_scikit_activeml() {
    for case in cases("typicality") {
        let features = floats(&case["features"]);
        let features = Features::new(&features, width(&case)).unwrap();
        let members: Vec<usize> = (0..features.len()).collect();
        let neighbours = case["neighbours"].as_u64().unwrap() as usize;
        let ours = typicality(features, &members, neighbours);
        for (ours, theirs) in ours.into_iter().zip(numbers(&case["typicality"])) {
            assert_near("typicality", ours, theirs, 1e-5);
        }
    }
}

#[test]
fn gradients_are_as_far_apart_as_when_they_are_written_out() {
    for case in cases("gradient") {
        let features = floats(&case["features"]);
        let features = Features::new(&features, width(&case)).unwrap();
        let (means, n) = (numbers(&case["means"]), features.len());
        let mean = |i: usize| &means[i * (means.len() / n)..][..means.len() / n];
        for (at, theirs) in numbers(&case["distances"]).into_iter().enumerate() {
            let (i, j) = (at / n, at % n);
            let ours = gradient_distance([features.row(i), features.row(j)], [mean(i), mean(j)]);
            assert_near("distance", ours, theirs, 1e-5);
        }
        let ties = vec![0; n];
        let mut rng = stream(0, 1, Purpose::Draw);
        let first = badge(features, &means, &ties, 1, &mut rng);
        assert_eq!(first, [case["longest"].as_u64().unwrap() as usize]);
    }
}

/// The second member of a batch of BADGE, drawn many times.
#[test]
fn badge_draws_in_proportion_to_squared_distances() {
    let case = &cases("gradient")[0];
    let features = floats(&case["features"]);
    let features = Features::new(&features, width(case)).unwrap();
    let (means, n) = (numbers(&case["means"]), features.len());
    let first = case["longest"].as_u64().unwrap() as usize;
    let distances = &numbers(&case["distances"])[first * n..][..n];
    let total: f64 = distances.iter().sum();
    let ties = vec![0; n];
    let draws = 20_000;
    let mut counts = vec![0_u32; n];
    let mut rng = stream(3, 1, Purpose::Draw);
    for _ in 0..draws {
        counts[badge(features, &means, &ties, 2, &mut rng)[1]] += 1;
    }
    for (count, distance) in counts.into_iter().zip(distances) {
        let (share, expected) = (f64::from(count) / f64::from(draws), distance / total);
        // Four standard errors.
        let room = 4.0 * (expected * (1.0 - expected) / f64::from(draws)).sqrt();
        assert!((share - expected).abs() <= room, "{share} for {expected}");
    }
}

#[test]
fn batches_of_typiclust_are_those_of_scikit_activeml() {
    let settings = TypiClust {
        neighbours: 5,
        ..TypiClust::default()
    };
    for case in cases("typiclust") {
        let (pool, labeled) = (floats(&case["pool"]), floats(&case["labeled"]));
        let pool = Features::new(&pool, width(&case)).unwrap();
        let labeled = Features::new(&labeled, width(&case)).unwrap();
        let picked = places(&case["picked"]);
        let ties: Vec<u64> = (0..pool.len() as u64).collect();
        // Whatever the clustering begins with.
        for seed in 0..5 {
            let mut rng = stream(seed, 1, Purpose::Draw);
            let ours = typiclust(pool, labeled, &ties, picked.len(), settings, &mut rng);
            assert_eq!(ours, picked, "seed {seed}");
        }
    }
}

/// Candidates that lie on top of each other: of each place one is drawn, by both.
#[test]
fn batches_of_badge_are_as_diverse_as_those_of_scikit_activeml() {
    for case in cases("badge") {
        let features = floats(&case["features"]);
        let features = Features::new(&features, width(&case)).unwrap();
        let (means, site) = (numbers(&case["means"]), places(&case["site"]));
        let ties: Vec<u64> = (0..site.len() as u64).collect();
        let places_of = |batch: &[usize]| -> BTreeSet<usize> {
            assert_eq!(batch.len(), site.iter().max().unwrap() + 1);
            batch.iter().map(|&at| site[at]).collect()
        };
        let theirs = places(&case["picked"]);
        for seed in 0..5 {
            let mut rng = stream(seed, 1, Purpose::Draw);
            let ours = badge(features, &means, &ties, theirs.len(), &mut rng);
            assert_eq!(places_of(&ours), places_of(&theirs), "seed {seed}");
        }
    }
}

/// Which member of a cluster is drawn is chance; whose turn it is is not.
#[test]
fn batches_of_cluster_margin_take_clusters_in_turn_as_its_paper_says() {
    for case in cases("cluster_margin") {
        let features = floats(&case["features"]);
        let features = Features::new(&features, width(&case)).unwrap();
        let margins = numbers(&case["margins"]);
        let turns: Vec<Vec<usize>> = serde_json::from_value(case["turns"].clone()).unwrap();
        let ties: Vec<u64> = (0..margins.len() as u64).collect();
        let settings = ClusterMargin::default();
        let mut rng = stream(0, 1, Purpose::Draw);
        let ours = cluster_margin(features, &margins, &ties, turns.len(), settings, &mut rng);
        assert_eq!(ours.len(), turns.len());
        for (member, of) in ours.iter().zip(&turns) {
            assert!(of.contains(member), "{member} is none of {of:?}");
        }
    }
}

#[test]
fn clusterings_equal_scikit_learns() {
    for case in cases("clustering") {
        let features = floats(&case["features"]);
        let features = Features::new(&features, width(&case)).unwrap();
        let clusters = case["clusters"].as_u64().unwrap() as usize;
        let ours = average_linkage(features, clusters);
        let theirs = places(&case["average_linkage"]);
        // The same partition, whatever the numbers.
        for i in 0..ours.len() {
            for j in 0..i {
                assert_eq!(ours[i] == ours[j], theirs[i] == theirs[j], "{i} and {j}");
            }
        }
        // k-means from one start is near the best of twenty.
        let best = (0..10)
            .map(|seed| {
                let mut rng = stream(seed, 1, Purpose::Draw);
                inertia(features, &k_means(features, clusters, &mut rng))
            })
            .fold(f64::INFINITY, f64::min);
        let theirs = case["inertia"].as_f64().unwrap();
        assert!(
            best < 1.1 * theirs && best > 0.999 * theirs,
            "{best} for {theirs}"
        );
    }
}

/// The summed squared distance from the cluster means.
fn inertia(features: Features<'_>, found: &[usize]) -> f64 {
    let clusters = found.iter().max().unwrap() + 1;
    (0..clusters)
        .map(|cluster| {
            let of: Vec<usize> = (0..found.len()).filter(|&i| found[i] == cluster).collect();
            let value = |i: usize, k: usize| f64::from(features.row(i)[k]);
            (0..features.width())
                .map(|k| {
                    let mean =
                        of.iter().map(|&i| value(i, k)).sum::<f64>() / of.len().max(1) as f64;
                    of.iter()
                        .map(|&i| (value(i, k) - mean).powi(2))
                        .sum::<f64>()
                })
                .sum::<f64>()
        })
        .sum()
}

#[test]
fn a_feature_that_is_no_number_is_named() {
    let error = Features::new(&[0.0, 1.0, 2.0, f32::NAN], 2).unwrap_err();
    assert!(error.to_string().contains("feature 1 of member 1 is NaN"));
    assert!(Features::new(&[0.0; 3], 2).is_err());
    assert!(Features::new(&[0.0; 3], 0).is_err());
    let names: Vec<_> = Uncertainty::names().collect();
    let error = "bold".parse::<Uncertainty>().unwrap_err();
    assert!(names.iter().all(|name| error.contains(name)), "{error}");
}

/// Every batch selection on the same pool.
fn all_batches(
    pool: Features<'_>,
    labeled: Features<'_>,
    ties: &[u64],
    batch: usize,
) -> Vec<(&'static str, Vec<usize>)> {
    let n = pool.len();
    let means: Vec<f64> = (0..n)
        .flat_map(|i| {
            let p = 0.5 + 0.5 * f64::from(pool.row(i)[0]).tanh() * 0.9;
            [p, 1.0 - p]
        })
        .collect();
    let margins: Vec<f64> = means.chunks(2).map(|p| 1.0 - (p[0] - p[1]).abs()).collect();
    let rng = || stream(7, 2, Purpose::Draw);
    vec![
        ("top", most_uncertain(&margins, ties, batch)),
        ("core-set", core_set(pool, labeled, ties, batch)),
        ("badge", badge(pool, &means, ties, batch, &mut rng())),
        (
            "typiclust",
            typiclust(pool, labeled, ties, batch, TypiClust::default(), &mut rng()),
        ),
        (
            "cluster-margin",
            cluster_margin(
                pool,
                &margins,
                ties,
                batch,
                ClusterMargin::default(),
                &mut rng(),
            ),
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn batches_are_distinct_members_and_as_many_as_there_are(
        n in 0usize..40, labeled in 0usize..6, width in 1usize..5, batch in 0usize..50,
        seed in any::<u64>(), alike in any::<bool>(),
    ) {
        let mut state = seed | 1;
        let mut values = |count: usize| -> Vec<f32> {
            (0..count).map(|_| {
                state ^= state << 13; state ^= state >> 7; state ^= state << 17;
                if alike { 0.5 } else { (state >> 40) as f32 / (1 << 24) as f32 }
            }).collect()
        };
        let (pool, known) = (values(n * width), values(labeled * width));
        let pool = Features::new(&pool, width).unwrap();
        let known = Features::new(&known, width).unwrap();
        let ties: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for (name, found) in all_batches(pool, known, &ties, batch) {
            prop_assert_eq!(found.len(), batch.min(n), "{}", name);
            let distinct: BTreeSet<_> = found.iter().collect();
            prop_assert_eq!(distinct.len(), found.len(), "{}", name);
            prop_assert!(found.iter().all(|&i| i < n), "{}", name);
        }
    }

    #[test]
    fn bald_is_never_negative_and_0_where_all_agree(p in 0.0..1.0f64, q in 0.0..1.0f64, m in 1usize..9) {
        let alike: Vec<f64> = (0..m).flat_map(|_| [p, 1.0 - p]).collect();
        let of = |rows: &[f64]| Uncertainty::Bald.of(&Predictions::new(rows, 2).unwrap());
        prop_assert!(of(&alike) < 1e-12);
        prop_assert!(of(&[p, 1.0 - p, q, 1.0 - q]) >= 0.0);
    }

    /// Core-set's greedy promise, against all ways to choose two centres.
    #[test]
    fn core_sets_are_within_twice_the_best(values in prop::collection::vec(-1.0..1.0f32, 18)) {
        let pool = Features::new(&values, 2).unwrap();
        let none = Features::new(&[], 2).unwrap();
        let ties: Vec<u64> = (0..9).collect();
        let radius = |centres: &[usize]| {
            let distance = |i: usize, j: usize| {
                let pairs = pool.row(i).iter().zip(pool.row(j));
                pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
            };
            (0..9)
                .map(|i| centres.iter().map(|&j| distance(i, j)).fold(f64::INFINITY, f64::min))
                .fold(0.0, f64::max)
        };
        let found = radius(&core_set(pool, none, &ties, 2));
        let best = (0..9)
            .flat_map(|i| (0..i).map(move |j| [i, j]))
            .map(|centres| radius(&centres))
            .fold(f64::INFINITY, f64::min);
        prop_assert!(found <= 2.0 * best + 1e-6, "{} for {}", found, best);
    }

    /// Where nothing is drawn at random, the order of the pool decides nothing.
    #[test]
    fn a_turned_pool_gives_the_same_members(values in prop::collection::vec(-1.0..1.0f32, 30)) {
        let turned: Vec<f32> = values.chunks(2).rev().flatten().copied().collect();
        let ties: Vec<u64> = (0..15).map(|i| (i * 7) % 15).collect();
        let back: Vec<u64> = ties.iter().rev().copied().collect();
        let none = Features::new(&[], 2).unwrap();
        let of = |values: &[f32], ties: &[u64]| {
            core_set(Features::new(values, 2).unwrap(), none, ties, 5)
        };
        let there: Vec<usize> = of(&turned, &back).into_iter().map(|i| 14 - i).collect();
        prop_assert_eq!(of(&values, &ties), there);
    }
}
