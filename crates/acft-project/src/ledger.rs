//! The state of a project: what replaying its events gives.
//!
//! Nothing else is state. [`Ledger::apply`] checks an event against everything
//! before it and only then changes anything, so that an event that cannot be
//! true never gets into the store.

mod aside;
mod classes;
mod models;
mod people;
mod pool;
mod standing;
mod units;
mod votes;

use std::collections::{BTreeMap, BTreeSet};

use acft::{CandidateId, CandidateKey};

use crate::event::{ClassId, Draw, Event, EventId, Member, Moment, Origin};
use crate::stamp::Stamp;
use aside::Aside;
pub use classes::Classes;
pub use models::{Made, Models};
pub use people::{People, token_hash};
pub(crate) use standing::Place;
pub use standing::{Outcome, Share, Standing};
pub(crate) use units::Side;
use units::Units;
pub use votes::{Flag, Spoken, Vote, Votes};

/// A candidate as the project keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What its labels hang on.
    pub key: CandidateKey,
    /// As shown to people.
    pub name: String,
    /// The image file; relative paths are relative to the project's folder.
    pub path: String,
    /// x0, y0, x1, y1 in pixels of the upright image, half-open.
    pub region: Option<[u32; 4]>,
    /// What it must not be parted from, and of which a batch may hold few.
    pub group: Option<String>,
    /// What it is for.
    pub part: Part,
    /// Where it came from.
    pub origin: Origin,
}

/// What a candidate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The pool: to be labeled and learned from.
    Pool,
    /// For judging models; its labels were given with the data.
    Validation,
    /// For the last measurement; never looked at before.
    Test,
}

/// Why an event cannot be true.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub String);

pub(crate) fn refuse<T>(text: impl Into<String>) -> Result<T, Contradiction> {
    Err(Contradiction(text.into()))
}

/// A batch that was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Counts batches; the first is 1.
    pub number: u32,
    /// How it was chosen.
    pub draw: Draw,
    /// The ranking that it is from.
    pub ranking: Option<u32>,
    /// When.
    pub at: Moment,
    /// In draw order.
    pub members: Vec<Member>,
}

/// The last ranking of U.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Counts rankings.
    pub number: u32,
    /// The model that was asked; none where the scores were made elsewhere.
    pub model: Option<String>,
    /// When.
    pub at: Moment,
    /// How many candidates were scored.
    pub scored: usize,
    /// The best, in order.
    pub reserve: Vec<Member>,
    /// Whether groups keep it shorter than it was to be.
    pub short: bool,
}

/// What a ranking asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The model; none where the scores were made elsewhere.
    pub model: Option<String>,
    /// The classes of the columns of its predictions.
    pub classes: Vec<ClassId>,
}

/// The state.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Decides every random choice.
    pub(crate) seed: u64,
    created: Moment,
    /// The last event that was applied.
    pub(crate) last: EventId,
    candidates: Vec<Candidate>,
    by_key: BTreeMap<CandidateKey, CandidateId>,
    parts: BTreeSet<Part>,
    classes: Classes,
    people: People,
    votes: Votes,
    models: Models,
    units: Units,
    /// U: those of the pool part that were never drawn, labeled or found
    /// unreadable, and whose unit is not for judging models.
    pool: BTreeSet<CandidateId>,
    /// The same, whose unit is not for learning: what a holdout is drawn from.
    holdable: BTreeSet<CandidateId>,
    unreadable: BTreeMap<CandidateId, String>,
    /// Of the unreadable, those whose file is not what it was.
    changed: BTreeSet<CandidateId>,
    /// Those whose file could not be opened when it was last looked at.
    away: BTreeSet<CandidateId>,
    stamps: BTreeMap<CandidateId, Stamp>,
    batches: Vec<Batch>,
    /// The batch that a candidate was drawn in, and its place there.
    drawn: BTreeMap<CandidateId, (u32, usize)>,
    ranking: Option<Ranking>,
    /// What each ranking asked: the first is ranking 1.
    asked: Vec<Asked>,
    standing: Standing,
    advice: Option<String>,
    /// The labels spent when someone last went on.
    went_on: Option<usize>,
    /// |Q| when someone last chose a model by hand, and none was adopted since.
    chosen: Option<usize>,
    /// The last event that took something back.
    last_undone: EventId,
}

