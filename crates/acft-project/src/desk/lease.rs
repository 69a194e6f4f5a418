//! Leases: who looks at what now. In memory alone.

use std::collections::BTreeMap;

use acft::CandidateId;

use crate::event::{EventId, Moment};
use crate::ledger::{Ledger, Place};

/// All leases.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    /// What each annotator has, in the order in which it is to be labeled.
    of: BTreeMap<String, Vec<CandidateId>>,
    /// Who has a candidate, and until when.
    leases: BTreeMap<CandidateId, Vec<Lease>>,
    /// How far each annotator has come among what is open.
    passed: BTreeMap<String, Passed>,
    /// Candidates whose file cannot be opened now, and until when nobody is
    /// served them.
    put_off: BTreeMap<CandidateId, Moment>,
}

/// So many may be put off at a time. Where more are away it is their disk that
/// is: to go on past them would draw all of U.
const MOST_PUT_OFF: usize = 16;

/// Which of the open members of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those that models are judged on.
    Holdout,
    /// Those that models learn from.
    Lesson,
}

/// Before these places an annotator has spoken of everything that is open:
/// with a second annotator far behind, that is much to walk through. It holds
/// until something is taken back.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    undone: EventId,
    holdout: Place,
    lesson: Place,
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
            if self.holds(annotator, id, now)
                && is_wanted(ledger, id, annotator)
                && !self.is_put_off(id, now)
            {
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

    /// A member of a batch that this annotator may be served and that is
    /// `wanted`, of the oldest batch first.
    pub(super) fn open_for(
        &mut self,
        ledger: &Ledger,
        annotator: &str,
        now: Moment,
        kind: Kind,
        wanted: impl Fn(CandidateId) -> bool,
    ) -> Option<CandidateId> {
        let open = match kind {
            Kind::Holdout => ledger.standing().open_holdout(),
            Kind::Lesson => ledger.standing().open_lesson(),
        };
        let mut passed = self.passed.get(annotator).copied().unwrap_or_default();
        if passed.undone != ledger.last_undone() {
            passed = Passed {
                undone: ledger.last_undone(),
                ..Passed::default()
            };
        }
        let from = match kind {
            Kind::Holdout => &mut passed.holdout,
            Kind::Lesson => &mut passed.lesson,
        };
        let mut unspoken = open
            .range(*from..)
            .map(|&at| (at, ledger.member(at).candidate))
            .filter(|(_, id)| !ledger.votes().has_spoken(*id, annotator))
            .peekable();
        if let Some((first, _)) = unspoken.peek() {
            *from = *first;
        } else if let Some(last) = open.last() {
            *from = (*last).max(*from);
        }
        let found = unspoken.map(|(_, id)| id).find(|id| {
            wanted(*id)
                && !self.is_put_off(*id, now)
                && !self.holds(annotator, *id, now)
                && self.has_room(ledger, *id, annotator, now)
        });
        self.passed.insert(annotator.to_owned(), passed);
        found
    }

    /// Serves a candidate to nobody until then. False where too many are put
    /// off already.
    pub(super) fn put_off(&mut self, id: CandidateId, now: Moment, until: Moment) -> bool {
        self.put_off.retain(|_, until| *until > now);
        let fits = self.put_off.len() < MOST_PUT_OFF;
        if fits {
            self.put_off.insert(id, until);
        }
        fits
    }

    /// Those that are put off, or were until lately.
    pub(super) fn all_put_off(&self) -> impl Iterator<Item = CandidateId> + '_ {
        self.put_off.keys().copied()
    }

    fn is_put_off(&self, id: CandidateId, now: Moment) -> bool {
        self.put_off.get(&id).is_some_and(|until| *until > now)
    }

    /// How many candidates that nobody has labeled are with someone now.
    pub(super) fn unlabeled(&self, ledger: &Ledger, now: Moment) -> usize {
        self.leases
            .iter()
            .filter(|(_, leases)| leases.iter().any(|lease| lease.until > now))
            .filter(|(id, _)| !ledger.votes().is_labeled(**id))
            .count()
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
