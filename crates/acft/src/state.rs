//! What the run knows: the pool U and the labeled set L.

use std::collections::BTreeMap;

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// A candidate C_i as a dense handle, valid within one run: its position in
/// the run's list of candidates, which is sorted by [`CandidateKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct CandidateId(pub u32);

impl CandidateId {
    /// The handle as an index into per-candidate arrays.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a label hangs on: a hash of the candidate's source bytes and region,
/// which survives moving, renaming and re-listing the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateKey(pub [u8; 32]);

impl std::fmt::Display for CandidateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for CandidateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CandidateKey({self})")
    }
}

/// A class y ∈ Y, as an index into the run's list of class names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Label(pub u16);

impl Label {
    /// The class as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The pool U and the labeled set L, U ∩ L = ∅ by construction: each candidate
/// is in exactly one of U, L, and the set of those put aside (skipped by the
/// annotator, or unreadable).
///
/// Candidates move only through [`State::label`] and [`State::set_aside`],
/// and only out of U; both refuse a candidate that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Sorted, so that no iteration depends on insertion order.
    pool: std::collections::BTreeSet<CandidateId>,
    labeled: BTreeMap<CandidateId, Label>,
    /// L in the order in which its members were labeled.
    order: Vec<CandidateId>,
    aside: std::collections::BTreeSet<CandidateId>,
}

/// A candidate that is not in U was asked to leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "candidate {} is not in the pool: a candidate is queried, labeled or skipped only once",
    .0.0
)]
pub struct NotInPool(pub CandidateId);

impl State {
    /// Every candidate unlabeled: U is everything, L = ∅.
    pub fn new(candidates: impl IntoIterator<Item = CandidateId>) -> Self {
        Self {
            pool: candidates.into_iter().collect(),
            ..Self::default()
        }
    }

    /// U, ascending.
    pub fn pool(&self) -> impl ExactSizeIterator<Item = CandidateId> + '_ {
        self.pool.iter().copied()
    }

    /// L with its labels, in the order in which they were given.
    pub fn labeled(&self) -> impl ExactSizeIterator<Item = (CandidateId, Label)> + '_ {
        self.order.iter().map(|id| (*id, self.labeled[id]))
    }

    /// The label of a member of L.
    pub fn label_of(&self, id: CandidateId) -> Option<Label> {
        self.labeled.get(&id).copied()
    }

    /// Those that left U without joining L.
    pub fn aside(&self) -> impl ExactSizeIterator<Item = CandidateId> + '_ {
        self.aside.iter().copied()
    }

    /// Moves a candidate from U to L.
    ///
    /// # Errors
    /// [`NotInPool`] when it is not in U; nothing changes then.
    pub fn label(&mut self, id: CandidateId, label: Label) -> Result<(), NotInPool> {
        self.leave_pool(id)?;
        self.labeled.insert(id, label);
        self.order.push(id);
        Ok(())
    }

    /// Takes a candidate out of U without a label (skipped, or unreadable).
    ///
    /// # Errors
    /// [`NotInPool`] when it is not in U; nothing changes then.
    pub fn set_aside(&mut self, id: CandidateId) -> Result<(), NotInPool> {
        self.leave_pool(id)?;
        self.aside.insert(id);
        Ok(())
    }

    fn leave_pool(&mut self, id: CandidateId) -> Result<(), NotInPool> {
        if self.pool.remove(&id) {
            Ok(())
        } else {
            Err(NotInPool(id))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pool_and_labeled_stay_disjoint(moves in prop::collection::vec((0u32..40, any::<bool>()), 0..200)) {
            let mut state = State::new((0..30).map(CandidateId));
            for (id, label) in moves {
                let id = CandidateId(id);
                let was_in_pool = state.pool().any(|other| other == id);
                let before = state.clone();
                let moved = if label { state.label(id, Label(0)) } else { state.set_aside(id) };
                prop_assert_eq!(moved.is_ok(), was_in_pool);
                if moved.is_err() {
                    prop_assert_eq!(&state, &before);
                }
                prop_assert!(state.pool().all(|id| state.label_of(id).is_none()));
                prop_assert_eq!(state.pool().len() + state.labeled().len() + state.aside().len(), 30);
            }
        }
    }

    #[test]
    fn labeled_keeps_the_order_of_labeling() {
        let mut state = State::new((0..3).map(CandidateId));
        state.label(CandidateId(2), Label(1)).unwrap();
        state.label(CandidateId(0), Label(0)).unwrap();
        let order: Vec<_> = state.labeled().collect();
        assert_eq!(
            order,
            [(CandidateId(2), Label(1)), (CandidateId(0), Label(0))]
        );
    }
}