impl Ledger {
    /// The state before the first event. With `overlap` above 1, that many
    /// annotators label each candidate before its label counts.
    pub fn new(overlap: usize) -> Self {
        Self {
            votes: Votes::new(overlap),
            ..Self::default()
        }
    }

    /// Applies an event, or refuses it and changes nothing. `candidates` are
    /// the rows that belong to [`Event::CandidatesAdded`].
    ///
    /// # Errors
    /// The event contradicts those before it.
    pub fn apply(
        &mut self,
        id: EventId,
        at: Moment,
        event: &Event,
        candidates: &[Candidate],
    ) -> Result<(), Contradiction> {
        if id <= self.last {
            return refuse(format!("event {} comes after event {}", id.0, self.last.0));
        }
        if matches!(event, Event::Created { .. }) != (self.last == EventId(0)) {
            return refuse("a project is created once, and first");
        }
        match event {
            Event::Created { seed, .. } => {
                self.seed = *seed;
                self.created = at;
            }
            Event::ClassAdded { class, name } => self.classes.add(*class, name)?,
            Event::ClassRenamed { class, name } => self.classes.rename(*class, name)?,
            Event::ClassMerged { from, into } => {
                self.classes.merge(*from, *into)?;
                self.learned();
                let spoken: Vec<CandidateId> = self.votes.in_order().collect();
                for id in spoken {
                    self.restate(id);
                }
            }
            Event::AnnotatorAdded { name, token, role } => self.people.add(name, token, *role)?,
            Event::AnnotatorRevoked { name } => self.people.revoke(name)?,
            Event::CandidatesAdded { count, stamps, .. } => {
                self.add_candidates(*count, candidates, stamps)?;
            }
            Event::Unreadable { candidate, reason } => {
                self.set_aside_for(*candidate, Aside::Broken, reason)?;
            }
            Event::Changed { candidate, reason } => {
                self.set_aside_for(*candidate, Aside::Changed, reason)?;
            }
            Event::Returned { candidate } => self.set_returned(*candidate)?,
            Event::Away { candidates } => self.set_away(candidates)?,
            Event::Ranked {
                ranking,
                model,
                scored,
                reserve,
                short,
            } => self.rank(Ranking {
                number: *ranking,
                model: model.clone(),
                at,
                scored: *scored,
                reserve: reserve.clone(),
                short: *short,
            })?,
            Event::BatchDrawn {
                batch,
                draw,
                ranking,
                members,
            } => self.draw(*batch, *draw, *ranking, at, members)?,
            Event::Labeled {
                candidate,
                class,
                annotator,
                seconds,
                supersedes,
                origin,
            } => {
                self.require_candidate(*candidate)?;
                self.classes.require_current(*class)?;
                self.votes.label(Vote {
                    event: id,
                    at,
                    candidate: *candidate,
                    class: Some(*class),
                    annotator: annotator.clone(),
                    seconds: *seconds,
                    supersedes: *supersedes,
                    origin: *origin,
                })?;
                self.heard(*candidate);
            }
            Event::Skipped {
                candidate,
                annotator,
                seconds,
                origin,
            } => {
                self.require_candidate(*candidate)?;
                self.votes.label(Vote {
                    event: id,
                    at,
                    candidate: *candidate,
                    class: None,
                    annotator: annotator.clone(),
                    seconds: *seconds,
                    supersedes: None,
                    origin: *origin,
                })?;
                self.heard(*candidate);
            }
            Event::Flagged {
                candidate,
                annotator,
                note,
            } => {
                self.require_candidate(*candidate)?;
                self.votes.flag(*candidate, annotator, note, at);
            }
            Event::Unflagged {
                candidate,
                annotator,
            } => {
                self.require_candidate(*candidate)?;
                self.votes.unflag(*candidate, annotator)?;
            }
            Event::Undone { event, annotator } => {
                let candidate = self.votes.undo(*event, annotator)?;
                self.return_to_pool(candidate);
                self.restate(candidate);
                self.last_undone = id;
            }
            Event::ModelMade(made) => {
                self.models.made(id, at, made)?;
                if made.adopted {
                    self.learned();
                    self.chosen = None;
                }
            }
            Event::ModelUsed { model, .. } => {
                self.models.used(model)?;
                self.learned();
                self.chosen = Some(self.unlearned_count());
            }
            Event::StopAdvised { reason } => self.advice = Some(reason.clone()),
            Event::WentOn { .. } => {
                self.advice = None;
                self.went_on = Some(self.spent());
            }
        }
        self.last = id;
        Ok(())
    }

