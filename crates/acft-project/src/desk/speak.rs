//! What annotators say: labels, skips, flags, second thoughts.

use acft::CandidateId;

use crate::error::Error;
use crate::event::{ClassId, Event, EventId, LabelOrigin, Moment};
use crate::ledger::Vote;
use crate::project::Project;

/// Longer than anyone looks at one image.
const LONGEST_SECONDS: f64 = 24.0 * 3600.0;

/// Longer than any remark on one image.
const LONGEST_NOTE: usize = 2000;

/// A label or skip that was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Of which candidate; it is leased to the annotator again.
    pub candidate: CandidateId,
    /// What it had been labeled; none for a skip.
    pub was: Option<ClassId>,
    /// The event that took it back.
    pub event: EventId,
}

impl Project {
    /// Takes an annotator's label of a candidate that they were served. On
    /// disk when this returns.
    ///
    /// # Errors
    /// There is no such candidate or class, it is someone else's now, or it
    /// was labeled meanwhile; or the disk does not take it.
    pub fn label(
        &mut self,
        annotator: &str,
        candidate: CandidateId,
        class: ClassId,
        seconds: Option<f64>,
        now: Moment,
    ) -> Result<EventId, Error> {
        check_seconds(seconds)?;
        self.may_speak(annotator, candidate, now)?;
        let event = Event::Labeled {
            candidate,
            class,
            annotator: annotator.to_owned(),
            seconds,
            supersedes: None,
            origin: LabelOrigin::Expert,
        };
        let id = self.append_one(now, event)?;
        self.desk.release(annotator, candidate);
        Ok(id)
    }

    /// Passes a candidate over.
    ///
    /// # Errors
    /// As [`Project::label`].
    pub fn skip(
        &mut self,
        annotator: &str,
        candidate: CandidateId,
        seconds: Option<f64>,
        now: Moment,
    ) -> Result<EventId, Error> {
        check_seconds(seconds)?;
        self.may_speak(annotator, candidate, now)?;
        let event = Event::Skipped {
            candidate,
            annotator: annotator.to_owned(),
            seconds,
            origin: LabelOrigin::Expert,
        };
        let id = self.append_one(now, event)?;
        self.desk.release(annotator, candidate);
        Ok(id)
    }

    /// What an annotator said of a candidate by being served it, where that
    /// is their last word on it. Whoever says it again, because no answer
    /// came, has said it.
    pub fn word_on(&self, annotator: &str, candidate: CandidateId) -> Option<&Vote> {
        let mut votes = self.ledger.votes().of(candidate);
        votes.find(|vote| vote.annotator == annotator && vote.origin == LabelOrigin::Expert)
    }

    /// What [`Project::undo`] would take back.
    pub fn last_word(&self, annotator: &str) -> Option<&Vote> {
        let votes = self.ledger.votes();
        votes.served_to(annotator).find(|vote| {
            let id = vote.candidate;
            !self.ledger.is_unreadable(id) && votes.is_open_without(id, annotator)
        })
    }

    /// Takes back the last label or skip that an annotator gave by being
    /// served, and leases its candidate to them, to be served next. Once more
    /// takes back the one before. What a second look has settled meanwhile is
    /// passed over: their word on it is not wanted any more.
    ///
    /// # Errors
    /// There is none; or the disk does not take it.
    pub fn undo(&mut self, annotator: &str, now: Moment) -> Result<Undone, Error> {
        let Some(last) = self.last_word(annotator) else {
            return Err(Error::Conflict(format!(
                "{annotator} has said nothing that could be taken back"
            )));
        };
        let (candidate, was, event) = (last.candidate, last.class, last.event);
        let undone = Event::Undone {
            event,
            annotator: annotator.to_owned(),
        };
        let event = self.append_one(now, undone)?;
        let until = Moment(now.0 + self.rules.lease_ms);
        self.desk.lease_first(annotator, candidate, until);
        Ok(Undone {
            candidate,
            was,
            event,
        })
    }

    /// Marks a candidate as one that an annotator is unsure about.
    ///
    /// # Errors
    /// There is no such candidate, or the note is too long; or the disk does
    /// not take it.
    pub fn flag(
        &mut self,
        annotator: &str,
        candidate: CandidateId,
        note: &str,
        now: Moment,
    ) -> Result<EventId, Error> {
        self.require(candidate)?;
        if note.chars().count() > LONGEST_NOTE {
            return Err(refused(format!(
                "a note has at most {LONGEST_NOTE} characters, and this one has {}: shorten it",
                note.chars().count()
            )));
        }
        let event = Event::Flagged {
            candidate,
            annotator: annotator.to_owned(),
            note: note.to_owned(),
        };
        self.append_one(now, event)
    }

