//! The predictions at the time when a batch was chosen, for the drawn candidates and for those that each
//! criterion ranks highest and lowest.

use acft::prediction::Predictions;
use acft::{CandidateId, CandidateKey, Criterion};
use serde::{Deserialize, Serialize};

/// How many of the highest and of the lowest are kept.
const MOST: usize = 10;
const LEAST: usize = 5;

/// `predictions/step-NNNN.json`: one query, by M_{t-1}.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryPredictions {
    /// t, from 1.
    pub step: u32,
    /// The batch, in draw order.
    pub drawn: Vec<Seen>,
    /// The extremes of each criterion, best first; empty if U was not scored.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub favoured: Vec<Favoured>,
}

/// The extremes of U by one criterion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Favoured {
    /// entropy or diversity.
    pub criterion: String,
    /// The share of patches that the criterion uses.
    pub alpha: f64,
    /// The highest scores, from the highest on.
    pub most: Vec<Seen>,
    /// The lowest scores, from the lowest on.
    pub least: Vec<Seen>,
}

/// One candidate as the network sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Its name for people.
    pub candidate: String,
    /// Its key.
    pub key: String,
    /// The label in the data, asked for or not.
    pub label: String,
    /// The score by this criterion; for drawn candidates, by the criterion of the query.
    pub score: f64,
    /// m rows of |Y| probabilities, to six decimals.
    pub patches: Vec<Vec<f64>>,
}

/// Rows of probabilities in the form of the file.
pub(crate) fn rounded(rows: &[f64], classes: usize) -> Vec<Vec<f64>> {
    rows.chunks_exact(classes)
        .map(|row| row.iter().map(|p| (p * 1e6).round() / 1e6).collect())
        .collect()
}

/// Receives the predictions of U one by one, and keeps the extremes of each criterion.
pub(crate) struct Watched {
    criteria: Vec<Extremes>,
}

/// A candidate that was among the extremes when it was received.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub score: f64,
    pub candidate: CandidateId,
    pub rows: Vec<f64>,
    /// Orders equal scores, by the content of the image and not by its position.
    key: CandidateKey,
}

/// The extremes by one criterion.
pub(crate) struct Extremes {
    pub criterion: Criterion,
    pub most: Vec<Kept>,
    pub least: Vec<Kept>,
}

impl Watched {
    /// Entropy and diversity, over all patches and over the share `alpha` of them.
    pub(crate) fn new(alpha: f64) -> Self {
        let criteria = [1.0, alpha]
            .into_iter()
            .flat_map(|alpha| [Criterion::entropy(alpha), Criterion::diversity(alpha)])
            .map(|criterion| Extremes {
                criterion,
                most: Vec::new(),
                least: Vec::new(),
            });
        Self {
            criteria: criteria.collect(),
        }
    }

    /// Receives one candidate.
    pub(crate) fn see(
        &mut self,
        candidate: CandidateId,
        key: CandidateKey,
        predictions: &Predictions<'_>,
    ) {
        for extremes in &mut self.criteria {
            // One patch has no pairs to differ.
            if extremes
                .criterion
                .check_patches(predictions.patches())
                .is_err()
            {
                continue;
            }
            let score = extremes.criterion.score(predictions).value;
            for (kept, room, sign) in [
                (&mut extremes.most, MOST, -1.0),
                (&mut extremes.least, LEAST, 1.0),
            ] {
                let before = |other: &Kept| {
                    let by_score = (sign * other.score).total_cmp(&(sign * score));
                    by_score.then_with(|| other.key.0.cmp(&key.0)).is_lt()
                };
                let at = kept.partition_point(before);
                if at == room {
                    continue;
                }
                kept.truncate(room - 1);
                let rows = (0..predictions.patches()).flat_map(|j| predictions.row(j));
                kept.insert(
                    at,
                    Kept {
                        score,
                        candidate,
                        rows: rows.copied().collect(),
                        key,
                    },
                );
            }
        }
    }

    /// Returns the extremes, and begins anew.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Extremes> {
        self.criteria
            .iter_mut()
            .map(|extremes| Extremes {
                criterion: extremes.criterion,
                most: std::mem::take(&mut extremes.most),
                least: std::mem::take(&mut extremes.least),
            })
            .filter(|extremes| !extremes.most.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_extremes_are_those_of_the_sorted_pool_whatever_the_order() {
        let pool: Vec<(CandidateId, CandidateKey, Vec<f64>)> = (0..60_u32)
            .map(|id| {
                let p = f64::from((id * 17) % 30) / 40.0;
                let q = f64::from((id * 7) % 11) / 40.0;
                let rows = vec![p, 1.0 - p, q, 1.0 - q, p, 1.0 - p, p, 1.0 - p];
                (CandidateId(id), CandidateKey([id as u8; 32]), rows)
            })
            .collect();
        let (mut forwards, mut backwards) = (Watched::new(0.5), Watched::new(0.5));
        for (id, key, rows) in &pool {
            forwards.see(*id, *key, &Predictions::new(rows, 2).unwrap());
        }
        for (id, key, rows) in pool.iter().rev() {
            backwards.see(*id, *key, &Predictions::new(rows, 2).unwrap());
        }
        let ids = |kept: &[Kept]| kept.iter().map(|one| one.candidate.0).collect::<Vec<_>>();
        let mut criteria = 0;
        for (a, b) in forwards.take().zip(backwards.take()) {
            criteria += 1;
            let score =
                |rows: &Vec<f64>| a.criterion.score(&Predictions::new(rows, 2).unwrap()).value;
            let mut sorted: Vec<(f64, u32)> = pool
                .iter()
                .map(|(id, _, rows)| (score(rows), id.0))
                .collect();
            sorted.sort_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
            let least: Vec<u32> = sorted.iter().take(LEAST).map(|one| one.1).collect();
            assert_eq!(ids(&a.least), least);
            sorted.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
            let most: Vec<u32> = sorted.iter().take(MOST).map(|one| one.1).collect();
            assert_eq!(ids(&a.most), most);
            assert_eq!((ids(&a.most), ids(&a.least)), (ids(&b.most), ids(&b.least)));
        }
        assert_eq!(criteria, 4);
        assert_eq!(forwards.take().count(), 0);
    }

    #[test]
    fn diversity_of_one_patch_is_left_out() {
        let mut watched = Watched::new(0.25);
        let predictions = Predictions::new(&[0.5, 0.5], 2).unwrap();
        watched.see(CandidateId(0), CandidateKey([0; 32]), &predictions);
        let names: Vec<f64> = watched.take().map(|kept| kept.criterion.lambda2).collect();
        assert_eq!(names, [0.0, 0.0]);
    }
}
