//! What must stay together: a group, or the candidates of one image.
//!
//! A model that has learned one image of a patient is judged too well on the
//! next. So the first candidate of a unit that is drawn, or spoken of, decides
//! for all of it whether models learn from it or are judged on it.

use std::collections::BTreeMap;

use acft::CandidateId;

use super::Candidate;

/// What a unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// To be learned from.
    Lesson,
    /// To judge models.
    Holdout,
}

/// The units of the pool part: the other parts are split before they join.
#[derive(Clone, Debug, Default)]
pub(super) struct Units {
    numbers: BTreeMap<Name, usize>,
    units: Vec<Unit>,
    of: BTreeMap<CandidateId, usize>,
    /// Whether any has more than one member.
    are_groups: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Group(String),
    Image(String),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// In the order in which they joined; never none.
    pub(crate) members: Vec<CandidateId>,
    /// None while nothing of it was drawn or spoken of.
    pub(crate) side: Option<Side>,
}

impl Units {
    pub(super) fn add(&mut self, id: CandidateId, candidate: &Candidate) {
        let name = match &candidate.group {
            Some(group) => Name::Group(group.clone()),
            None => Name::Image(candidate.path.clone()),
        };
        let fresh = self.units.len();
        let number = *self.numbers.entry(name).or_insert(fresh);
        if number == fresh {
            self.units.push(Unit::default());
        }
        let members = &mut self.units[number].members;
        members.push(id);
        self.are_groups |= members.len() > 1;
        self.of.insert(id, number);
    }

    /// Whether any has more than one member.
    pub(super) fn are_groups(&self) -> bool {
        self.are_groups
    }

    pub(super) fn all(&self) -> std::slice::Iter<'_, Unit> {
        self.units.iter()
    }

    /// What a candidate's unit is for, where that is decided.
    pub(super) fn side(&self, id: CandidateId) -> Option<Side> {
        self.units[*self.of.get(&id)?].side
    }

    /// Decides what a candidate's unit is for, if that was not decided; says
    /// whom it is decided for.
    pub(super) fn decide(&mut self, id: CandidateId, side: Side) -> &[CandidateId] {
        let unit = self.of.get(&id).map(|number| &mut self.units[*number]);
        match unit {
            Some(unit) if unit.side.is_none() => {
                unit.side = Some(side);
                &unit.members
            }
            _ => &[],
        }
    }
}