    /// Takes an annotator's mark off again.
    ///
    /// # Errors
    /// There is no such candidate, or no such mark; or the disk does not take it.
    pub fn unflag(
        &mut self,
        annotator: &str,
        candidate: CandidateId,
        now: Moment,
    ) -> Result<EventId, Error> {
        self.require(candidate)?;
        let flags = self.ledger.votes().flags(candidate);
        if !flags.iter().any(|flag| flag.annotator == annotator) {
            return Err(Error::Conflict(format!(
                "{annotator} has not flagged this candidate"
            )));
        }
        let event = Event::Unflagged {
            candidate,
            annotator: annotator.to_owned(),
        };
        self.append_one(now, event)
    }

    /// A second look: settles the label of a candidate, or, with no class,
    /// that it has none. What was said before stays in its history.
    ///
    /// # Errors
    /// There is no such candidate or class, or nothing was said of it yet; or
    /// the disk does not take it.
    pub fn correct(
        &mut self,
        annotator: &str,
        candidate: CandidateId,
        class: Option<ClassId>,
        now: Moment,
    ) -> Result<EventId, Error> {
        self.require(candidate)?;
        let Some(last) = self.ledger.votes().history(candidate).last() else {
            return Err(Error::Conflict(format!(
                "{} was not labeled yet, so there is nothing to correct",
                self.name(candidate)
            )));
        };
        let supersedes = Some(last.event);
        let annotator = annotator.to_owned();
        let origin = LabelOrigin::Review;
        let event = match class {
            Some(class) => Event::Labeled {
                candidate,
                class,
                annotator,
                seconds: None,
                supersedes,
                origin,
            },
            None => Event::Skipped {
                candidate,
                annotator,
                seconds: None,
                origin,
            },
        };
        self.append_one(now, event)
    }

    /// A lease is not asked for as such: after a restart there is none, and
    /// one that has run out harms nobody if nobody else has the candidate.
    fn may_speak(&self, annotator: &str, candidate: CandidateId, now: Moment) -> Result<(), Error> {
        self.require(candidate)?;
        let name = || self.name(candidate);
        let votes = self.ledger.votes();
        let conflict = |text: String| Err(Error::Conflict(text));
        if self.ledger.drawn(candidate).is_none() {
            return conflict(format!(
                "{} was not served to anyone: ask for the next candidate",
                name()
            ));
        }
        if self.ledger.changed().contains(&candidate) {
            return conflict(format!(
                "the file of {} is not the image that joined the project: ask for the next candidate",
                name()
            ));
        }
        if self.ledger.is_unreadable(candidate) {
            return conflict(format!(
                "the image of {} cannot be read: ask for the next candidate",
                name()
            ));
        }
        if votes.has_spoken(candidate, annotator) {
            return conflict(format!(
                "{annotator} has labeled or skipped {} already: undo that, or correct it in review",
                name()
            ));
        }
        if votes.is_done(candidate) {
            let who: Vec<&str> = votes
                .of(candidate)
                .map(|vote| vote.annotator.as_str())
                .collect();
            return conflict(format!("{} was labeled by {}", name(), who.join(", ")));
        }
        if !self.desk.holds(annotator, candidate, now)
            && !self.desk.has_room(&self.ledger, candidate, annotator, now)
        {
            let who: Vec<&str> = self.desk.others(candidate, annotator, now).collect();
            return conflict(format!("{} is with {} now", name(), who.join(", ")));
        }
        Ok(())
    }

    fn require(&self, candidate: CandidateId) -> Result<(), Error> {
        match self.ledger.candidate(candidate) {
            Some(_) => Ok(()),
            None => Err(Error::Unknown(format!(
                "the project has no candidate {}",
                candidate.0
            ))),
        }
    }

    fn name(&self, candidate: CandidateId) -> &str {
        &self.ledger.candidates()[candidate.index()].name
    }
}

fn check_seconds(seconds: Option<f64>) -> Result<(), Error> {
    match seconds {
        Some(seconds) if !(0.0..=LONGEST_SECONDS).contains(&seconds) => Err(refused(format!(
            "{seconds} seconds for one image: give a number from 0 to {LONGEST_SECONDS}, or none"
        ))),
        _ => Ok(()),
    }
}

fn refused(text: String) -> Error {
    Error::Refused(crate::ledger::Contradiction(text))
}
