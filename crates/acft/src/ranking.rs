//! Scores, and the order of the pool by them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

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

/// The best `len` of a ranking, sorted, but for those that their group has no
/// room for.
///
/// Where no group is limited the rest is not sorted: the window is all that
/// Eq. 4 looks at, and the pool may be large.
pub fn top(mut scored: Vec<Ranked>, len: usize, mut groups: Groups<'_>) -> Vec<Ranked> {
    if groups.limit.is_some() {
        rank(&mut scored);
        scored.retain(|ranked| groups.admit(ranked.candidate));
    } else if len < scored.len() && len > 0 {
        scored.select_nth_unstable_by(len - 1, best_first);
    }
    scored.truncate(len);
    rank(&mut scored);
    scored
}

/// How many of each group have been let in, where there is a limit to it.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    limit: Option<usize>,
    of: &'a [Option<u32>],
    admitted: BTreeMap<u32, usize>,
}

impl<'a> Groups<'a> {
    /// None let in yet. `of` has the number of each candidate's group by id;
    /// a candidate without one is never kept out.
    pub fn new(limit: Option<usize>, of: &'a [Option<u32>]) -> Self {
        Self {
            limit,
            of,
            admitted: BTreeMap::new(),
        }
    }

    /// Lets a candidate in, if its group has room.
    pub fn admit(&mut self, id: CandidateId) -> bool {
        let (Some(limit), Some(group)) = (self.limit, self.group(id)) else {
            return true;
        };
        let admitted = self.admitted.entry(group).or_default();
        let has_room = *admitted < limit;
        *admitted += usize::from(has_room);
        has_room
    }

    fn group(&self, id: CandidateId) -> Option<u32> {
        self.of.get(id.index()).copied().flatten()
    }
}

/// Descending by score, then by the keyed hash, then by id, of which a pool has each once: which of two goes first.
pub fn best_first(a: &Ranked, b: &Ranked) -> Ordering {
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
            prop_assert_eq!(top(all, len, Groups::new(None, &[])), full);
        }

        #[test]
        fn top_holds_few_of_a_group_and_passes_over_none_that_has_room(
            values in prop::collection::vec((0u8..6, any::<u64>(), prop::option::of(0u32..5)), 0..60),
            len in 0usize..70,
            limit in 1usize..4,
        ) {
            let all: Vec<Ranked> = values
                .iter()
                .enumerate()
                .map(|(i, (v, hash, _))| ranked(i as u32, f64::from(*v), *hash))
                .collect();
            let groups: Vec<Option<u32>> = values.iter().map(|(_, _, group)| *group).collect();
            let count = |of: &[Ranked], group: u32| {
                of.iter().filter(|r| groups[r.candidate.index()] == Some(group)).count()
            };
            let best = top(all.clone(), len, Groups::new(Some(limit), &groups));
            for group in 0..5 {
                prop_assert!(count(&best, group) <= limit);
            }
            let mut full = all;
            rank(&mut full);
            let mut expected: Vec<Ranked> = Vec::new();
            for one in full {
                let has_room = groups[one.candidate.index()]
                    .is_none_or(|group| count(&expected, group) < limit);
                if has_room {
                    expected.push(one);
                }
            }
            expected.truncate(len);
            prop_assert_eq!(best, expected);
        }
    }
}
