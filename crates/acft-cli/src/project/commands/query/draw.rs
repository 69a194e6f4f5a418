//! A ranking by scores made elsewhere, and the batch drawn from it: lines 7
//! and 8 of Algorithm 1 without a network.

use acft::random::{Purpose, keyed_hash, stream};
use acft::ranking::{Groups, Ranked, top};
use acft::{CandidateId, Score, sampling};
use acft_project::{Draw, Event, Ledger, Member};

use crate::simulate::data::numbered;

/// How the batch is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub batch: usize,
    /// The window is the best ω × batch.
    pub omega: f64,
    pub max_per_group: Option<usize>,
}

/// Batches beyond the window that the ranking is kept for.
const AHEAD: usize = 5;

/// The ranking and its batch, as events.
pub(super) fn events(ledger: &Ledger, scores: &[(CandidateId, Score)], rules: Rules) -> Vec<Event> {
    let number = ledger.rankings() + 1;
    let scored: Vec<Ranked> = scores
        .iter()
        .map(|(id, score)| Ranked {
            candidate: *id,
            score: *score,
            tie_break: keyed_hash(
                ledger.seed(),
                number,
                Purpose::TieBreak,
                &ledger.candidates()[id.index()].key,
            ),
        })
        .collect();
    let groups = numbered(ledger.candidates().iter().map(|one| one.group.as_deref()));
    let window = sampling::window_len(rules.omega, rules.batch, scored.len());
    let kept = window + AHEAD * rules.batch;
    let reserve = top(scored, kept, Groups::new(rules.max_per_group, &groups));
    let window = window.min(reserve.len());
    let drawn = draw(ledger.seed(), number, &reserve[..window], rules.batch);
    let member = |at: usize| Member {
        rank: Some(at + 1),
        score: Some(reserve[at].score),
        ..Member::unscored(reserve[at].candidate)
    };
    let last = ledger.batches().last().map_or(0, |batch| batch.number);
    vec![
        Event::Ranked {
            ranking: number,
            model: None,
            scored: scores.len(),
            reserve: (0..reserve.len()).map(member).collect(),
        },
        Event::BatchDrawn {
            batch: last + 1,
            draw: Draw::Query,
            ranking: Some(number),
            members: drawn.into_iter().map(member).collect(),
        },
    ]
}

fn draw(seed: u64, number: u32, window: &[Ranked], batch: usize) -> Vec<usize> {
    // As in Algorithm 1, line 8: where there is nothing to draw, all of the
    // window is taken, best first.
    if window.len() <= batch {
        return (0..window.len()).collect();
    }
    let scores: Vec<f64> = window.iter().map(|ranked| ranked.score.value).collect();
    let mut rng = stream(seed, number, Purpose::Draw);
    sampling::draw(&sampling::weights(&scores), batch, &mut rng)
}
