//! Who is served what next, and what they may say of it.
//!
//! Everything but the leases is a function of the events, so that a server
//! started again serves what the one before it would have. A lease only keeps
//! two annotators from the same candidate at the same time: losing all of them
//! costs nothing but a moment of double work.

mod agreement;
mod draw;
mod foreseen;
mod holdout;
mod lease;
mod models;
mod progress;
mod review;
mod speak;

use acft::CandidateId;

use crate::error::Error;
use crate::event::{Draw, Event, Moment};
use crate::project::Project;
use lease::Kind;

pub use agreement::{Agreement, Pair};
pub use foreseen::Foreseen;
pub use holdout::holdouts;
pub(crate) use lease::Desk;
pub use progress::{
    AnnotatorProgress, Balance, BatchProgress, ClassCount, CurvePoint, HoldoutProgress, Progress,
};
pub use review::{Filter, ReviewPage, Reviewed};
pub use speak::Undone;

/// The most that is served at once: more would keep others from it.
const MOST_AT_ONCE: usize = 50;

/// How long a candidate is passed over whose file cannot be opened.
const PUT_OFF_MS: i64 = 15_000;

/// A candidate that someone is to label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub candidate: CandidateId,
    /// The batch that it was drawn in.
    pub batch: u32,
    /// How it was chosen.
    pub draw: Draw,
    /// How long it is kept for them.
    pub until: Moment,
}

/// What is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// In the order in which they are to be labeled; may be fewer than asked for.
    pub assignments: Vec<Assignment>,
    /// Why nothing more is proposed, where that is so: a sentence.
    pub advice: Option<String>,
    /// Whether nothing is left to label, with this annotator or another.
    pub exhausted: bool,
}

impl Project {
    /// Serves an annotator the next `count` candidates. What they have and
    /// have not labeled yet comes first, so that asking again gives the same.
    ///
    /// Then, until there are `count`: when it is due, a draw by chance for the
    /// holdout; members of batches that wait for a word; the next best of the
    /// last ranking; or, where there is none, a uniform draw. What is drawn is
    /// on disk before it is served. Against advice to stop, and beyond the
    /// budget, only what others have labeled already is served: it waits for a
    /// second word, and costs no further label.
    ///
    /// # Errors
    /// The disk does not take a draw.
    pub fn next(&mut self, annotator: &str, count: usize, now: Moment) -> Result<Next, Error> {
        let count = count.clamp(1, MOST_AT_ONCE);
        let until = Moment(now.0 + self.rules.lease_ms);
        let mut served = self.desk.renew(&self.ledger, annotator, now, until, count);
        if self.over_budget().is_some() {
            served.retain(|id| self.ledger.votes().is_labeled(*id));
        }
        let advice = self.advice();
        let mut left = match &advice {
            Some(_) => 0,
            None => self.labels_left(now),
        };
        while served.len() < count {
            if let Some(id) = self.open_for(annotator, now, Kind::Holdout, left) {
                left -= self.give(annotator, id, until, left);
                served.push(id);
                continue;
            }
            if left > 0
                && let Some(batch) = draw::holdout(&self.ledger, &self.rules)
            {
                self.append(now, vec![batch])?;
                continue;
            }
            if let Some(id) = self.open_for(annotator, now, Kind::Lesson, left) {
                left -= self.give(annotator, id, until, left);
                served.push(id);
                continue;
            }
            if left == 0 {
                break;
            }
            let Some(batch) = draw::ahead(&self.ledger, &self.rules) else {
                break;
            };
            self.append(now, vec![batch])?;
        }
        let standing = self.ledger.standing();
        Ok(Next {
            exhausted: served.is_empty()
                && self.ledger.pool().len() == 0
                && standing.open_lesson().is_empty()
                && standing.open_holdout().is_empty(),
            assignments: served
                .into_iter()
                .filter_map(|id| self.assignment(id, until))
                .collect(),
            advice,
        })
    }

