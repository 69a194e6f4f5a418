//! What every candidate has come to, kept up to date event by event, so that
//! serving a label never walks through all of them.

use std::collections::{BTreeMap, BTreeSet};

use acft::CandidateId;

use crate::event::{ClassId, Draw};

/// How a candidate came before someone who labels: what it is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// Drawn from a ranking.
    Queried,
    /// Drawn uniformly, to be learned from.
    Random,
    /// Drawn by chance, to judge models.
    Holdout,
    /// Of one group or image with a holdout, and none itself.
    Beside,
    /// Of the validation part of the data.
    Validation,
    /// Of the test part of the data.
    Test,
    /// Never drawn: imported, or reported by a reader.
    Brought,
}

impl Share {
    /// What a draw of the pool counts under.
    pub fn of(draw: Draw) -> Self {
        match draw {
            Draw::Query | Draw::Ahead => Self::Queried,
            Draw::Random => Self::Random,
            Draw::Holdout => Self::Holdout,
        }
    }

    /// Whether models may learn from it.
    pub fn is_lesson(self) -> bool {
        matches!(self, Self::Queried | Self::Random | Self::Brought)
    }

    /// Whether models are judged on it.
    pub fn is_holdout(self) -> bool {
        matches!(self, Self::Holdout | Self::Validation)
    }

    fn was_drawn(self) -> bool {
        matches!(self, Self::Queried | Self::Random | Self::Holdout)
    }
}

/// What has come of a candidate of which something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Not enough annotators have spoken.
    Waiting,
    /// It has a label that counts.
    Labeled(ClassId),
    /// Everyone passed it over.
    Skipped,
    /// Enough have spoken, and no label has more than half of them.
    Undecided,
}

/// The place of a candidate in its batch.
pub(crate) type Place = (u32, usize);

/// What is known of one candidate when it is put in its place.
pub(super) struct Facts {
    pub share: Share,
    pub place: Option<Place>,
    /// None where nothing was said.
    pub outcome: Option<Outcome>,
    pub disputed: bool,
    pub readable: bool,
}

/// Indexes over candidates; each is a function of the events alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    outcomes: BTreeMap<CandidateId, (Share, Outcome)>,
    counts: BTreeMap<(Share, Outcome), usize>,
    disputed: BTreeSet<CandidateId>,
    /// Drawn, readable, and not done: holdouts, and the others.
    open_holdout: BTreeSet<Place>,
    open_lesson: BTreeSet<Place>,
    /// What the model in use has learned, with the labels it learned.
    known: BTreeMap<CandidateId, ClassId>,
    unlearned: BTreeSet<CandidateId>,
}

impl Standing {
    pub(super) fn set(&mut self, id: CandidateId, facts: &Facts) {
        self.forget(id);
        let outcome = facts.outcome.filter(|_| facts.readable);
        if let Some(place) = facts.place {
            let open = match facts.share {
                Share::Holdout => &mut self.open_holdout,
                _ => &mut self.open_lesson,
            };
            // A word on what is beside a holdout would be of no use.
            let is_wanted = facts.readable && facts.share != Share::Beside;
            if is_wanted && matches!(outcome, None | Some(Outcome::Waiting)) {
                open.insert(place);
            } else {
                open.remove(&place);
            }
        }
        let Some(outcome) = outcome else {
            return;
        };
        self.outcomes.insert(id, (facts.share, outcome));
        *self.counts.entry((facts.share, outcome)).or_default() += 1;
        if facts.disputed {
            self.disputed.insert(id);
        }
        self.recall(id);
    }

    fn forget(&mut self, id: CandidateId) {
        if let Some(before) = self.outcomes.remove(&id)
            && let Some(count) = self.counts.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&before);
            }
        }
        self.disputed.remove(&id);
        self.unlearned.remove(&id);
    }

    /// Whether the label that counts is new to the model in use.
    fn recall(&mut self, id: CandidateId) {
        match self.outcomes.get(&id) {
            Some((share, Outcome::Labeled(class)))
                if share.is_lesson() && self.known.get(&id) != Some(class) =>
            {
                self.unlearned.insert(id);
            }
            _ => {
                self.unlearned.remove(&id);
            }
        }
    }

    /// Another model is in use.
    pub(super) fn learned(&mut self, known: BTreeMap<CandidateId, ClassId>) {
        self.known = known;
        let ids: Vec<CandidateId> = self.outcomes.keys().copied().collect();
        for id in ids {
            self.recall(id);
        }
    }

    pub(super) fn unlearned(&self) -> &BTreeSet<CandidateId> {
        &self.unlearned
    }

    /// What came of a candidate; none where nothing was said, or where it
    /// cannot be read.
    pub fn outcome(&self, id: CandidateId) -> Option<(Share, Outcome)> {
        self.outcomes.get(&id).copied()
    }

    /// All candidates of which something was said and that can be read, by id.
    pub fn outcomes(&self) -> impl ExactSizeIterator<Item = (CandidateId, Share, Outcome)> + '_ {
        self.outcomes
            .iter()
            .map(|(id, (share, outcome))| (*id, *share, *outcome))
    }

    /// How many there are of each share and outcome.
    pub fn counts(&self) -> impl Iterator<Item = (Share, Outcome, usize)> + '_ {
        self.counts
            .iter()
            .map(|((share, outcome), count)| (*share, *outcome, *count))
    }

    /// Those whose annotators contradict each other, and that no second look
    /// has settled.
    pub fn disputed(&self) -> &BTreeSet<CandidateId> {
        &self.disputed
    }

    /// Members of batches that wait for a word, oldest batch first: those kept
    /// for judging models.
    pub(crate) fn open_holdout(&self) -> &BTreeSet<Place> {
        &self.open_holdout
    }

    /// Members of batches that wait for a word, oldest batch first: those to
    /// be learned from.
    pub(crate) fn open_lesson(&self) -> &BTreeSet<Place> {
        &self.open_lesson
    }

    /// How many drawn candidates someone has spoken of.
    pub(crate) fn served(&self) -> usize {
        self.counts()
            .filter(|(share, ..)| share.was_drawn())
            .map(|(.., count)| count)
            .sum()
    }

    /// How many were drawn for the holdout, and can be read.
    pub(crate) fn holdouts(&self) -> usize {
        let done: usize = self
            .counts()
            .filter(|(share, outcome, _)| *share == Share::Holdout && *outcome != Outcome::Waiting)
            .map(|(.., count)| count)
            .sum();
        done + self.open_holdout.len()
    }
}
