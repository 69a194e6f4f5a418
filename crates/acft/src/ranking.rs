//! Scores, and the order of the pool by them.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::state::CandidateId;

/// What a criterion makes of one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The dominant class of all its patches.
    pub dominant: usize,
    /// m', the patches that majority selection kept.
    pub kept: usize,
    /// e of Eq. 1, nats.
    pub entropy: f64,
    /// d of Eq. 1, nats.
    pub diversity: f64,
    /// a of Eq. 2: what the pool is sorted by.
    pub value: f64,
}

/// A scored candidate: all that is kept of it while a pool streams by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its score.
    pub score: Score,
    /// Decides between equal scores: a keyed hash of the candidate, so that
    /// position (the order of a folder, which is the order of classes) does not.
    pub tie_break: u64,
}

/// Sorts by score, descending; equal scores by their keyed hash.
pub fn rank(scored: &mut [Ranked]) {
    scored.sort_unstable_by(best_first);
}

/// The best `len` of a ranking, sorted, without sorting the rest: the window
/// is all that Eq. 4 looks at, and the pool may be large.
pub fn top(mut scored: Vec<Ranked>, len: usize) -> Vec<Ranked> {
    if len < scored.len() && len > 0 {
        scored.select_nth_unstable_by(len - 1, best_first);
    }
    scored.truncate(len);
    rank(&mut scored);
    scored
}

fn best_first(a: &Ranked, b: &Ranked) -> Ordering {
    b.score
        .value
        .total_cmp(&a.score.value)
        .then_with(|| (a.tie_break, a.candidate).cmp(&(b.tie_break, b.candidate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranked(candidate: u32, value: f64, tie_break: u64) -> Ranked {
        let score = Score {
            dominant: 0,
            kept: 1,
            entropy: 0.0,
            diversity: 0.0,
            value,
        };
        Ranked {
            candidate: CandidateId(candidate),
            score,
            tie_break,
        }
    }

    #[test]
    fn equal_scores_follow_the_hash_not_the_position() {
        let mut all = vec![ranked(0, 1.0, 9), ranked(1, 1.0, 3), ranked(2, 2.0, 5)];
        rank(&mut all);
        let order: Vec<u32> = all.iter().map(|r| r.candidate.0).collect();
        assert_eq!(order, [2, 1, 0]);
    }

    proptest! {
        #[test]
        fn top_is_the_head_of_the_full_ranking(
            values in prop::collection::vec((0u8..6, any::<u64>()), 0..60),
            len in 0usize..70,
        ) {
            let all: Vec<Ranked> = values
                .iter()
                .enumerate()
                .map(|(i, (v, hash))| ranked(i as u32, f64::from(*v), *hash))
                .collect();
            let mut full = all.clone();
            rank(&mut full);
            full.truncate(len);
            prop_assert_eq!(top(all, len), full);
        }
    }
}
