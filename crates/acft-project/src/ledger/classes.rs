//! Y: the closed set of classes, and how it came to be what it is.

use std::collections::BTreeMap;

use super::{Contradiction, refuse};
use crate::event::ClassId;

/// Classes by number; those that were merged away are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    names: Vec<String>,
    merged: BTreeMap<ClassId, ClassId>,
}

impl Classes {
    pub(super) fn add(&mut self, class: ClassId, name: &str) -> Result<(), Contradiction> {
        if class.0 as usize != self.names.len() {
            return refuse(format!(
                "the next class is number {}, not {}",
                self.names.len(),
                class.0
            ));
        }
        self.require_free(name)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// How many there ever were.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.names.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn rename(&mut self, class: ClassId, name: &str) -> Result<(), Contradiction> {
        self.require_current(class)?;
        self.require_free(name)?;
        self.names[class.0 as usize] = name.to_owned();
        Ok(())
    }

    pub(super) fn merge(&mut self, from: ClassId, into: ClassId) -> Result<(), Contradiction> {
        self.require_current(from)?;
        self.require_current(into)?;
        if from == into {
            return refuse("a class cannot be merged into itself");
        }
        if self.current().count() <= 2 {
            return refuse(
                "two classes are the fewest: a network has nothing to tell apart in one",
            );
        }
        self.merged.insert(from, into);
        Ok(())
    }

    fn require_free(&self, name: &str) -> Result<(), Contradiction> {
        if name.trim().is_empty() {
            return refuse("a class needs a name");
        }
        match self.named(name) {
            Some(_) => refuse(format!("there is a class {name:?} already")),
            None => Ok(()),
        }
    }

    pub(super) fn require_current(&self, class: ClassId) -> Result<(), Contradiction> {
        if self.is_current(class) {
            return Ok(());
        }
        match self.names.get(class.0 as usize) {
            None => refuse(format!("there is no class {}", class.0)),
            Some(name) => refuse(format!(
                "class {name:?} was merged into {:?}",
                self.name(self.today(class))
            )),
        }
    }

    fn is_current(&self, class: ClassId) -> bool {
        (class.0 as usize) < self.names.len() && !self.merged.contains_key(&class)
    }

    /// The classes of today, in the order of their numbers.
    pub fn current(&self) -> impl Iterator<Item = ClassId> + '_ {
        (0..self.names.len())
            .map(|number| ClassId(number as u16))
            .filter(|class| self.is_current(*class))
    }

    /// What a class counts as today.
    pub fn today(&self, class: ClassId) -> ClassId {
        let mut class = class;
        while let Some(into) = self.merged.get(&class) {
            class = *into;
        }
        class
    }

    /// A class's name: its last, where it was merged away.
    pub fn name(&self, class: ClassId) -> &str {
        self.names.get(class.0 as usize).map_or("?", String::as_str)
    }

    /// The names of today's classes, in order.
    pub fn names(&self) -> Vec<String> {
        self.current()
            .map(|class| self.name(class).to_owned())
            .collect()
    }

    /// The class of today with that name.
    pub fn named(&self, name: &str) -> Option<ClassId> {
        self.current().find(|class| self.name(*class) == name)
    }

    /// How many classes there ever were: the next one's number.
    pub fn ever(&self) -> u16 {
        self.names.len() as u16
    }
}
