//! The models that were made, which of them is in use, and what it knows.

use std::collections::BTreeMap;

use acft::CandidateId;

use super::{Classes, Contradiction};
use crate::event::{ClassId, EventId, ModelMade, Moment};

/// A model, and when it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The event that it is from.
    pub event: EventId,
    /// When.
    pub at: Moment,
    /// What is known of it.
    pub model: ModelMade,
}

/// All models, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Models {
    made: Vec<Made>,
    /// The place in `made` of the model in use.
    current: Option<usize>,
}

impl Models {
    pub(super) fn made(
        &mut self,
        event: EventId,
        at: Moment,
        model: &ModelMade,
    ) -> Result<(), Contradiction> {
        if let Some(parent) = &model.parent {
            self.require(parent)?;
        }
        self.made.push(Made {
            event,
            at,
            model: model.clone(),
        });
        if model.adopted {
            self.current = Some(self.made.len() - 1);
        }
        Ok(())
    }

    pub(super) fn used(&mut self, hash: &str) -> Result<(), Contradiction> {
        self.current = Some(self.require(hash)?);
        Ok(())
    }

    pub(crate) fn require(&self, hash: &str) -> Result<usize, Contradiction> {
        self.made
            .iter()
            .rposition(|made| made.model.hash == hash)
            .ok_or_else(|| Contradiction(format!("there is no model {hash}")))
    }

    /// All models, oldest first.
    pub fn all(&self) -> &[Made] {
        &self.made
    }

    /// The model in use.
    pub fn current(&self) -> Option<&Made> {
        self.current.map(|at| &self.made[at])
    }

    /// Whether the model in use was given a fresh last layer for other classes
    /// and has learned nothing since. It is no better than M_0 then, however
    /// many labels there are.
    pub fn is_fresh(&self) -> bool {
        self.current.is_some_and(|at| {
            let model = &self.made[at].model;
            at > 0 && model.step == 0 && model.parent.is_none()
        })
    }

    /// How many fine-tunings there were: the last one's step.
    pub fn steps(&self) -> u32 {
        self.made
            .iter()
            .map(|made| made.model.step)
            .max()
            .unwrap_or(0)
    }

    /// The models that `start` could stand for, a hash or the start of one: of
    /// each the last time that it was made, since the same may be made again.
    pub fn starting_with(&self, start: &str) -> Vec<&Made> {
        let found = self.made.iter();
        let found = found.filter(|made| made.model.hash.starts_with(start));
        let last: BTreeMap<&str, &Made> =
            found.map(|made| (made.model.hash.as_str(), made)).collect();
        last.into_values().collect()
    }

    /// The model in use and those that it was made from, youngest first.
    pub fn lineage(&self) -> Vec<&Made> {
        let mut line = Vec::new();
        let mut at = self.current;
        while let Some(place) = at {
            let made = &self.made[place];
            line.push(made);
            // A parent is always older: the search cannot go round in circles.
            at = made.model.parent.as_ref().and_then(|parent| {
                self.made[..place]
                    .iter()
                    .rposition(|other| &other.model.hash == parent)
            });
        }
        line
    }

    /// What the model in use and its ancestors have learned, with the labels
    /// as they last learned them, in classes of today.
    pub(super) fn learned(&self, classes: &Classes) -> BTreeMap<CandidateId, ClassId> {
        let mut known = BTreeMap::new();
        for made in self.lineage().into_iter().rev() {
            for (id, class) in &made.model.learned {
                known.insert(*id, classes.today(*class));
            }
        }
        known
    }
}
