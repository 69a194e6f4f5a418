//! Ranks by scores of another program, and draws the batch: lines 9 and 10 of Algorithm 1, without
//! a network.

use acft::random::{Purpose, keyed_hash, stream};
use acft::ranking::Ranked;
use acft::{CandidateId, Choice, Drawn, Score, choose};
use acft_project::{Draw, Event, Ledger, Member};
use acft_run::data::numbered;

/// How the batch is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub batch: usize,
    /// The window is the best ω × batch.
    pub omega: f64,
    pub max_per_group: Option<usize>,
    /// How many of the best the ranking names at least.
    pub reserve: usize,
}

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
    let choice = Choice::new(rules.batch, rules.omega).with_groups(rules.max_per_group, &groups);
    let mut draws = stream(ledger.seed(), number, Purpose::Draw);
    let chosen = choose(scored, choice, &mut draws);
    let reserve = chosen.best(rules.reserve);
    let member = |drawn: &Drawn| Member {
        rank: drawn.rank,
        score: Some(drawn.score),
        ..Member::unscored(drawn.candidate)
    };
    let last = ledger.batches().last().map_or(0, |batch| batch.number);
    vec![
        Event::Ranked {
            ranking: number,
            model: None,
            scored: scores.len(),
            reserve: reserve.iter().map(member).collect(),
            // It names as many as there are but for groups.
            short: reserve.len() < rules.reserve.min(scores.len()),
        },
        Event::BatchDrawn {
            batch: last + 1,
            draw: Draw::Query,
            ranking: Some(number),
            members: chosen.batch().iter().map(member).collect(),
        },
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft::CandidateKey;
    use acft_project::{Candidate, EventId, Moment, Origin, Part};

    use super::*;

    /// How many the ranking of 60 candidates in groups of 6 names, and whether
    /// groups keep it short.
    fn ranked(max_per_group: Option<usize>) -> (usize, bool) {
        let candidate = |at: u32| Candidate {
            key: CandidateKey([at as u8; 32]),
            name: at.to_string(),
            path: format!("{at}.png"),
            region: None,
            group: Some((at / 6).to_string()),
            part: Part::Pool,
            origin: Origin::Listed,
        };
        let rows: Vec<Candidate> = (0..60).map(candidate).collect();
        let mut ledger = Ledger::default();
        let created = Event::Created {
            seed: 1,
            version: String::new(),
        };
        let added = Event::CandidatesAdded {
            origin: Origin::Listed,
            count: rows.len(),
            stamps: Vec::new(),
        };
        ledger.apply(EventId(1), Moment(0), &created, &[]).unwrap();
        ledger.apply(EventId(2), Moment(0), &added, &rows).unwrap();
        let score = |at: u32| Score {
            dominant: 0,
            kept: 0,
            entropy: 0.0,
            diversity: 0.0,
            value: f64::from(at),
        };
        let scores: Vec<_> = (0..60).map(|at| (CandidateId(at), score(at))).collect();
        // A batch of --batch, and a reserve by the batch of acft.toml.
        let rules = Rules {
            batch: 2,
            omega: 2.0,
            max_per_group,
            reserve: 40,
        };
        match &events(&ledger, &scores, rules)[0] {
            Event::Ranked { reserve, short, .. } => (reserve.len(), *short),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_ranking_is_as_long_as_the_settings_say_however_small_the_batch() {
        assert_eq!(ranked(None), (40, false));
        assert_eq!(ranked(Some(1)), (10, true));
        assert_eq!(ranked(Some(6)), (40, false));
    }
}
