//! Drawing while the network is busy, or has not been asked yet.

use std::collections::BTreeSet;

use acft::random::{Purpose, keyed_hash};
use acft::ranking::Groups;
use acft::{CandidateId, CandidateKey};

use super::holdout::holdouts;
use crate::event::{Draw, Event, Member};
use crate::ledger::{Ledger, Part, Ranking};
use crate::rules::Rules;

/// So many guesses find a member of a set, unless few are left of all candidates.
const GUESSES: u64 = 64;

/// A holdout, where it is due. Asked before anything else: else a worker that
/// draws the next batch before the last one is labeled would keep it from ever
/// being drawn.
pub(super) fn holdout(ledger: &Ledger, rules: &Rules) -> Option<Event> {
    if !holdout_is_due(ledger, rules) {
        return None;
    }
    let members = holdouts(ledger, rules, 1);
    (!members.is_empty()).then(|| batch(ledger, Draw::Holdout, None, members))
}

/// The next batch to serve from where no other is open; none where U is empty.
pub(super) fn ahead(ledger: &Ledger, rules: &Rules) -> Option<Event> {
    if ledger.pool().len() == 0 {
        return None;
    }
    if let Some(ranking) = ledger.ranking() {
        let members = next_best(ledger, rules, ranking);
        if !members.is_empty() {
            return Some(batch(ledger, Draw::Ahead, Some(ranking.number), members));
        }
    }
    let count = rules.ahead.max(1);
    let members = uniformly(ledger, ledger.pool_set(), count, Purpose::Ahead);
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

/// Whether one more is: one in so many of those served is for the holdout, unless the data brought
/// labels to judge models by. Where there are groups the first is due at once: batches that are
/// learned from would soon have something of each.
fn holdout_is_due(ledger: &Ledger, rules: &Rules) -> bool {
    if rules.holdout_one_in == 0 || ledger.has_part(Part::Validation) {
        return false;
    }
    let (served, held) = (ledger.standing().served(), ledger.standing().holdouts());
    (served + 1) / rules.holdout_one_in > held || held == 0 && ledger.has_groups()
}

/// The best of a ranking that are still in U, at most so many of one group as
/// all batches from it together may hold.
fn next_best(ledger: &Ledger, rules: &Rules, ranking: &Ranking) -> Vec<Member> {
    let group_of = |id: CandidateId| ledger.candidates()[id.index()].group.as_deref();
    let mut groups = Groups::new(rules.max_per_group);
    if rules.max_per_group.is_some() {
        let from_it = ledger
            .batches()
            .iter()
            .rev()
            .take_while(|batch| batch.ranking.is_none_or(|from| from >= ranking.number))
            .filter(|batch| batch.ranking == Some(ranking.number));
        for member in from_it.flat_map(|batch| &batch.members) {
            groups.admit(group_of(member.candidate));
        }
    }
    let mut members = Vec::new();
    for member in &ranking.reserve {
        if members.len() == rules.ahead.max(1) {
            break;
        }
        if ledger.in_pool(member.candidate) && groups.admit(group_of(member.candidate)) {
            members.push(member.clone());
        }
    }
    members
}

/// Candidates of a set, each as likely as the next, by the number of the batch
/// alone, in the order of the draw: the order of a folder is that of classes.
pub(super) fn uniformly(
    ledger: &Ledger,
    from: &BTreeSet<CandidateId>,
    count: usize,
    purpose: Purpose,
) -> Vec<Member> {
    let mut drawn: Vec<CandidateId> = Vec::with_capacity(count);
    for _ in 0..count.min(from.len()) {
        drawn.extend(one_uniformly(ledger, from, &drawn, purpose));
    }
    drawn.into_iter().map(Member::unscored).collect()
}

/// One more of a set. It is guessed among all candidates, which costs nothing
/// while the set is most of them; only where it is a small part is it walked
/// through.
fn one_uniformly(
    ledger: &Ledger,
    from: &BTreeSet<CandidateId>,
    before: &[CandidateId],
    purpose: Purpose,
) -> Option<CandidateId> {
    let number = |guess: u64| {
        let mut salt = [0; 32];
        salt[..8].copy_from_slice(&(before.len() as u64).to_le_bytes());
        salt[8..16].copy_from_slice(&guess.to_le_bytes());
        let batch = number(ledger);
        keyed_hash(ledger.seed(), batch, purpose, &CandidateKey(salt))
    };
    let all = ledger.candidates().len() as u64;
    let guessed = (0..GUESSES)
        .map(|guess| CandidateId((number(guess) % all) as u32))
        .find(|id| from.contains(id) && !before.contains(id));
    guessed.or_else(|| {
        let left = from.len() - before.len();
        let at = (number(GUESSES) % left as u64) as usize;
        from.iter()
            .copied()
            .filter(|id| !before.contains(id))
            .nth(at)
    })
}
