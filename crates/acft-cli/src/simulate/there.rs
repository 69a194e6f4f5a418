//! A disk that goes away is no fault of the images on it. Every candidate could be read when the data was listed, so one
//! whose file cannot be read later stops the run, which can go on once it is back; one that is there and broken is left
//! out, as ever. Without this a run whose disk went away would set all of its pool aside, and end as if it were done.

use std::sync::Arc;

use acft::learner::{FeatureSink, PredictionSink, Trained};
use acft::{BoxError, CandidateId, Example, Observer, Schedule, Scorer, Trainer};
use acft_vision::learner::Learner;
use acft_vision::models::Model;

use super::data::CandidatePatches;

/// A learner that fails as a whole where a file has gone.
pub(crate) struct WhileThere {
    pub(crate) learner: Learner,
    pub(crate) patches: Arc<CandidatePatches>,
}

impl WhileThere {
    fn held<T>(&self, outcome: Result<T, BoxError>) -> Result<T, BoxError> {
        match self.patches.gone() {
            None => outcome,
            Some(reason) => Err(format!(
                "{reason}: it could be read when the run began; is its disk there? The steps that are done are whole: \
                 once the images are back, go on with --resume"
            )
            .into()),
        }
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
        self.held(self.learner.predict(model, candidates, sink))
    }

    fn features(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        self.held(Scorer::features(&self.learner, model, candidates, sink))
    }

    fn sampled(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        passes: usize,
        seed: u64,
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        self.held(self.learner.sampled(model, candidates, passes, seed, sink))
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
        let trained = Trainer::fine_tune(&mut self.learner, from, examples, schedule, observer);
        self.held(trained)
    }
}
