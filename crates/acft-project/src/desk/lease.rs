//! Leases: who looks at what now. In memory alone.

use std::collections::BTreeMap;

use acft::CandidateId;

use crate::event::Moment;
use crate::ledger::Ledger;

/// All leases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    /// What each annotator has, in the order in which it is to be labeled.
    of: BTreeMap<String, Vec<CandidateId>>,
    /// Who has a candidate, and until when.
    leases: BTreeMap<CandidateId, Vec<Lease>>,
}

#[derive(Clone, Debug)]
struct Lease {
    annotator: String,
    until: Moment,
}

impl Desk {
    /// What an annotator has and has not spoken of, in order and at most
    /// `count`, leased anew until `until`.
    pub(super) fn renew(
        &mut self,
        ledger: &Ledger,
        annotator: &str,
        now: Moment,
        until: Moment,
        count: usize,
    ) -> Vec<CandidateId> {
        let had = self.of.remove(annotator).unwrap_or_default();
        let mut kept = Vec::with_capacity(had.len());
        for id in had {
            if self.holds(annotator, id, now) && is_wanted(ledger, id, annotator) {
                kept.push(id);
            } else {
                self.drop_lease(annotator, id);
            }
        }
        for id in kept.iter().take(count) {
            self.set(annotator, *id, until);
        }
        let served = kept.iter().copied().take(count).collect();
        if !kept.is_empty() {
            self.of.insert(annotator.to_owned(), kept);
        }
        served
    }

    /// A member of a batch that this annotator may be served: holdouts first,
    /// then the oldest batch.
    pub(super) fn open_for(
        &self,
        ledger: &Ledger,
        annotator: &str,
        now: Moment,
    ) -> Option<CandidateId> {
        let standing = ledger.standing();
        standing
            .open_holdout()
            .iter()
            .chain(standing.open_lesson())
            .map(|&(batch, place)| ledger.batches()[batch as usize - 1].members[place].candidate)
            .find(|id| {
                !self.holds(annotator, *id, now)
                    && is_wanted(ledger, *id, annotator)
                    && self.has_room(ledger, *id, annotator, now)
            })
    }

    /// Whether a further annotator's word is wanted beside those who have
    /// spoken and those who look at it now.
    pub(super) fn has_room(
        &self,
        ledger: &Ledger,
        id: CandidateId,
        annotator: &str,
        now: Moment,
    ) -> bool {
        let votes = ledger.votes();
        let looking = self
            .others(id, annotator, now)
            .filter(|other| !votes.has_spoken(id, other))
            .count();
        votes.of(id).count() + looking < votes.overlap()
    }

    /// Those other than `annotator` who have a candidate now.
    pub(super) fn others<'a>(
        &'a self,
        id: CandidateId,
        annotator: &'a str,
        now: Moment,
    ) -> impl Iterator<Item = &'a str> {
        self.leases
            .get(&id)
            .into_iter()
            .flatten()
            .filter(move |lease| lease.annotator != annotator && lease.until > now)
            .map(|lease| lease.annotator.as_str())
    }

    /// Whether an annotator has a candidate now.
    pub(super) fn holds(&self, annotator: &str, id: CandidateId, now: Moment) -> bool {
        self.leases.get(&id).is_some_and(|leases| {
            leases
                .iter()
                .any(|lease| lease.annotator == annotator && lease.until > now)
        })
    }

    /// Gives an annotator a candidate, to be labeled after what they have.
    pub(super) fn lease(&mut self, annotator: &str, id: CandidateId, until: Moment) {
        self.give(annotator, id, until, usize::MAX);
    }

    /// Gives an annotator a candidate back, to be labeled before what they have.
    pub(super) fn lease_first(&mut self, annotator: &str, id: CandidateId, until: Moment) {
        self.give(annotator, id, until, 0);
    }

    fn give(&mut self, annotator: &str, id: CandidateId, until: Moment, place: usize) {
        let mine = self.of.entry(annotator.to_owned()).or_default();
        mine.retain(|other| *other != id);
        mine.insert(place.min(mine.len()), id);
        self.set(annotator, id, until);
    }

    fn set(&mut self, annotator: &str, id: CandidateId, until: Moment) {
        let leases = self.leases.entry(id).or_default();
        leases.retain(|lease| lease.annotator != annotator);
        leases.push(Lease {
            annotator: annotator.to_owned(),
            until,
        });
    }

    /// An annotator has spoken of a candidate.
    pub(super) fn release(&mut self, annotator: &str, id: CandidateId) {
        if let Some(mine) = self.of.get_mut(annotator) {
            mine.retain(|other| *other != id);
            if mine.is_empty() {
                self.of.remove(annotator);
            }
        }
        self.drop_lease(annotator, id);
    }

    fn drop_lease(&mut self, annotator: &str, id: CandidateId) {
        if let Some(leases) = self.leases.get_mut(&id) {
            leases.retain(|lease| lease.annotator != annotator);
            if leases.is_empty() {
                self.leases.remove(&id);
            }
        }
    }
}

/// Whether a word of this annotator is still wanted.
fn is_wanted(ledger: &Ledger, id: CandidateId, annotator: &str) -> bool {
    let votes = ledger.votes();
    !votes.is_done(id) && !votes.has_spoken(id, annotator) && !ledger.is_unreadable(id)
}
