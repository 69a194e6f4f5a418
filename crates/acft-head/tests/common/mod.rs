//! Inputs of tests: numbers from an integer hash, the same on every machine.
#![allow(dead_code, clippy::unwrap_used)]

use acft_head::{Examples, FeatureMap, MapSettings, Patches, Pool, Target};

pub(crate) const PATCHES: usize = 3;
pub(crate) const WIDTH: usize = 20;

/// A number from −1 to 1.
pub(crate) fn noise(seed: usize) -> f32 {
    let mut x = (seed as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Raw features of candidates of so many classes, in turn.
pub(crate) fn raw(candidates: usize, classes: usize) -> Vec<f32> {
    let size = PATCHES * WIDTH;
    let value = |i: usize| {
        let (candidate, column) = (i / size, i % WIDTH);
        let centre = noise(1_000_000 + candidate % classes * WIDTH + column);
        2.0 * centre + noise(2_000_000 + candidate * WIDTH + column) + 0.5 * noise(i)
    };
    (0..candidates * size).map(value).collect()
}

pub(crate) fn settings() -> MapSettings {
    MapSettings {
        axes: 12,
        ..MapSettings::default()
    }
}

pub(crate) fn pool(candidates: usize, classes: usize) -> Pool {
    let raw = raw(candidates, classes);
    let mut patches = Patches::new(&raw, PATCHES, WIDTH, 0).unwrap();
    let map = FeatureMap::fit(&settings(), &mut patches).unwrap();
    let mut pool = Pool::new(&map, PATCHES);
    pool.extend(&map, &patches).unwrap();
    pool
}

/// Some candidates of a pool, with their classes in turn.
pub(crate) fn examples(
    pool: &Pool,
    members: impl IntoIterator<Item = usize>,
    [true_classes, classes]: [usize; 2],
) -> Examples {
    let mut examples = Examples::new(pool.map(), pool.width(), classes).unwrap();
    for i in members {
        let target = Target::Class(i % true_classes);
        examples.push(pool.candidate(i), target, 1.0).unwrap();
    }
    examples
}
