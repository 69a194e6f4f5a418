//! TypiClust: one typical member of each cluster (Hacohen, Dekel & Weinshall, *Active Learning on a Budget: Opposite
//! Strategies Suit High and Low Budgets*, ICML 2022).

use super::features::{Features, squared_distance};
use super::k_means::k_means;
use super::largest;
use crate::random::Stream;

/// The settings of [`typiclust()`]; the defaults are the authors'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypiClust {
    /// There are |L| + b clusters, but no more than this.
    pub max_clusters: usize,
    /// K, the neighbours that typicality looks at; at most half of a cluster.
    pub neighbours: usize,
    /// Clusters of this size or less are left out, while there are larger ones.
    pub too_small: usize,
}

impl Default for TypiClust {
    fn default() -> Self {
        Self {
            max_clusters: 500,
            neighbours: 20,
            too_small: 5,
        }
    }
}

/// One batch: all features, scaled to length 1, are clustered; the clusters with the fewest labeled members give
/// their most typical unlabeled one in turn, the largest of them first.
///
/// Returns places in `pool`, in the order in which they were chosen. The features may be those of the network that
/// is being trained; at the first step those of the pre-trained one, whose head is not looked at, are all there is.
/// Takes 25 passes of O((|L| + |U|) k d), and for typicality O(s² d) in a cluster of s.
///
/// Panics if widths or lengths differ.
pub fn typiclust(
    pool: Features<'_>,
    labeled: Features<'_>,
    tie_breaks: &[u64],
    batch: usize,
    settings: TypiClust,
    rng: &mut Stream,
) -> Vec<usize> {
    assert_eq!(
        pool.width(),
        labeled.width(),
        "features of the same network"
    );
    assert_eq!(pool.len(), tie_breaks.len(), "a tie-break for each member");
    let batch = batch.min(pool.len());
    if batch == 0 {
        return Vec::new();
    }
    let clusters = (labeled.len() + batch).min(settings.max_clusters).max(1);
    let mut all = pool.normalised();
    all.extend(labeled.normalised());
    let all = Features::new(&all, pool.width()).expect("finite rows of this width were scaled");
    let found = k_means(all, clusters, rng);

    let mut sizes = vec![[0_usize; 2]; clusters];
    for (i, &cluster) in found.iter().enumerate() {
        sizes[cluster][usize::from(i >= pool.len())] += 1;
    }
    let size = |cluster: usize| sizes[cluster][0] + sizes[cluster][1];
    let mut order: Vec<usize> = (0..clusters)
        .filter(|&cluster| size(cluster) > settings.too_small)
        .collect();
    if order.is_empty() {
        order = (0..clusters).collect();
    }
    // Equal clusters by the smallest tie-break within.
    let hash = |cluster: usize| {
        let members = found[..pool.len()].iter().zip(tie_breaks);
        members
            .filter(|(c, _)| **c == cluster)
            .map(|(_, t)| *t)
            .min()
    };
    order.sort_by_cached_key(|&cluster| {
        (
            sizes[cluster][1],
            std::cmp::Reverse(size(cluster)),
            hash(cluster),
        )
    });

    let mut left: Vec<Vec<usize>> = vec![Vec::new(); clusters];
    for (member, &cluster) in found[..pool.len()].iter().enumerate() {
        left[cluster].push(member);
    }
    let mut chosen = Vec::with_capacity(batch);
    while chosen.len() < batch {
        let before = chosen.len();
        for &cluster in &order {
            let members = &mut left[cluster];
            if members.is_empty() || chosen.len() == batch {
                continue;
            }
            let neighbours = settings.neighbours.min(members.len() / 2).max(1);
            let values = members
                .iter()
                .zip(typicality(all, members, neighbours))
                .map(|(member, value)| (*member, value));
            let Some(best) = largest(values, tie_breaks) else {
                continue;
            };
            members.retain(|&member| member != best);
            chosen.push(best);
        }
        if chosen.len() == before {
            // The clusters in turn are used up: the small ones as well.
            order = (0..clusters).collect();
        }
    }
    chosen
}

/// The typicality of some members among themselves, the inverse of the mean distance to their nearest (Eq. 1 of the
/// paper): infinite where they coincide, and for one that is alone.
pub fn typicality(all: Features<'_>, members: &[usize], neighbours: usize) -> Vec<f64> {
    members
        .iter()
        .map(|&member| {
            let mut distances: Vec<f64> = members
                .iter()
                .filter(|&&other| other != member)
                .map(|&other| squared_distance(all.row(member), all.row(other)).sqrt())
                .collect();
            distances.sort_unstable_by(f64::total_cmp);
            distances.truncate(neighbours);
            let sum: f64 = distances.iter().sum();
            distances.len() as f64 / sum
        })
        .map(|value| if value.is_nan() { f64::INFINITY } else { value })
        .collect()
}