    fn add_candidates(
        &mut self,
        count: usize,
        rows: &[Candidate],
        stamps: &[Stamp],
    ) -> Result<(), Contradiction> {
        if rows.len() != count {
            return refuse(format!(
                "{count} candidates were added, and {} rows are there",
                rows.len()
            ));
        }
        let mut fresh = BTreeSet::new();
        for row in rows {
            if self.by_key.contains_key(&row.key) || !fresh.insert(row.key) {
                return refuse(format!("{} is in the project already", row.name));
            }
        }
        self.add_stamps(count, stamps)?;
        for row in rows {
            let id = CandidateId(u32::try_from(self.candidates.len()).unwrap_or(u32::MAX));
            self.by_key.insert(row.key, id);
            self.parts.insert(row.part);
            self.candidates.push(row.clone());
            if row.part == Part::Pool {
                self.units.add(id, row);
                self.enter_pool(id);
            }
        }
        Ok(())
    }

    fn rank(&mut self, ranking: Ranking) -> Result<(), Contradiction> {
        if ranking.number != self.rankings() + 1 {
            return refuse(format!(
                "ranking {} follows ranking {}",
                ranking.number,
                self.rankings()
            ));
        }
        let classes = match &ranking.model {
            None => self.classes.current().collect(),
            Some(model) => {
                let place = self.models.require(model)?;
                self.models.all()[place].model.classes.clone()
            }
        };
        for member in &ranking.reserve {
            self.require_candidate(member.candidate)?;
        }
        self.asked.push(Asked {
            model: ranking.model.clone(),
            classes,
        });
        self.ranking = Some(ranking);
        Ok(())
    }

    fn draw(
        &mut self,
        number: u32,
        draw: Draw,
        ranking: Option<u32>,
        at: Moment,
        members: &[Member],
    ) -> Result<(), Contradiction> {
        let last = self.batches.last().map_or(0, |batch| batch.number);
        if number != last + 1 {
            return refuse(format!("batch {number} follows batch {last}"));
        }
        let mut fresh = BTreeSet::new();
        for member in members {
            let id = member.candidate;
            // Not U alone: before units were kept together, others were drawn.
            let is_there = self.pool.contains(&id) || self.holdable.contains(&id);
            if !is_there || !fresh.insert(id) {
                return refuse(format!(
                    "candidate {} is drawn, and is not in the pool",
                    id.0
                ));
            }
        }
        let side = match draw {
            Draw::Holdout => Side::Holdout,
            Draw::Query | Draw::Ahead | Draw::Random => Side::Lesson,
        };
        for (place, member) in members.iter().enumerate() {
            self.leave_pool(member.candidate);
            self.decide(member.candidate, side);
            self.drawn.insert(member.candidate, (number, place));
        }
        self.batches.push(Batch {
            number,
            draw,
            ranking,
            at,
            members: members.to_vec(),
        });
        for member in members {
            self.restate(member.candidate);
        }
        Ok(())
    }

    /// Stands in for the names of classes that a damaged database does not
    /// give, so that there are at least so many.
    pub(crate) fn have_classes(&mut self, count: u16) {
        // What is not as it was written may name any number.
        const MOST: u16 = 1000;
        for class in self.classes.count()..count.min(MOST) {
            // One that is taken is no name to stand in for another.
            let _ = self.classes.add(ClassId(class), &format!("class {class}"));
        }
    }

    /// Puts a candidate in its place after something was said of it.
    fn restate(&mut self, id: CandidateId) {
        let facts = standing::Facts {
            share: self.share(id),
            place: self.drawn.get(&id).copied(),
            outcome: self.votes.outcome(id, &self.classes),
            disputed: self.votes.is_disputed(id, &self.classes),
            readable: !self.unreadable.contains_key(&id),
        };
        self.standing.set(id, &facts);
    }

    /// Another model is in use, or its classes have other names now.
    fn learned(&mut self) {
        let known = self.models.learned(&self.classes);
        self.standing.learned(known);
    }

    fn require_candidate(&self, id: CandidateId) -> Result<(), Contradiction> {
        if id.index() < self.candidates.len() {
            return Ok(());
        }
        refuse(format!("there is no candidate {}", id.0))
    }
}

