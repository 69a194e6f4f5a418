//! Which candidates are held out.
//!
//! What is of one group or image stays together, so that a holdout sets all
//! else of it aside. Where nothing must stay together that costs nothing, and
//! each candidate is as likely as the next. Where there are groups, groups are
//! what is drawn: else the largest, of which most would be lost, would be the
//! likeliest, and a few labels could take most of the pool.

use std::collections::BTreeSet;

use acft::CandidateId;
use acft::random::{KeyedHash, Purpose};

use super::draw::uniformly;
use crate::event::Member;
use crate::ledger::{Ledger, Side};
use crate::rules::Rules;

/// At most `count` candidates to judge models by, a function of the number of
/// the batch that they would be. Fewer, or none, where more of the pool would
/// have to be set aside for them than may be.
///
/// One in `holdout_one_in` of the candidates is set aside at most, in as many
/// groups as come to that; then more of the same are held out. Only where that
/// leaves none is the smallest of the larger groups taken, unless models are
/// then judged on more than half of all, or nothing is left to learn from.
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

/// A group of which nothing was drawn or spoken of.
struct Group {
    /// Its place by chance.
    order: u64,
    /// How many of it can be read.
    size: usize,
    /// How many of it can be drawn, each with its place by chance: the first first.
    free: BTreeSet<(u64, CandidateId)>,
}

/// A draw from groups that goes on.
struct Drawing {
    /// How many candidates there are that can be read.
    all: usize,
    /// How many of them may be set aside for judging.
    share: usize,
    /// How many are of groups that models are judged on.
    aside: usize,
    /// Of those, how many do judge, or still can.
    held: usize,
    /// How many are left to learn from.
    left: usize,
    groups: Vec<Group>,
    /// What can be drawn of groups that models are judged on already.
    beside: BTreeSet<(u64, CandidateId)>,
}

impl Drawing {
    fn new(ledger: &Ledger, rules: &Rules) -> Self {
        let number = ledger.batches().len() as u32 + 1;
        let hash = KeyedHash::new(ledger.seed(), number, Purpose::Holdout);
        let placed = |id: CandidateId| (hash.of(&ledger.candidates()[id.index()].key), id);
        let (mut all, mut aside, mut held) = (0, 0, 0);
        let mut groups = Vec::new();
        for unit in ledger.units() {
            let members = unit.members.iter().copied();
            let readable = members.filter(|id| !ledger.is_unreadable(*id));
            let size = readable.clone().count();
            all += size;
            let free = readable.clone().filter(|id| ledger.holdable().contains(id));
            match unit.side {
                Some(Side::Lesson) => {}
                Some(Side::Holdout) => {
                    aside += size;
                    held += free.count() + readable.filter(|id| ledger.is_holdout(*id)).count();
                }
                None => groups.push(Group {
                    order: placed(unit.members[0]).0,
                    size,
                    free: free.map(placed).collect(),
                }),
            }
        }
        groups.retain(|group| !group.free.is_empty());
        Self {
            all,
            share: (all / rules.holdout_one_in.max(1)).max(1),
            aside,
            held,
            left: ledger.pool().len(),
            groups,
            beside: (ledger.holdable() - ledger.pool_set())
                .into_iter()
                .map(placed)
                .collect(),
        }
    }

    fn one(&mut self) -> Option<CandidateId> {
        let room = self.share.saturating_sub(self.held);
        if let Some(at) = self.first(|group| (group.size > room, group.order))
            && self.groups[at].size <= room
        {
            return self.take(at);
        }
        if let Some((_, id)) = self.beside.pop_first() {
            return Some(id);
        }
        let at = self.first(|group| (group.size, group.order))?;
        (room > 0).then(|| self.take(at))?
    }

    /// The first by `key` of the groups that may be set aside.
    fn first<K: Ord>(&self, key: impl Fn(&Group) -> K) -> Option<usize> {
        let may_be = |group: &Group| {
            2 * (self.aside + group.size) <= self.all && group.free.len() < self.left
        };
        let groups = self.groups.iter().enumerate();
        groups
            .filter(|(_, group)| may_be(group))
            .min_by_key(|(_, group)| key(group))
            .map(|(at, _)| at)
    }

    /// Sets a group aside, and draws the first of it.
    fn take(&mut self, at: usize) -> Option<CandidateId> {
        let mut group = self.groups.swap_remove(at);
        self.aside += group.size;
        self.held += group.size;
        self.left -= group.free.len();
        let (_, id) = group.free.pop_first()?;
        self.beside.append(&mut group.free);
        Some(id)
    }
}
