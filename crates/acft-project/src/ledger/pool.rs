//! Which candidates may still be drawn, to be learned from or to judge models.

use std::collections::BTreeSet;

use acft::CandidateId;

use super::units::{Side, Unit};
use super::{Ledger, Part, Share};
use crate::event::Draw;

impl Ledger {
    /// A candidate whose only label was taken back is open again in its batch;
    /// one that was never drawn is in U again.
    pub(super) fn return_to_pool(&mut self, id: CandidateId) {
        let free = self.votes.of(id).next().is_none()
            && !self.drawn.contains_key(&id)
            && !self.unreadable.contains_key(&id);
        if free && self.candidates[id.index()].part == Part::Pool {
            self.enter_pool(id);
        }
    }

    pub(super) fn enter_pool(&mut self, id: CandidateId) {
        let side = self.units.side(id);
        if side != Some(Side::Holdout) {
            self.pool.insert(id);
        }
        if side != Some(Side::Lesson) {
            self.holdable.insert(id);
        }
    }

    pub(super) fn leave_pool(&mut self, id: CandidateId) {
        self.pool.remove(&id);
        self.holdable.remove(&id);
    }

    /// The first of a unit decides what all of it is for.
    pub(super) fn decide(&mut self, id: CandidateId, side: Side) {
        for other in self.units.decide(id, side) {
            match side {
                Side::Lesson => self.holdable.remove(other),
                Side::Holdout => self.pool.remove(other),
            };
        }
    }

    /// Something was said of a candidate.
    pub(super) fn heard(&mut self, id: CandidateId) {
        self.leave_pool(id);
        self.decide(id, Side::Lesson);
        self.restate(id);
    }
}

/// What can be asked of it.
impl Ledger {
    /// U, ascending: never drawn, labeled, skipped or found unreadable, and of
    /// no group or image that models are judged on.
    pub fn pool(&self) -> impl ExactSizeIterator<Item = CandidateId> + '_ {
        self.pool.iter().copied()
    }

    pub(crate) fn pool_set(&self) -> &BTreeSet<CandidateId> {
        &self.pool
    }

    /// Whether a candidate is in U.
    pub fn in_pool(&self, id: CandidateId) -> bool {
        self.pool.contains(&id)
    }

    /// What a holdout may be drawn from: as U, but of no group or image that
    /// models learn from.
    pub fn holdable(&self) -> &BTreeSet<CandidateId> {
        &self.holdable
    }

    /// Whether anything must stay together: two of one group or image.
    pub(crate) fn has_groups(&self) -> bool {
        self.units.are_groups()
    }

    /// What must stay together, of the pool part.
    pub(crate) fn units(&self) -> std::slice::Iter<'_, Unit> {
        self.units.all()
    }

    /// How many are in U no more only because models are judged on another of
    /// their group or image.
    pub fn set_aside(&self) -> usize {
        self.holdable.difference(&self.pool).count()
    }

    /// What a candidate counts under, or would once something is said of it.
    pub fn share(&self, id: CandidateId) -> Share {
        let drawn = self.drawn(id).map(|(batch, _)| batch.draw);
        match (self.candidates[id.index()].part, drawn, self.units.side(id)) {
            (Part::Validation, ..) => Share::Validation,
            (Part::Test, ..) => Share::Test,
            // Drawn when units were not kept together yet: another of its unit
            // was there to be learned from.
            (Part::Pool, Some(Draw::Holdout), Some(Side::Lesson)) => Share::Random,
            (Part::Pool, Some(Draw::Holdout), _) => Share::Holdout,
            (Part::Pool, _, Some(Side::Holdout)) => Share::Beside,
            (Part::Pool, Some(draw), _) => Share::of(draw),
            (Part::Pool, None, _) => Share::Brought,
        }
    }

    /// Whether models are judged on a candidate: drawn as holdout, or of the
    /// validation part.
    pub fn is_holdout(&self, id: CandidateId) -> bool {
        self.share(id).is_holdout()
    }
}
