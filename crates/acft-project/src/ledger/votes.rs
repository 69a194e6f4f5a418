//! Labels, skips and flags: who said what of a candidate, and what counts.

use std::collections::{BTreeMap, BTreeSet};

use acft::CandidateId;

use super::{Classes, Contradiction, Outcome, refuse};
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
    /// Candidates by the first word that still stands.
    order: BTreeSet<(EventId, CandidateId)>,
    /// What each annotator has said.
    by: BTreeMap<String, Spoken>,
    /// The labels whose time is known.
    timed: BTreeMap<EventId, f64>,
    spent: usize,
}

/// What one annotator has said and not taken back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spoken {
    /// Labels and skips of what was served, oldest first.
    served: BTreeSet<EventId>,
    /// How many labels, second looks not counted.
    pub labels: usize,
    /// How many skips, second looks not counted.
    pub skips: usize,
    /// How many second looks.
    pub reviews: usize,
    /// The seconds of the labels whose time is known, summed, and how many
    /// they are.
    pub seconds: (f64, usize),
}

impl Spoken {
    fn add(&mut self, vote: &Vote) {
        if vote.origin == LabelOrigin::Expert {
            self.served.insert(vote.event);
        }
        *self.count_of(vote) += 1;
        if let Some(seconds) = timed(vote) {
            self.seconds.0 += seconds;
            self.seconds.1 += 1;
        }
    }

    fn remove(&mut self, vote: &Vote) {
        self.served.remove(&vote.event);
        *self.count_of(vote) -= 1;
        if let Some(seconds) = timed(vote) {
            self.seconds.0 -= seconds;
            self.seconds.1 -= 1;
        }
    }

    fn count_of(&mut self, vote: &Vote) -> &mut usize {
        match (vote.origin, vote.class) {
            (LabelOrigin::Review, _) => &mut self.reviews,
            (_, Some(_)) => &mut self.labels,
            (_, None) => &mut self.skips,
        }
    }
}

/// The seconds of a label; a skip is no measure of one.
fn timed(vote: &Vote) -> Option<f64> {
    vote.class.and(vote.seconds)
}

/// A label that a person gave to this project.
fn spends(vote: &Vote) -> bool {
    vote.class.is_some() && vote.origin != LabelOrigin::Manifest
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
        // Who gave what came with the data is not known.
        if vote.origin != LabelOrigin::Manifest {
            self.by
                .entry(vote.annotator.clone())
                .or_default()
                .add(&vote);
        }
        if let Some(seconds) = timed(&vote) {
            self.timed.insert(vote.event, seconds);
        }
        let votes = self.of.entry(vote.candidate).or_default();
        if votes.is_empty() {
            self.order.insert((vote.event, vote.candidate));
        }
        self.spent += usize::from(spends(&vote) && !votes.iter().any(spends));
        votes.push(vote);
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
        let vote = votes.remove(at);
        self.spent -= usize::from(spends(&vote) && !votes.iter().any(spends));
        if at == 0 {
            self.order.remove(&(event, candidate));
            match votes.first() {
                Some(first) => {
                    self.order.insert((first.event, candidate));
                }
                None => {
                    self.of.remove(&candidate);
                }
            }
        }
        self.events.remove(&event);
        self.timed.remove(&event);
        if vote.origin != LabelOrigin::Manifest
            && let Some(spoken) = self.by.get_mut(annotator)
        {
            spoken.remove(&vote);
        }
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

    /// Whether a candidate would wait for this annotator's word if it had none
    /// by being served.
    pub(crate) fn is_open_without(&self, id: CandidateId, annotator: &str) -> bool {
        let history = self.history(id);
        let others = self.of(id).filter(|vote| vote.annotator != annotator);
        !history.iter().any(stands_alone) && others.count() < self.overlap
    }

    /// What came of a candidate; none where nothing was said.
    pub(super) fn outcome(&self, id: CandidateId, classes: &Classes) -> Option<Outcome> {
        let history = self.history(id);
        if history.is_empty() {
            return None;
        }
        if let Some(class) = self.settled(id, classes) {
            return Some(Outcome::Labeled(class));
        }
        if !self.is_done(id) {
            return Some(Outcome::Waiting);
        }
        let settled = history.iter().any(|vote| vote.origin.settles());
        if settled || self.of(id).all(|vote| vote.class.is_none()) {
            return Some(Outcome::Skipped);
        }
        Some(Outcome::Undecided)
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
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = CandidateId> + '_ {
        self.order.iter().map(|(_, id)| *id)
    }

    /// The first word on a candidate that still stands.
    pub(super) fn first(&self, id: CandidateId) -> Option<EventId> {
        self.history(id).first().map(|vote| vote.event)
    }

    /// All votes that stand or were replaced, in the order of their events.
    pub fn all(&self) -> Vec<&Vote> {
        self.events
            .iter()
            .filter_map(|(event, id)| self.find(*event, *id))
            .collect()
    }

    fn find(&self, event: EventId, id: CandidateId) -> Option<&Vote> {
        self.history(id).iter().find(|vote| vote.event == event)
    }

    /// The last thing that an annotator said of what was served, and has not
    /// taken back.
    pub fn last_of(&self, annotator: &str) -> Option<&Vote> {
        self.served_to(annotator).next()
    }

    /// What an annotator said of what was served, last first.
    pub(crate) fn served_to(&self, annotator: &str) -> impl Iterator<Item = &Vote> + '_ {
        self.by
            .get(annotator)
            .into_iter()
            .flat_map(|spoken| spoken.served.iter().rev())
            .filter_map(|event| self.find(*event, *self.events.get(event)?))
    }

    /// What each annotator has said, by name.
    pub fn annotators(&self) -> impl Iterator<Item = (&str, &Spoken)> + '_ {
        self.by.iter().map(|(name, spoken)| (name.as_str(), spoken))
    }

    /// The seconds of the labels whose time is known, last first.
    pub fn seconds(&self) -> impl Iterator<Item = f64> + '_ {
        self.timed.values().rev().copied()
    }

    /// Whether anyone gave it a label that still stands.
    pub fn is_labeled(&self, id: CandidateId) -> bool {
        self.history(id).iter().any(|vote| vote.class.is_some())
    }

    /// How many candidates have a label that a person gave: the labels spent.
    pub(super) fn spent(&self) -> usize {
        self.spent
    }

    /// Candidates that someone is unsure about, by id.
    pub fn flagged(&self) -> impl ExactSizeIterator<Item = CandidateId> + '_ {
        self.flags.keys().copied()
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
