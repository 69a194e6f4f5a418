//! Agglomerative clustering with average linkage (Sokal & Michener 1958).

use super::features::{Features, squared_distance};

/// The cluster, numbered by first appearance, of each member, when the two clusters with the least mean distance
/// between their members are joined until only so many are left.
///
/// O(n³) time at worst and O(n²) memory: for hundreds of members, not for a pool.
pub fn average_linkage(members: Features<'_>, clusters: usize) -> Vec<usize> {
    let n = members.len();
    let mut distance = vec![0.0_f64; n * n];
    for i in 0..n {
        for j in 0..i {
            let d = squared_distance(members.row(i), members.row(j)).sqrt();
            (distance[i * n + j], distance[j * n + i]) = (d, d);
        }
    }
    let mut size = vec![1.0_f64; n];
    let mut alive: Vec<usize> = (0..n).collect();
    let mut joined: Vec<usize> = (0..n).collect();
    while alive.len() > clusters.max(1) {
        // Features of a network that diverges may be too far apart for a number: then any two are as near.
        let mut best = (f64::INFINITY, alive[0], alive[1]);
        for (place, &i) in alive.iter().enumerate() {
            for &j in &alive[..place] {
                if distance[i * n + j] < best.0 {
                    best = (distance[i * n + j], j, i);
                }
            }
        }
        let (_, kept, gone) = best;
        // Lance & Williams (1967): the mean distance to a union.
        let [a, b] = [size[kept], size[gone]].map(|part| part / (size[kept] + size[gone]));
        for &k in &alive {
            if k != kept && k != gone {
                let d = a * distance[kept * n + k] + b * distance[gone * n + k];
                (distance[kept * n + k], distance[k * n + kept]) = (d, d);
            }
        }
        size[kept] += size[gone];
        alive.retain(|&k| k != gone);
        joined
            .iter_mut()
            .filter(|c| **c == gone)
            .for_each(|c| *c = kept);
    }
    let mut numbers = vec![None; n];
    let mut next = 0;
    joined
        .into_iter()
        .map(|cluster| {
            *numbers[cluster].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn members_beyond_any_distance_are_joined_too() {
        let far = [-3e30, 0.0, 3e30, 3e30];
        let members = Features::new(&far, 1).unwrap();
        let clusters = average_linkage(members, 2);
        assert_eq!(clusters.len(), 4);
        assert_eq!(clusters[2], clusters[3]);
        assert_eq!(clusters.iter().max(), Some(&1));
    }
}