    /// Passes a candidate over for a while whose file cannot be opened now: it
    /// stays in its batch, and is served later. False where too many are passed
    /// over already: they are served then, and the annotator is told.
    pub fn put_off(&mut self, candidate: CandidateId, now: Moment) -> bool {
        let until = Moment(now.0 + PUT_OFF_MS);
        self.desk.put_off(candidate, now, until)
    }

    /// Sets a candidate aside whose file is not the image that joined the
    /// project. Once is enough.
    ///
    /// # Errors
    /// There is no such candidate, or the disk does not take it.
    pub fn set_changed(
        &mut self,
        candidate: CandidateId,
        reason: &str,
        now: Moment,
    ) -> Result<(), Error> {
        if self.ledger.changed().contains(&candidate) {
            return Ok(());
        }
        let reason = reason.to_owned();
        self.append_one(now, Event::Changed { candidate, reason })
            .map(drop)
    }

    /// Draws a holdout where one is due. Whoever draws a batch by other means
    /// than [`Project::next`] asks for it first.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn hold_out(&mut self, now: Moment) -> Result<(), Error> {
        match draw::holdout(&self.ledger, &self.rules) {
            Some(batch) => self.append_one(now, batch).map(drop),
            None => Ok(()),
        }
    }

    /// Why nothing more is proposed: the budget is spent, or a stopping rule
    /// holds, and nobody went on since.
    pub fn advice(&self) -> Option<String> {
        match self.over_budget() {
            Some(budget) => Some(format!("the budget of {budget} labels is spent")),
            None => self.ledger.advice().map(str::to_owned),
        }
    }

    /// The budget that binds: nobody went on beyond it.
    fn budget(&self) -> Option<usize> {
        let went_on = self.ledger.went_on();
        self.rules
            .budget
            .filter(|budget| went_on.is_none_or(|then| then < *budget))
    }

    fn over_budget(&self) -> Option<usize> {
        self.budget()
            .filter(|budget| self.ledger.spent() >= *budget)
    }

    /// How many candidates without any label may be given to someone, so that
    /// the labels to come of those that are with someone are within the budget.
    fn labels_left(&self, now: Moment) -> usize {
        match self.budget() {
            None => usize::MAX,
            Some(budget) => {
                let to_come = self.desk.unlabeled(&self.ledger, now);
                budget.saturating_sub(self.ledger.spent() + to_come)
            }
        }
    }

    /// A member of a batch that this annotator may be served.
    fn open_for(
        &mut self,
        annotator: &str,
        now: Moment,
        kind: Kind,
        left: usize,
    ) -> Option<CandidateId> {
        let ledger = &self.ledger;
        let affordable = |id| left > 0 || ledger.votes().is_labeled(id);
        self.desk.open_for(ledger, annotator, now, kind, affordable)
    }

    /// Leases a candidate; says how many of the labels that are `left` it takes.
    fn give(&mut self, annotator: &str, id: CandidateId, until: Moment, left: usize) -> usize {
        self.desk.lease(annotator, id, until);
        usize::from(!self.ledger.votes().is_labeled(id)).min(left)
    }

    /// Goes on labeling against advice.
    ///
    /// # Errors
    /// Nothing was advised, or the disk does not take it.
    pub fn go_on(&mut self, by: &str, now: Moment) -> Result<crate::EventId, Error> {
        if self.advice().is_none() {
            return Err(Error::Conflict(
                "nobody advised to stop: just go on".to_owned(),
            ));
        }
        self.append_one(now, Event::WentOn { by: by.to_owned() })
    }

    fn assignment(&self, id: CandidateId, until: Moment) -> Option<Assignment> {
        let (batch, _) = self.ledger.drawn(id)?;
        Some(Assignment {
            candidate: id,
            batch: batch.number,
            draw: batch.draw,
            until,
        })
    }

    pub(crate) fn append_one(
        &mut self,
        now: Moment,
        event: Event,
    ) -> Result<crate::EventId, Error> {
        self.append(now, vec![event])?;
        Ok(self.ledger.last())
    }
}
