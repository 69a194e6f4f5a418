//! A disk that goes away is no fault of the images on it. Every candidate could be read when the data was listed, so one
//! whose file cannot be read later stops the run, which can go on once it is back; one that is there and broken is left
//! out, as ever. Without this a run whose disk went away would set all of its pool aside, and end as if it were done.

use std::ops::ControlFlow;
use std::sync::Arc;

use acft::learner::{FeatureSink, PredictionSink, Trained};
use acft::prediction::Predictions;
use acft::{
    BoxError, CandidateError, CandidateId, Example, Observer, Schedule, Scorer, Scoring, Trainer,
};
use acft_images::ImagePatches;
use acft_vision::learner::Learner;
use acft_vision::models::Model;

/// Where predictions and features are delivered.
type Sink<'a, T> = dyn FnMut(CandidateId, Result<&[T], CandidateError>) -> ControlFlow<()> + 'a;

/// A learner that fails as a whole where a file has gone, and at once: what it would go on to is not kept.
pub(crate) struct WhileThere {
    pub(crate) learner: Learner,
    pub(crate) patches: Arc<ImagePatches>,
    /// What makes the run go on.
    pub(crate) go_on: &'static str,
}

impl WhileThere {
    fn held<T>(&self, outcome: Result<T, BoxError>) -> Result<T, BoxError> {
        match self.patches.gone() {
            None => outcome,
            Some(reason) => Err(gone(reason, self.go_on).into()),
        }
    }

    /// The same sink, until a file has gone.
    fn watched<T>(
        &self,
        sink: &mut Sink<'_, T>,
    ) -> impl FnMut(CandidateId, Result<&[T], CandidateError>) -> ControlFlow<()> {
        move |id, outcome| {
            still(&self.patches)?;
            sink(id, outcome)
        }
    }
}

/// What is said where a file has gone.
pub(crate) fn gone(reason: &str, go_on: &str) -> String {
    format!(
        "{reason}: it could be read when the run began; is its disk there? The steps that are done are whole: \
         once the images are back, go on with {go_on}. Without one that is gone for good the data are others, which \
         need a new run: another --out"
    )
}

/// Whether there is any use in going on.
fn still(patches: &ImagePatches) -> ControlFlow<()> {
    match patches.gone() {
        None => ControlFlow::Continue(()),
        Some(_) => ControlFlow::Break(()),
    }
}

impl Scorer<Model> for WhileThere {
    fn classes(&self) -> usize {
        self.learner.classes()
    }

    fn predict(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        let mut sink = self.watched(sink);
        self.held(self.learner.predict(model, candidates, &mut sink))
    }

    fn features(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        let mut sink = self.watched(sink);
        let told = Scorer::features(&self.learner, model, candidates, &mut sink);
        self.held(told)
    }

    fn sampled(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        passes: usize,
        seed: u64,
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        let mut sink = self.watched(sink);
        self.held(
            self.learner
                .sampled(model, candidates, passes, seed, &mut sink),
        )
    }
}

impl Trainer<Model> for WhileThere {
    fn fine_tune(
        &mut self,
        from: &Model,
        examples: &[Example],
        schedule: &Schedule,
        observer: &mut dyn Observer,
    ) -> Result<Trained<Model>, BoxError> {
        let mut observer = Watcher {
            observer,
            patches: &self.patches,
        };
        let trained =
            Trainer::fine_tune(&mut self.learner, from, examples, schedule, &mut observer);
        self.held(trained)
    }
}

/// Ends a fine-tuning where a file has gone, and tells of no candidate then: those that could not be read are not at fault.
struct Watcher<'a> {
    observer: &'a mut dyn Observer,
    patches: &'a ImagePatches,
}

impl Observer for Watcher<'_> {
    fn scored(&mut self, what: Scoring, done: usize, total: usize) -> ControlFlow<()> {
        still(self.patches)?;
        self.observer.scored(what, done, total)
    }

    fn predicted(&mut self, candidate: CandidateId, predictions: &Predictions<'_>) {
        self.observer.predicted(candidate, predictions);
    }

    fn trained(
        &mut self,
        epoch: usize,
        epochs: usize,
        batch: usize,
        batches: usize,
        loss: f64,
    ) -> ControlFlow<()> {
        still(self.patches)?;
        self.observer.trained(epoch, epochs, batch, batches, loss)
    }

    fn left_out(&mut self, candidate: CandidateId, error: &CandidateError) {
        if self.patches.gone().is_none() {
            self.observer.left_out(candidate, error);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft::CandidateKey;
    use acft_images::PatchSource;
    use acft_images::source::{Candidate, Split};

    use super::*;

    #[derive(Default)]
    struct Heard {
        batches: usize,
        left_out: usize,
    }

    impl Observer for Heard {
        fn trained(&mut self, _: usize, _: usize, _: usize, _: usize, _: f64) -> ControlFlow<()> {
            self.batches += 1;
            ControlFlow::Continue(())
        }

        fn left_out(&mut self, _: CandidateId, _: &CandidateError) {
            self.left_out += 1;
        }
    }

    #[test]
    fn a_fine_tuning_ends_where_a_file_has_gone_and_blames_no_candidate() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken.png");
        std::fs::write(&broken, "no image").unwrap();
        let candidate = |path| Candidate {
            key: CandidateKey([0; 32]),
            name: String::new(),
            path,
            region: None,
            label: None,
            group: None,
            split: Split::Train,
            row: None,
        };
        let candidates = vec![candidate(broken), candidate(folder.path().join("gone.png"))];
        let patches = ImagePatches::new(candidates, "none".parse().unwrap(), 1, 0);
        let mut heard = Heard::default();
        let mut hear = |candidate: u32| {
            let error = patches.write(CandidateId(candidate), &mut [0; 3]);
            let mut watcher = Watcher {
                observer: &mut heard,
                patches: &patches,
            };
            watcher.left_out(CandidateId(candidate), &error.unwrap_err());
            watcher.trained(0, 1, 0, 1, 0.5)
        };
        assert!(hear(0).is_continue());
        assert!(hear(1).is_break());
        assert_eq!((heard.batches, heard.left_out), (1, 1));
    }
}
