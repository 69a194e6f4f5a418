//! The same bits, whatever number of threads, and however a pool is cut into calls.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use acft_head::{
    FeatureMap, Graph, GraphSettings, Head, HeadSettings, MapError, Passes, Patches, Pool,
    SpreadSettings, Target, combine_means,
};

use common::{PATCHES, WIDTH, examples, raw, settings};

/// A pool that is given some candidates at a time.
struct Cut<'a> {
    values: &'a [f32],
    at_a_time: usize,
}

impl Passes for Cut<'_> {
    type Error = MapError;

    fn width(&self) -> usize {
        WIDTH
    }

    fn pass(
        &mut self,
        take: &mut dyn FnMut(&Patches<'_>) -> Result<(), MapError>,
    ) -> Result<(), MapError> {
        for (i, some) in self
            .values
            .chunks(self.at_a_time * PATCHES * WIDTH)
            .enumerate()
        {
            take(&Patches::new(some, PATCHES, WIDTH, i * self.at_a_time)?)?;
        }
        Ok(())
    }
}

/// All that is made of a pool, as bytes and bits.
fn everything(values: &[f32], at_a_time: usize) -> (Vec<u8>, Vec<u8>, Vec<u64>) {
    let map = FeatureMap::fit(&settings(), &mut Cut { values, at_a_time }).unwrap();
    let mut pool = Pool::new(&map, PATCHES);
    for some in values.chunks(at_a_time * PATCHES * WIDTH) {
        let some = Patches::new(some, PATCHES, WIDTH, 0).unwrap();
        pool.extend(&map, &some).unwrap();
    }
    let labeled = examples(&pool, 0..200, [3, 3]);
    let fit = Head::fit(&HeadSettings::default(), &labeled, None).unwrap();
    let means = fit
        .head
        .candidate_means(&fit.head.predict(&pool).unwrap(), PATCHES);
    let graph = Graph::new(pool.means(), pool.width(), GraphSettings::default()).unwrap();
    let labels: Vec<(usize, Target)> = (0..20).map(|i| (i, Target::Class(i % 3))).collect();
    let spread = graph
        .spread(&labels, 3, &SpreadSettings::default())
        .unwrap();
    let near = graph.nearest(&pool.means()[..50 * pool.width()]).unwrap();
    let outside = spread.outside(&near, graph.settings().weight);
    let both = combine_means(&means, spread.rows(), 3);
    let bits = both.iter().chain(&outside).map(|p| p.to_bits()).collect();
    (map.to_bytes(), fit.head.to_bytes(), bits)
}

#[test]
fn neither_threads_nor_chunks_change_a_bit() {
    let values = raw(400, 3);
    let one = with_threads(1, || everything(&values, 400));
    for (threads, at_a_time) in [(2, 400), (5, 400), (1, 1), (2, 7), (5, 171)] {
        let other = with_threads(threads, || everything(&values, at_a_time));
        assert!(
            one == other,
            "{threads} threads, {at_a_time} candidates at a time"
        );
    }
}

/// What a run computes must not depend on where its numbers happen to lie in memory.
#[test]
fn where_numbers_lie_in_memory_changes_no_bit() {
    let values = raw(60, 3);
    let map = |values: &[f32]| {
        let mut patches = Patches::new(values, PATCHES, WIDTH, 0).unwrap();
        FeatureMap::fit(&settings(), &mut patches).unwrap()
    };
    let first = map(&values);
    for shift in 1..8 {
        let mut moved = vec![0.0; shift];
        moved.extend_from_slice(&values);
        assert_eq!(map(&moved[shift..]).hash(), first.hash(), "{shift}");
    }
}

#[test]
fn a_candidate_does_not_depend_on_the_others_it_is_projected_with() {
    let values = raw(50, 3);
    let mut all = Patches::new(&values, PATCHES, WIDTH, 0).unwrap();
    let map = FeatureMap::fit(&settings(), &mut all).unwrap();
    let together = map.apply(&all).unwrap();
    let size = PATCHES * WIDTH;
    let alone: Vec<f32> = values
        .chunks(size)
        .flat_map(|one| {
            map.apply(&Patches::new(one, PATCHES, WIDTH, 0).unwrap())
                .unwrap()
        })
        .collect();
    assert_eq!(together, alone);
}

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(work)
}
