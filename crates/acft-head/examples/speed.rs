//! How long each part of a head takes, as a table.
//!
//! ```sh
//! cargo run --release -p acft-head --example speed -- [CANDIDATES PATCHES WIDTH LABELS CLASSES LARGE_GRAPH ALL_AXES]
//! ```
//!
//! The features are made up: rectified sums of latent variables whose scale falls off like a power, of the candidate and
//! of the patch, with noise. That gives a spectrum that falls off slowly, as features of networks do.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use acft_head::{
    Axes, Examples, FeatureMap, Graph, GraphSettings, Head, HeadSettings, MapSettings, Moments,
    Patches, Pool, SecondMoment, SpreadSettings, Standardize, Target, combine_means,
};
use rayon::prelude::*;

const LATENT: usize = 600;
const MIXED: usize = 24;

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .map(|size| size.parse().unwrap())
        .collect();
    let defaults = [2_000, 12, 2_880, 400, 4, 10_000];
    let size = |i: usize| sizes.get(i).copied().unwrap_or(defaults[i]);
    let [candidates, patches, width, labels, classes, large] = std::array::from_fn(size);
    println!(
        "{} threads; {candidates} candidates x {patches} patches x {width} features",
        rayon::current_num_threads()
    );
    println!("{:<42} {:>9} {:>9}", "", "seconds", "CPU");
    let raw = features(candidates, patches, width, classes);
    let mut rows = Patches::new(&raw, patches, width, 0).unwrap();

    let mut moments = Moments::new(width);
    time("moments", || moments.add(&rows).unwrap());
    let standardize = Standardize::of(&moments);
    let z = time("standardise", || standardize.apply(&rows).unwrap());
    let mut second = SecondMoment::new(width);
    time("covariance", || second.add(&z));
    drop(z);
    let settings = MapSettings::default();
    let all = second.clone();
    time("axes (eigensolver)", || {
        Axes::of(second, settings.axes).unwrap()
    });
    if sizes.len() > 6 {
        time("all axes, to compare", || Axes::of(all, width).unwrap());
    }
    let map = time("whole map: all of these, and agreement", || {
        FeatureMap::fit(&settings, &mut rows).unwrap()
    });
    let mut pool = Pool::new(&map, patches);
    time("project the pool", || pool.extend(&map, &rows).unwrap());
    drop(raw);

    let labels = labels.min(candidates);
    let first = examples(&pool, labels * 9 / 10, classes);
    let all = examples(&pool, labels, classes);
    let head = HeadSettings::default();
    let cold = time("fit from nothing, 90 % of the labels", || {
        Head::fit(&head, &first, None).unwrap()
    });
    println!("    {} steps, {:?}", cold.steps, cold.ended);
    let warm = time("refit from there, all labels", || {
        Head::fit(&head, &all, Some(&cold.head)).unwrap()
    });
    println!(
        "    {} steps, {} evaluations, {:?}",
        warm.steps, warm.evaluations, warm.ended
    );
    let means = time("score the pool", || {
        let rows = warm.head.predict(&pool).unwrap();
        warm.head.candidate_means(&rows, patches)
    });

    let graph = time("graph", || {
        Graph::new(pool.means(), pool.width(), GraphSettings::default()).unwrap()
    });
    let targets: Vec<(usize, Target<'_>)> = (0..labels)
        .map(|i| (i, Target::Class(i % classes)))
        .collect();
    let spreading = SpreadSettings::default();
    let spread = time("one spreading", || {
        graph.spread(&targets, classes, &spreading).unwrap()
    });
    time("combine", || combine_means(&means, spread.rows(), classes));
    let width = pool.width();
    let many: Vec<f32> = (0..large * width).map(noise).collect();
    let graph = time(&format!("graph of {large}"), || {
        Graph::new(&many, width, GraphSettings::default()).unwrap()
    });
    time("one spreading there", || {
        graph.spread(&targets, classes, &spreading).unwrap()
    });
}

fn time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, before) = (Instant::now(), processor_time());
    let out = work();
    let wall = start.elapsed().as_secs_f64();
    match (before, processor_time()) {
        (Some(before), Some(now)) => println!("{what:<42} {wall:>9.3} {:>9.2}", now - before),
        _ => println!("{what:<42} {wall:>9.3}"),
    }
    out
}

/// Seconds of all threads so far, where Linux says so: on a busy machine they say more than the clock.
fn processor_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = |field: Option<&str>| field?.parse::<f64>().ok();
    Some((ticks(fields.next())? + ticks(fields.next())?) / 100.0)
}

fn examples(pool: &Pool, labels: usize, classes: usize) -> Examples {
    let mut examples = Examples::new(pool.map(), pool.width(), classes).unwrap();
    for i in 0..labels {
        let target = Target::Class(i % classes);
        examples.push(pool.candidate(i), target, 1.0).unwrap();
    }
    examples
}

fn features(candidates: usize, patches: usize, width: usize, classes: usize) -> Vec<f32> {
    let scale = |j: usize| (1.0 + j as f32).powf(-0.5);
    let mut out = vec![0.0; candidates * patches * width];
    out.par_chunks_exact_mut(width)
        .enumerate()
        .for_each(|(row, out)| {
            let candidate = row / patches;
            let latent: Vec<f32> = (0..LATENT)
                .map(|j| {
                    let of_class = noise(candidate % classes * LATENT + j);
                    let of_candidate = noise((1 << 40) + candidate * LATENT + j);
                    let of_patch = noise((1 << 50) + row * LATENT + j);
                    scale(j) * (0.5 * of_class + of_candidate + of_patch)
                })
                .collect();
            for (column, out) in out.iter_mut().enumerate() {
                let start = 0.05 * noise((1 << 55) + row * width + column);
                let sum = (0..MIXED).fold(start, |sum, i| {
                    let which = (1 << 60) + column * MIXED + i;
                    let at = noise(which).abs().powi(2) * (LATENT - 1) as f32;
                    sum + noise(which + (1 << 59)) * latent[at as usize]
                });
                *out = sum.max(0.0);
            }
        });
    out
}

/// A number from −1 to 1.
fn noise(seed: usize) -> f32 {
    let mut x = (seed as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
}
