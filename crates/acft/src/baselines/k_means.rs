//! k-means (Lloyd 1982), started by k-means++ (Arthur & Vassilvitskii, SODA 2007).

use super::draw_one;
use super::features::{Features, squared_distance};
use crate::random::Stream;

/// The largest number of passes; a clustering that still changes then is taken as it is.
const PASSES: usize = 25;

/// The cluster, from 0 to `clusters` − 1, of each member. Some may be empty where members coincide.
///
/// At most 25 passes of O(n k d). Panics if `clusters` is 0 while there are members.
pub fn k_means(members: Features<'_>, clusters: usize, rng: &mut Stream) -> Vec<usize> {
    if members.is_empty() {
        return Vec::new();
    }
    assert!(clusters > 0, "members belong to at least one cluster");
    let mut centres = start(members, clusters, rng);
    let mut found = assign(members, &centres);
    for _ in 1..PASSES {
        move_centres(members, &found, &mut centres);
        let next = assign(members, &centres);
        if next == found {
            break;
        }
        found = next;
    }
    found
}

/// The first centre uniformly, each other in proportion to the squared distance from the nearest.
fn start(members: Features<'_>, clusters: usize, rng: &mut Stream) -> Vec<f32> {
    let mut next = rng.below(members.len());
    let mut centres = Vec::with_capacity(clusters * members.width());
    let mut nearest = vec![f64::INFINITY; members.len()];
    loop {
        let centre = members.row(next);
        centres.extend_from_slice(centre);
        if centres.len() == clusters * members.width() {
            return centres;
        }
        for (nearest, row) in nearest.iter_mut().zip(members.rows()) {
            *nearest = nearest.min(squared_distance(row, centre));
        }
        // With fewer different members than clusters, some clusters stay empty.
        next = draw_one(&nearest, rng).unwrap_or(next);
    }
}

/// The nearest centre of each member; of several, the first.
fn assign(members: Features<'_>, centres: &[f32]) -> Vec<usize> {
    members
        .rows()
        .map(|row| {
            let distances = centres
                .chunks_exact(members.width())
                .map(|centre| squared_distance(row, centre));
            let nearest = distances
                .enumerate()
                .min_by(|(_, a), (_, b)| a.total_cmp(b));
            nearest.map_or(0, |(cluster, _)| cluster)
        })
        .collect()
}

/// Each centre to the mean of its members; that of an empty cluster stays.
fn move_centres(members: Features<'_>, found: &[usize], centres: &mut [f32]) {
    let width = members.width();
    let mut sums = vec![0.0_f64; centres.len()];
    let mut counts = vec![0_usize; centres.len() / width];
    for (row, &cluster) in members.rows().zip(found) {
        counts[cluster] += 1;
        let sums = &mut sums[cluster * width..][..width];
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let centres = centres
        .chunks_exact_mut(width)
        .zip(sums.chunks_exact(width));
    for ((centre, sums), &count) in centres.zip(&counts) {
        if count > 0 {
            for (value, sum) in centre.iter_mut().zip(sums) {
                *value = (sum / count as f64) as f32;
            }
        }
    }
}
