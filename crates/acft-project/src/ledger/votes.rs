//! Labels, skips and flags: who said what of a candidate, and what counts.

use std::collections::BTreeMap;

use acft::CandidateId;

use super::{Classes, Contradiction, refuse};
use crate::event::{ClassId, EventId, LabelOrigin, Moment};

/// What one annotator said of one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Vote {
    /// The event that it is from.
    pub event: EventId,
    /// When.
    pub at: Moment,
    /// Of what.
    pub candidate: CandidateId,
    /// The class, as it was then; none for a skip.
    pub class: Option<ClassId>,
    /// Who.
    pub annotator: String,
    /// How long it took.
    pub seconds: Option<f64>,
    /// The vote that it replaces.
    pub supersedes: Option<EventId>,
    /// How it came.
    pub origin: LabelOrigin,
}

/// Someone was unsure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Who.
    pub annotator: String,
    /// In their words.
    pub note: String,
    /// When.
    pub at: Moment,
}

/// All votes and flags.
#[derive(Clone, Debug, Default)]
pub struct Votes {
    overlap: usize,
    /// Those that count or were replaced, oldest first; undone ones are gone.
    of: BTreeMap<CandidateId, Vec<Vote>>,
    /// Which candidate an event speaks of.
    events: BTreeMap<EventId, CandidateId>,
    flags: BTreeMap<CandidateId, Vec<Flag>>,
}

impl Votes {
    pub(super) fn new(overlap: usize) -> Self {
        Self {
            overlap: overlap.max(1),
            ..Self::default()
        }
    }

    pub(super) fn label(&mut self, vote: Vote) -> Result<(), Contradiction> {
        if let Some(earlier) = vote.supersedes
            && self.events.get(&earlier) != Some(&vote.candidate)
        {
            return refuse(format!(
                "event {} is no label of candidate {}",
                earlier.0, vote.candidate.0
            ));
        }
        self.events.insert(vote.event, vote.candidate);
        self.of.entry(vote.candidate).or_default().push(vote);
        Ok(())
    }

    /// Takes a vote back; says of which candidate it was.
    pub(super) fn undo(
        &mut self,
        event: EventId,
        annotator: &str,
    ) -> Result<CandidateId, Contradiction> {
        let candidate = self.events.get(&event).copied();
        let votes = candidate.and_then(|candidate| self.of.get_mut(&candidate));
        let Some((candidate, votes)) = candidate.zip(votes) else {
            return refuse(format!("event {} is no label or skip to undo", event.0));
        };
        let Some(at) = votes.iter().position(|vote| vote.event == event) else {
            return refuse(format!("event {} is no label or skip to undo", event.0));
        };
        if votes[at].annotator != annotator {
            return refuse(format!(
                "{annotator} cannot undo what {} said",
                votes[at].annotator
            ));
        }
        votes.remove(at);
        if votes.is_empty() {
            self.of.remove(&candidate);
        }
        self.events.remove(&event);
        Ok(candidate)
    }

    pub(super) fn flag(&mut self, id: CandidateId, annotator: &str, note: &str, at: Moment) {
        let flags = self.flags.entry(id).or_default();
        flags.retain(|flag| flag.annotator != annotator);
        flags.push(Flag {
            annotator: annotator.to_owned(),
            note: note.to_owned(),
            at,
        });
    }

    pub(super) fn unflag(&mut self, id: CandidateId, annotator: &str) -> Result<(), Contradiction> {
        let Some(flags) = self.flags.get_mut(&id) else {
            return refuse(format!("candidate {} has no flag", id.0));
        };
        let before = flags.len();
        flags.retain(|flag| flag.annotator != annotator);
        if flags.len() == before {
            return refuse(format!("candidate {} has no flag of {annotator}", id.0));
        }
        if flags.is_empty() {
            self.flags.remove(&id);
        }
        Ok(())
    }

