//! Lines 9 and 10: from scores to a batch.

use crate::random::Stream;
use crate::ranking::{Groups, Ranked, Score, rank};
use crate::sampling;
use crate::state::CandidateId;

/// How a batch is chosen from scored candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Choice<'a> {
    /// b, the number of candidates to draw.
    pub batch: usize,
    /// ω: the batch is drawn from the best ⌊ω b⌋; 1 takes the best b.
    pub omega: f64,
    /// How many members of one group the ranking may hold.
    pub max_per_group: Option<usize>,
    /// The number of each candidate's group, by id.
    pub groups: &'a [Option<u32>],
}

impl<'a> Choice<'a> {
    /// A batch of this size from a window of this width; no group is limited.
    pub fn new(batch: usize, omega: f64) -> Self {
        Self {
            batch,
            omega,
            max_per_group: None,
            groups: &[],
        }
    }

    /// The same with a limit to the members of one group. `groups` has the
    /// number of each candidate's group by id; a candidate without a group is
    /// never kept out.
    #[must_use]
    pub fn with_groups(self, limit: Option<usize>, groups: &'a [Option<u32>]) -> Self {
        Self {
            max_per_group: limit,
            groups,
            ..self
        }
    }
}

/// A ranking, and the batch drawn from it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Chosen {
    /// Best first, without the candidates that their group has no room for.
    pub ranking: Vec<Ranked>,
    /// How many of the best the batch was drawn from.
    pub window: usize,
    /// The batch as places in `ranking`, in draw order.
    pub drawn: Vec<usize>,
}

impl Chosen {
    /// The `len` best of the ranking, and never fewer than the window.
    pub fn best(&self, len: usize) -> Vec<Drawn> {
        best(&self.ranking, len.max(self.window))
    }

    /// The batch, in draw order.
    pub fn batch(&self) -> Vec<Drawn> {
        let drawn = self.drawn.iter();
        drawn
            .map(|&at| Drawn::ranked(at, &self.ranking[at]))
            .collect()
    }
}

/// One candidate of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The candidate.
    pub candidate: CandidateId,
    /// Its rank from 1, not counting candidates that their group had no room
    /// for; `None` for a candidate that no ranking led to.
    pub rank: Option<usize>,
    /// Its score by M_{t-1} and the query's criterion. For a random query:
    /// entropy and diversity over all patches, for the record.
    pub score: Score,
}

impl Drawn {
    /// The candidate at this place of a ranking, counted from 0.
    pub(crate) fn ranked(at: usize, ranked: &Ranked) -> Self {
        Self {
            candidate: ranked.candidate,
            rank: Some(at + 1),
            score: ranked.score,
        }
    }

    /// A candidate that was drawn without a ranking.
    pub(crate) fn unranked(ranked: &Ranked) -> Self {
        Self {
            candidate: ranked.candidate,
            rank: None,
            score: ranked.score,
        }
    }
}

/// The `len` best of a ranking.
pub(crate) fn best(ranking: &[Ranked], len: usize) -> Vec<Drawn> {
    let best = ranking.iter().take(len).enumerate();
    best.map(|(at, ranked)| Drawn::ranked(at, ranked)).collect()
}

/// Sorts the candidates by score, and draws a batch from the best (Eq. 4).
///
/// Whoever draws a step's batch from the same scores draws the same one,
/// given the stream of the same seed and step for [`Purpose::Draw`](crate::random::Purpose::Draw).
///
/// ```
/// use acft::random::{Purpose, stream};
/// use acft::{CandidateId, Choice, Ranked, Score, choose};
///
/// let scored = (0..100)
///     .map(|id| Ranked {
///         candidate: CandidateId(id),
///         score: Score { value: f64::from(id), ..Score::default() },
///         tie_break: 0,
///     })
///     .collect();
/// let chosen = choose(scored, Choice::new(4, 5.0), &mut stream(0, 1, Purpose::Draw));
/// assert_eq!(chosen.window, 20);
/// assert_eq!(chosen.ranking[0].candidate, CandidateId(99));
/// assert!(chosen.batch().iter().all(|drawn| drawn.candidate.0 >= 80));
/// ```
pub fn choose(mut scored: Vec<Ranked>, choice: Choice<'_>, stream: &mut Stream) -> Chosen {
    // Line 9: sort U by a, in descending order.
    let window = sampling::window_len(choice.omega, choice.batch, scored.len());
    rank(&mut scored);
    if choice.max_per_group.is_some() {
        let mut groups = Groups::new(choice.max_per_group);
        let group_of = |id: CandidateId| choice.groups.get(id.index()).copied().flatten();
        scored.retain(|ranked| groups.admit(group_of(ranked.candidate)));
    }
    let window = window.min(scored.len());

    // Line 10: sample b candidates from the best ω b. Where the window is no
    // larger than the batch there is nothing to draw: all of it is taken, best
    // first.
    let drawn = if window <= choice.batch {
        (0..window).collect()
    } else {
        let best = scored[..window].iter();
        let scores: Vec<f64> = best.map(|ranked| ranked.score.value).collect();
        sampling::draw(&sampling::weights(&scores), choice.batch, stream)
    };
    Chosen {
        ranking: scored,
        window,
        drawn,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::{Purpose, stream};
    use crate::ranking::tests::ranked;

    proptest! {
        #[test]
        fn a_ranking_holds_few_of_a_group_and_passes_over_none_that_has_room(
            values in prop::collection::vec((0u8..6, any::<u64>(), prop::option::of(0u32..5)), 0..60),
            batch in 1usize..20,
            omega in 1.0..4.0f64,
            limit in 1usize..4,
        ) {
            let all: Vec<Ranked> = (0..)
                .zip(&values)
                .map(|(id, (value, hash, _))| ranked(id, f64::from(*value), *hash))
                .collect();
            let groups: Vec<Option<u32>> = values.iter().map(|(_, _, group)| *group).collect();
            let count = |of: &[Ranked], group: u32| {
                of.iter().filter(|r| groups[r.candidate.index()] == Some(group)).count()
            };
            let choice = Choice::new(batch, omega).with_groups(Some(limit), &groups);
            let chosen = choose(all.clone(), choice, &mut stream(1, 1, Purpose::Draw));

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
            prop_assert_eq!(&chosen.ranking, &expected);
            prop_assert_eq!(chosen.drawn.len(), batch.min(expected.len()));
            prop_assert!(chosen.drawn.iter().all(|at| *at < chosen.window));
            let distinct: std::collections::BTreeSet<_> = chosen.drawn.iter().collect();
            prop_assert_eq!(distinct.len(), chosen.drawn.len());
        }
    }
}
