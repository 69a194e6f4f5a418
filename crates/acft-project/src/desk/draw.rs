//! Drawing while the network is busy, or has not been asked yet.

use std::collections::{BTreeMap, BTreeSet};

use acft::random::{Purpose, keyed_hash};
use acft::{CandidateId, CandidateKey};

use crate::event::{Draw, Event, Member};
use crate::ledger::{Ledger, Part, Ranking};
use crate::rules::Rules;

/// The next batch to serve from; none where U is empty.
pub(super) fn plan(ledger: &Ledger, rules: &Rules) -> Option<Event> {
    if ledger.pool().len() == 0 {
        return None;
    }
    if holdout_is_due(ledger, rules) {
        let members = uniformly(ledger, 1, Purpose::Holdout);
        return Some(batch(ledger, Draw::Holdout, None, members));
    }
    if let Some(ranking) = ledger.ranking() {
        let members = next_best(ledger, rules, ranking);
        if !members.is_empty() {
            return Some(batch(ledger, Draw::Ahead, Some(ranking.number), members));
        }
    }
    let members = uniformly(ledger, rules.ahead.max(1), Purpose::Ahead);
    Some(batch(ledger, Draw::Random, None, members))
}

fn batch(ledger: &Ledger, draw: Draw, ranking: Option<u32>, members: Vec<Member>) -> Event {
    Event::BatchDrawn {
        batch: number(ledger),
        draw,
        ranking,
        members,
    }
}

fn number(ledger: &Ledger) -> u32 {
    ledger.batches().len() as u32 + 1
}

/// One in so many of those served is for the holdout, unless the data brought
/// labels to judge models by.
fn holdout_is_due(ledger: &Ledger, rules: &Rules) -> bool {
    let standing = ledger.standing();
    rules.holdout_one_in > 0
        && !ledger.has_part(Part::Validation)
        && (standing.served() + 1) / rules.holdout_one_in > standing.holdouts()
}

/// The best of a ranking that are still in U, at most so many of one group as
/// all batches from it together may hold.
fn next_best(ledger: &Ledger, rules: &Rules, ranking: &Ranking) -> Vec<Member> {
    let group_of = |id: CandidateId| ledger.candidates()[id.index()].group.as_deref();
    let mut of_group: BTreeMap<&str, usize> = BTreeMap::new();
    if rules.max_per_group.is_some() {
        let from_it = ledger
            .batches()
            .iter()
            .rev()
            .take_while(|batch| batch.at >= ranking.at)
            .filter(|batch| batch.ranking == Some(ranking.number));
        for member in from_it.flat_map(|batch| &batch.members) {
            if let Some(group) = group_of(member.candidate) {
                *of_group.entry(group).or_default() += 1;
            }
        }
    }
    let mut members = Vec::new();
    for member in &ranking.reserve {
        if members.len() == rules.ahead.max(1) {
            break;
        }
        if !ledger.in_pool(member.candidate) {
            continue;
        }
        if let (Some(most), Some(group)) = (rules.max_per_group, group_of(member.candidate)) {
            let count = of_group.entry(group).or_default();
            if *count >= most {
                continue;
            }
            *count += 1;
        }
        members.push(member.clone());
    }
    members
}

/// Candidates of U, each as likely as the next, by the number of the batch alone.
fn uniformly(ledger: &Ledger, count: usize, purpose: Purpose) -> Vec<Member> {
    let mut chosen = BTreeSet::new();
    let mut left = ledger.pool().len();
    for draw in 0..count.min(left) {
        let salt = CandidateKey([draw as u8; 32]);
        let hash = keyed_hash(ledger.seed(), number(ledger), purpose, &salt);
        let at = (hash % left as u64) as usize;
        let id = ledger.pool().filter(|id| !chosen.contains(id)).nth(at);
        chosen.extend(id);
        left -= 1;
    }
    chosen.into_iter().map(Member::unscored).collect()
}