    /// How many annotators label each candidate before its label counts.
    pub fn overlap(&self) -> usize {
        self.overlap
    }

    /// What stands of a candidate: each annotator's last word, in the order of
    /// their first.
    pub fn of(&self, id: CandidateId) -> impl Iterator<Item = &Vote> + '_ {
        let votes = self.of.get(&id).map_or(&[][..], Vec::as_slice);
        votes.iter().enumerate().filter_map(move |(at, vote)| {
            let later = votes[at + 1..]
                .iter()
                .any(|other| other.annotator == vote.annotator);
            (!later).then_some(vote)
        })
    }

    /// Everything that was said of a candidate and not taken back, oldest first.
    pub fn history(&self, id: CandidateId) -> &[Vote] {
        self.of.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether this annotator has said anything of it.
    pub fn has_spoken(&self, id: CandidateId, annotator: &str) -> bool {
        self.history(id)
            .iter()
            .any(|vote| vote.annotator == annotator)
    }

    /// Whether enough annotators have spoken, or one whose word settles it.
    pub fn is_done(&self, id: CandidateId) -> bool {
        self.of(id).count() >= self.overlap || self.of(id).any(stands_alone)
    }

    /// The label that counts: the last that settles; else, once enough
    /// annotators have spoken, what more than half of those who gave a label
    /// agree on. None where it is skipped, disputed or not done.
    pub fn settled(&self, id: CandidateId, classes: &Classes) -> Option<ClassId> {
        let settling = self
            .history(id)
            .iter()
            .rev()
            .find(|vote| vote.origin.settles());
        if let Some(vote) = settling {
            return vote.class.map(|class| classes.today(class));
        }
        if !self.is_done(id) {
            return None;
        }
        let given: Vec<ClassId> = self
            .of(id)
            .filter_map(|vote| vote.class)
            .map(|class| classes.today(class))
            .collect();
        given.iter().copied().find(|class| {
            let agree = given.iter().filter(|other| *other == class).count();
            2 * agree > given.len()
        })
    }

    /// Whether annotators who gave a label contradict each other, and no
    /// second look has settled it.
    pub fn is_disputed(&self, id: CandidateId, classes: &Classes) -> bool {
        if self.history(id).iter().any(|vote| vote.origin.settles()) {
            return false;
        }
        let mut given = self
            .of(id)
            .filter_map(|vote| vote.class)
            .map(|class| classes.today(class));
        let first = given.next();
        given.any(|class| Some(class) != first)
    }

    /// Every candidate of which something was said, in the order of the first
    /// word that still stands.
    pub fn in_order(&self) -> impl Iterator<Item = CandidateId> + '_ {
        let mut order: Vec<(EventId, CandidateId)> = self
            .of
            .iter()
            .filter_map(|(id, votes)| Some((votes.first()?.event, *id)))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id)
    }

    /// All votes that stand or were replaced, in the order of their events.
    pub fn all(&self) -> Vec<&Vote> {
        let mut all: Vec<&Vote> = self.of.values().flatten().collect();
        all.sort_unstable_by_key(|vote| vote.event);
        all
    }

    /// The last thing that an annotator said and has not taken back.
    pub fn last_of(&self, annotator: &str) -> Option<&Vote> {
        self.of
            .values()
            .flatten()
            .filter(|vote| vote.annotator == annotator)
            .max_by_key(|vote| vote.event)
    }

    /// How many candidates have a label from anyone: the labels spent.
    pub(super) fn spent(&self) -> usize {
        self.of
            .values()
            .filter(|votes| votes.iter().any(|vote| vote.class.is_some()))
            .count()
    }

    /// The flags of a candidate.
    pub fn flags(&self, id: CandidateId) -> &[Flag] {
        self.flags.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// A word that needs no second one: what did not come from labeling a batch.
fn stands_alone(vote: &Vote) -> bool {
    vote.origin != LabelOrigin::Expert
}
