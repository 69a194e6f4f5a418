//! Core-set: a batch such that no candidate is far from all of it (Sener & Savarese, *Active Learning for Convolutional Neural
//! Networks: A Core-Set Approach*, ICLR 2018).

use super::features::{Features, squared_distance};
use super::largest;

/// k-center greedy: again and again the member that is furthest from its nearest centre, where the labeled are
/// centres from the start. The largest distance that is left is at most twice the least possible.
///
/// Without labeled members the first is the one nearest to the mean of all, where the paper leaves it open. `labeled`
/// and `pool` have features of the same width, and `tie_breaks` has one for each member of `pool`. Returns places in
/// `pool`, in the order in which they were chosen. Takes O((|L| + b) |U| d).
///
/// Panics if widths or lengths differ.
pub fn core_set(
    pool: Features<'_>,
    labeled: Features<'_>,
    tie_breaks: &[u64],
    batch: usize,
) -> Vec<usize> {
    assert_eq!(
        pool.width(),
        labeled.width(),
        "features of the same network"
    );
    assert_eq!(pool.len(), tie_breaks.len(), "a tie-break for each member");
    let batch = batch.min(pool.len());
    let mut distance = vec![f64::INFINITY; pool.len()];
    let come_near = |distance: &mut [f64], centre: &[f32]| {
        for (distance, row) in distance.iter_mut().zip(pool.rows()) {
            *distance = distance.min(squared_distance(row, centre));
        }
    };
    labeled
        .rows()
        .for_each(|centre| come_near(&mut distance, centre));

    let mut chosen = Vec::with_capacity(batch);
    let mut free = vec![true; pool.len()];
    while chosen.len() < batch {
        let next = if chosen.is_empty() && labeled.is_empty() {
            let mean = mean(pool);
            let near = pool.rows().map(|row| -squared_distance(row, &mean));
            largest(near.enumerate(), tie_breaks)
        } else {
            let far = distance.iter().copied().enumerate();
            largest(far.filter(|(at, _)| free[*at]), tie_breaks)
        };
        let Some(next) = next else { break };
        chosen.push(next);
        free[next] = false;
        come_near(&mut distance, pool.row(next));
    }
    chosen
}

fn mean(pool: Features<'_>) -> Vec<f32> {
    let mut sums = vec![0.0_f64; pool.width()];
    for row in pool.rows() {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let n = pool.len() as f64;
    sums.into_iter().map(|sum| (sum / n) as f32).collect()
}
