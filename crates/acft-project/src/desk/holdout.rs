//! Which candidates are held out.
//!
//! What is of one group or image stays together, so that a holdout sets all
//! else of it aside. Where nothing must stay together that costs nothing, and
//! each candidate is as likely as the next. Where there are groups, groups are
//! what is drawn: else the largest, of which most would be lost, would be the
//! likeliest, and a few labels could take most of the pool.

use std::collections::BTreeSet;

use acft::CandidateId;
use acft::random::{Purpose, keyed_hash};

use super::draw::uniformly;
use crate::event::Member;
use crate::ledger::{Ledger, Side, Unit};
use crate::rules::Rules;

/// At most `count` candidates to judge models by, a function of the number of
/// the batch that they would be. Fewer, or none, where more of the pool would
/// have to be set aside for them than may be.
///
/// About one in `holdout_one_in` of the candidates is set aside, in as many
/// groups as come to that; once it is, only more of the same are held out.
/// Where no group is that small, it is the smallest, unless it is more than
/// half of all, or all that is left to learn from.
pub fn holdouts(ledger: &Ledger, rules: &Rules, count: usize) -> Vec<Member> {
    if !ledger.has_groups() {
        return uniformly(ledger, ledger.holdable(), count, Purpose::Holdout);
    }
    let mut drawing = Drawing::new(ledger, rules);
    (0..count)
        .map_while(|_| drawing.one())
        .map(Member::unscored)
        .collect()
}

/// A draw from groups that goes on.
struct Drawing<'a> {
    ledger: &'a Ledger,
    one_in: usize,
    /// How many candidates there are that could have been learned from.
    all: usize,
    /// Of those, how many are of groups that models are judged on.
    held: usize,
    /// How many are left to learn from.
    left: usize,
    /// What was drawn, and all that can be drawn beside it.
    drawn: BTreeSet<CandidateId>,
    beside: BTreeSet<CandidateId>,
}

impl<'a> Drawing<'a> {
    fn new(ledger: &'a Ledger, rules: &Rules) -> Self {
        let (mut all, mut held) = (0, 0);
        for unit in ledger.units() {
            all += unit.members.len();
            if unit.side == Some(Side::Holdout) {
                held += unit.members.len();
            }
        }
        Self {
            ledger,
            one_in: rules.holdout_one_in.max(1),
            all,
            held,
            left: ledger.pool().len(),
            drawn: BTreeSet::new(),
            beside: ledger.holdable() - ledger.pool_set(),
        }
    }

    fn one(&mut self) -> Option<CandidateId> {
        let is_enough = self.held * self.one_in >= self.all;
        if !is_enough && let Some(unit) = self.unit() {
            let free = self.free(unit);
            self.held += unit.members.len();
            self.left -= free.len();
            let id = self.first(&free)?;
            self.beside.extend(free);
            return self.take(id);
        }
        let beside: Vec<CandidateId> = self.beside.iter().copied().collect();
        let id = self.first(&beside)?;
        self.take(id)
    }

    fn take(&mut self, id: CandidateId) -> Option<CandidateId> {
        self.beside.remove(&id);
        self.drawn.insert(id);
        Some(id)
    }

    /// The next group: one of those that fit, or the smallest.
    fn unit(&self) -> Option<&'a Unit> {
        let share = self.all / self.one_in;
        self.ledger
            .units()
            .filter(|unit| unit.side.is_none())
            .filter(|unit| 2 * (self.held + unit.members.len()) <= self.all)
            .filter_map(|unit| {
                let free = self.free(unit);
                let is_free = !free.is_empty() && free.len() < self.left;
                let size = unit.members.len();
                let beyond = if self.held + size <= share { 0 } else { size };
                is_free.then(|| (beyond, self.order(unit.members[0]), unit))
            })
            .min_by_key(|(beyond, order, _)| (*beyond, *order))
            .map(|(_, _, unit)| unit)
    }

    /// Those of a group that can still be drawn.
    fn free(&self, unit: &Unit) -> Vec<CandidateId> {
        let is_free = |id: &CandidateId| {
            let is_taken = self.drawn.contains(id) || self.beside.contains(id);
            self.ledger.holdable().contains(id) && !is_taken
        };
        unit.members.iter().copied().filter(is_free).collect()
    }

    fn first(&self, of: &[CandidateId]) -> Option<CandidateId> {
        of.iter().copied().min_by_key(|id| self.order(*id))
    }

    /// A place by chance.
    fn order(&self, id: CandidateId) -> u64 {
        let key = &self.ledger.candidates()[id.index()].key;
        let number = self.ledger.batches().len() as u32 + 1;
        keyed_hash(self.ledger.seed(), number, Purpose::Holdout, key)
    }
}
