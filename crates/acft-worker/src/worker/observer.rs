//! Reports the progress of the network, and stops it when the server stops.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use acft::{CandidateError, CandidateId, Observer, Scoring};
use acft_server::Work;

use super::Cancelled;

/// Receives progress, and may ask to stop.
pub(super) struct Watch<'a> {
    pub(super) work: &'a Work,
    pub(super) stop: &'a AtomicBool,
    /// Candidates that could not be read, with the reason.
    pub(super) unreadable: BTreeMap<CandidateId, String>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(work: &'a Work, stop: &'a AtomicBool) -> Self {
        Self {
            work,
            stop,
            unreadable: BTreeMap::new(),
        }
    }

    pub(super) fn flow(&self) -> ControlFlow<()> {
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

impl Watch<'_> {
    /// # Errors
    /// The server stops.
    pub(super) fn go_on(&self) -> Result<(), Cancelled> {
        match self.flow() {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Cancelled),
        }
    }
}

impl Observer for Watch<'_> {
    fn scored(&mut self, _: Scoring, done: usize, total: usize) -> ControlFlow<()> {
        self.work.advance(done, total);
        self.flow()
    }

    fn trained(
        &mut self,
        epoch: usize,
        epochs: usize,
        batch: usize,
        batches: usize,
        _: f64,
    ) -> ControlFlow<()> {
        self.work.epoch(epoch + 1, epochs);
        self.work
            .advance(epoch * batches + batch + 1, epochs * batches);
        self.flow()
    }

    fn left_out(&mut self, candidate: CandidateId, error: &CandidateError) {
        self.unreadable.insert(candidate, error.reason.clone());
    }
}
