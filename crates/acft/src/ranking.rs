//! Scores, and the order of the pool by them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::state::CandidateId;

/// The score of one candidate by a criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Score {
    /// The dominant class, by all patches.
    pub dominant: usize,
    /// m', the patches that majority selection kept.
    pub kept: usize,
    /// e of Eq. 1, nats.
    pub entropy: f64,
    /// d of Eq. 1, nats.
    pub diversity: f64,
    /// a of Eq. 2, by which the pool is sorted.
    pub value: f64,
}

/// A scored candidate: all that is kept of it while a pool streams by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its score.
    pub score: Score,
    /// Decides between equal scores: a keyed hash of the candidate. Its position
    /// must not decide, because the order of a folder is often that of classes.
    pub tie_break: u64,
}

/// Sorts by score, descending; equal scores by their keyed hash.
pub fn rank(scored: &mut [Ranked]) {
    scored.sort_unstable_by(best_first);
}

/// How many members of each group have been admitted, where that is limited.
#[derive(Clone, Debug)]
pub struct Groups<G> {
    limit: Option<usize>,
    admitted: BTreeMap<G, usize>,
}

impl<G: Ord> Groups<G> {
    /// None admitted yet; at most `limit` of each group will be.
    pub fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            admitted: BTreeMap::new(),
        }
    }

    /// Admits a member of a group, if the group has room. A candidate without
    /// a group always has.
    pub fn admit(&mut self, group: Option<G>) -> bool {
        let (Some(limit), Some(group)) = (self.limit, group) else {
            return true;
        };
        let admitted = self.admitted.entry(group).or_default();
        let has_room = *admitted < limit;
        *admitted += usize::from(has_room);
        has_room
    }
}

/// Which of two goes first: descending by score, then ascending by the keyed
/// hash, then by id. No two members of a pool are equal.
pub fn best_first(a: &Ranked, b: &Ranked) -> Ordering {
    b.score
        .value
        .total_cmp(&a.score.value)
        .then_with(|| (a.tie_break, a.candidate).cmp(&(b.tie_break, b.candidate)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn ranked(candidate: u32, value: f64, tie_break: u64) -> Ranked {
        Ranked {
            candidate: CandidateId(candidate),
            score: Score {
                value,
                ..Score::default()
            },
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

    #[test]
    fn a_full_group_admits_no_more_and_others_are_not_counted() {
        let mut groups = Groups::new(Some(2));
        let admitted = [Some("a"), Some("a"), Some("b"), Some("a"), None, None, None]
            .map(|group| groups.admit(group));
        assert_eq!(admitted, [true, true, true, false, true, true, true]);
        let mut unlimited = Groups::new(None);
        assert!((0..9).all(|_| unlimited.admit(Some("a"))));
    }
}
