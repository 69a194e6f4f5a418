//! Candidates whose file is at fault: broken, another than it was, or away.

use std::collections::BTreeSet;

use acft::CandidateId;

use super::{Contradiction, Ledger, refuse};
use crate::stamp::Stamp;

/// Why a candidate was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// Its file was read, and cannot be decoded.
    Broken,
    /// Its file is not the image that joined the project.
    Changed,
}

impl Ledger {
    pub(super) fn set_aside_for(
        &mut self,
        id: CandidateId,
        why: Aside,
        reason: &str,
    ) -> Result<(), Contradiction> {
        self.require_candidate(id)?;
        self.leave_pool(id);
        self.unreadable.insert(id, reason.to_owned());
        match why {
            Aside::Broken => self.changed.remove(&id),
            Aside::Changed => self.changed.insert(id),
        };
        self.away.remove(&id);
        self.restate(id);
        Ok(())
    }

    pub(super) fn set_returned(&mut self, id: CandidateId) -> Result<(), Contradiction> {
        self.require_candidate(id)?;
        if self.unreadable.remove(&id).is_none() {
            return refuse(format!("candidate {} was not set aside", id.0));
        }
        self.changed.remove(&id);
        self.return_to_pool(id);
        self.restate(id);
        Ok(())
    }

    pub(super) fn set_away(&mut self, ids: &[CandidateId]) -> Result<(), Contradiction> {
        for id in ids {
            self.require_candidate(*id)?;
        }
        // Between the look and this one may have been set aside.
        let unreadable = &self.unreadable;
        let still = |id: &CandidateId| !unreadable.contains_key(id);
        self.away = ids.iter().copied().filter(still).collect();
        Ok(())
    }

    pub(super) fn add_stamps(
        &mut self,
        count: usize,
        stamps: &[Stamp],
    ) -> Result<(), Contradiction> {
        if stamps.is_empty() {
            return Ok(());
        }
        if stamps.len() != count {
            return refuse(format!(
                "{count} candidates were added, with the sizes and times of {}",
                stamps.len()
            ));
        }
        let first = self.candidates.len();
        let ids = (first..).filter_map(|at| u32::try_from(at).ok().map(CandidateId));
        self.stamps.extend(ids.zip(stamps.iter().copied()));
        Ok(())
    }
}

/// What can be asked of it.
impl Ledger {
    /// Those that were set aside, with the reason: broken, or changed.
    pub fn unreadable(&self) -> impl ExactSizeIterator<Item = (CandidateId, &str)> + '_ {
        self.unreadable
            .iter()
            .map(|(id, reason)| (*id, reason.as_str()))
    }

    /// Whether a candidate was set aside.
    pub fn is_unreadable(&self, id: CandidateId) -> bool {
        self.unreadable.contains_key(&id)
    }

    /// Of those, the ones whose file is not the image that joined the project.
    pub fn changed(&self) -> &BTreeSet<CandidateId> {
        &self.changed
    }

    /// Those whose file could not be opened when it was last looked at. They
    /// are where they were, and are looked at again.
    pub fn away(&self) -> &BTreeSet<CandidateId> {
        &self.away
    }

    /// Whether the label that counts is new to the model in use.
    pub fn is_unlearned(&self, id: CandidateId) -> bool {
        self.standing.unlearned().contains(&id)
    }

    /// The size and time of a candidate's file when it joined; none where an
    /// earlier version listed it.
    pub fn stamp(&self, id: CandidateId) -> Option<Stamp> {
        self.stamps.get(&id).copied()
    }
}