/// What can be asked of the state.
impl Ledger {
    /// Decides every random choice.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When the project was made.
    pub fn created(&self) -> Moment {
        self.created
    }

    /// The last event that was applied.
    pub fn last(&self) -> EventId {
        self.last
    }

    /// All candidates, by id.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// One candidate.
    pub fn candidate(&self, id: CandidateId) -> Option<&Candidate> {
        self.candidates.get(id.index())
    }

    /// The candidate of a key.
    pub fn find(&self, key: &CandidateKey) -> Option<CandidateId> {
        self.by_key.get(key).copied()
    }

    /// Y, and the classes that went before.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Who may label.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Labels, skips and flags.
    pub fn votes(&self) -> &Votes {
        &self.votes
    }

    /// The models that were made.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Whether any candidate is of that part.
    pub fn has_part(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// All batches, in the order in which they were drawn.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// The member of a batch at a place.
    pub(crate) fn member(&self, (batch, place): Place) -> &Member {
        &self.batches[batch as usize - 1].members[place]
    }

    /// The batch that a candidate was drawn in, and what was known of it then.
    pub fn drawn(&self, id: CandidateId) -> Option<(&Batch, &Member)> {
        let (number, place) = self.drawn.get(&id)?;
        let batch = &self.batches[*number as usize - 1];
        Some((batch, &batch.members[*place]))
    }

    /// The last ranking.
    pub fn ranking(&self) -> Option<&Ranking> {
        self.ranking.as_ref()
    }

    /// How many rankings there were.
    pub fn rankings(&self) -> u32 {
        self.asked.len() as u32
    }

    /// What a ranking asked.
    pub fn asked(&self, ranking: u32) -> Option<&Asked> {
        self.asked.get((ranking as usize).checked_sub(1)?)
    }

    /// The last event that took something back.
    pub(crate) fn last_undone(&self) -> EventId {
        self.last_undone
    }

    /// What every candidate has come to.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The labels that were spent when someone last went on against advice.
    pub fn went_on(&self) -> Option<usize> {
        self.went_on
    }

    /// |Q| when someone last chose a model by hand, where none was adopted
    /// since: what that model is not to learn before there is more.
    pub fn chosen(&self) -> Option<usize> {
        self.chosen
    }

    /// Why more labels are not expected to help, where a rule says so and
    /// nobody went on since.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The label of a candidate that counts today, in classes of today.
    pub fn label(&self, id: CandidateId) -> Option<ClassId> {
        self.votes.settled(id, &self.classes)
    }

    /// L ∪ Q: what may be learned from, with the labels that count, in the
    /// order of their first labels. Never a holdout or a test candidate, nor
    /// what is of one group or image with a holdout.
    pub fn lesson(&self) -> Vec<(CandidateId, ClassId)> {
        self.votes
            .in_order()
            .filter_map(|id| match self.standing.outcome(id)? {
                (share, Outcome::Labeled(class)) if share.is_lesson() => Some((id, class)),
                _ => None,
            })
            .collect()
    }

    /// Held-out candidates with the labels that count, by id.
    pub fn holdout(&self) -> Vec<(CandidateId, ClassId)> {
        self.standing
            .outcomes()
            .filter_map(|(id, share, outcome)| match outcome {
                Outcome::Labeled(class) if share.is_holdout() => Some((id, class)),
                _ => None,
            })
            .collect()
    }

    /// Q: members of [`Ledger::lesson`] that the current model, and those that
    /// it was made from, never learned with the label that counts today; in
    /// the order of their first labels.
    pub fn unlearned(&self) -> Vec<(CandidateId, ClassId)> {
        let mut ids: Vec<CandidateId> = self.standing.unlearned().iter().copied().collect();
        ids.sort_unstable_by_key(|id| self.votes.first(*id));
        ids.into_iter()
            .filter_map(|id| Some((id, self.label(id)?)))
            .collect()
    }

    /// How many members of batches wait for a word, holdouts not counted.
    pub fn waiting(&self) -> usize {
        self.standing.open_lesson().len()
    }

    /// |Q|, at no cost.
    pub fn unlearned_count(&self) -> usize {
        self.standing.unlearned().len()
    }

    /// How many labels the project has spent: all that a person gave, each
    /// candidate once, holdout included. What stood in the manifest is free.
    pub fn spent(&self) -> usize {
        self.votes.spent()
    }
}
