//! Cluster-margin: the least decided candidates, from as many clusters as can be (Citovsky et al., *Batch Active
//! Learning at Scale*, NeurIPS 2021).

use super::features::Features;
use super::linkage::average_linkage;
use super::uncertainty::most_uncertain;
use crate::random::Stream;

/// The settings of [`cluster_margin()`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterMargin {
    /// k_m / b: how many of the least decided a batch is drawn from.
    pub candidates: f64,
    /// b divided by the number of clusters that those are joined to.
    pub per_cluster: f64,
}

impl Default for ClusterMargin {
    fn default() -> Self {
        Self {
            candidates: 10.0,
            per_cluster: 1.25,
        }
    }
}

/// Of the k_m members that are least decided, some of each cluster in turn, the smallest clusters first, until there
/// are b.
///
/// `margins` is [`Uncertainty::Margin`](super::Uncertainty::Margin) of each member. The paper clusters the whole pool
/// once, in a distributed program, and intersects with the least decided; here those k_m alone are clustered, at
/// every step, which takes O(k_m²) memory and asks for no threshold. Within a cluster members are taken at random, as
/// in the paper. Returns places in `pool`, in the order in which they were chosen.
///
/// Panics if lengths differ.
pub fn cluster_margin(
    pool: Features<'_>,
    margins: &[f64],
    tie_breaks: &[u64],
    batch: usize,
    settings: ClusterMargin,
    rng: &mut Stream,
) -> Vec<usize> {
    assert_eq!(pool.len(), margins.len(), "a margin for each member");
    let batch = batch.min(pool.len());
    if batch == 0 {
        return Vec::new();
    }
    let count = (settings.candidates * batch as f64).ceil() as usize;
    let least = most_uncertain(margins, tie_breaks, count.max(batch));
    let rows: Vec<f32> = least
        .iter()
        .flat_map(|&member| pool.row(member))
        .copied()
        .collect();
    let rows = Features::new(&rows, pool.width()).expect("rows of features are features");
    let clusters = (batch as f64 / settings.per_cluster).ceil() as usize;
    let found = average_linkage(rows, clusters);

    let mut members: Vec<Vec<usize>> = Vec::new();
    for (&member, &cluster) in least.iter().zip(&found) {
        if members.len() <= cluster {
            members.resize(cluster + 1, Vec::new());
        }
        members[cluster].push(member);
    }
    // Clusters are numbered by their least decided member, so equal sizes keep that order.
    members.sort_by_key(Vec::len);
    members.iter_mut().for_each(|cluster| rng.shuffle(cluster));

    let mut chosen = Vec::with_capacity(batch);
    for round in 0.. {
        for cluster in &members {
            if chosen.len() == batch {
                return chosen;
            }
            chosen.extend(cluster.get(round));
        }
    }
    chosen
}
