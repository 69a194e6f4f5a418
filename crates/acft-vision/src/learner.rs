//! The network as the algorithm sees it: predictions of candidates, and
//! fine-tuning on labeled ones.

mod batch;
mod course;
mod error;
mod fine_tune;
mod optimizer;
mod pipeline;
mod predict;
mod runner;
mod settings;
mod store;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use acft::prediction::mean_of_rows;
use acft::{
    BoxError, CandidateError, CandidateId, Example, Observer, PredictionSink, Schedule, Scorer,
    Trained, Trainer,
};
pub use acft_images::PatchSource;

use self::runner::Runner;
use crate::engine::Wanted;
use crate::models::{Model, Ready};

pub use crate::engine::Precision;

pub use error::LearnerError;
pub use settings::{FineTuning, OptimizerKind};

/// Bytes of one patch.
fn patch_bytes(source: &dyn PatchSource) -> usize {
    source.input() * source.input() * 3
}

/// Where [`Learner::features`] and [`Learner::tapped_features`] deliver: the candidate, and its patches'
/// features (m rows, row-major) or what was wrong with it.
pub type FeatureSink<'a> =
    dyn FnMut(CandidateId, Result<&[f32], CandidateError>) -> ControlFlow<()> + 'a;

/// Scores candidates with a [`Model`] and fine-tunes it.
pub struct Learner {
    source: Arc<dyn PatchSource>,
    classes: usize,
    settings: FineTuning,
    workers: usize,
    precision: Precision,
    /// The model that was scored with last: a step scores with it several times, and its preparation lives as long as
    /// somebody holds it.
    last: Mutex<Option<Arc<Runner>>>,
}

impl Learner {
    /// A learner for |Y| = `classes` classes.
    ///
    /// # Errors
    /// [`LearnerError::Setting`] names a setting that makes no sense.
    pub fn new(
        source: Arc<dyn PatchSource>,
        classes: usize,
        settings: FineTuning,
    ) -> Result<Self, LearnerError> {
        settings.check()?;
        Ok(Self {
            source,
            classes,
            settings,
            workers: rayon::current_num_threads(),
            precision: Precision::F32,
            last: Mutex::default(),
        })
    }

    /// The same learner, scoring at a precision: on the CPU, where this crate's own kernels score. Fine-tuning has a
    /// precision of its own among its settings; passes with dropout are in f32.
    #[must_use]
    pub fn scoring_in(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The settings of its fine-tuning.
    pub fn settings(&self) -> &FineTuning {
        &self.settings
    }

    /// Streams the pooled features before the head, in the given order, in
    /// bounded memory. An unreadable candidate is an item of the stream.
    ///
    /// # Errors
    /// The model is not one for these patches.
    pub fn features(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), LearnerError> {
        self.check(model)?;
        let runner = self.runner(model)?;
        let which = Wanted::Features;
        predict::features(
            &*self.source,
            self.workers,
            &runner,
            candidates,
            which,
            sink,
        )
    }

    /// Streams the features of all [taps](crate::models::Architecture::taps) of the network, in the given order, in
    /// bounded memory: m × [`Architecture::tap_width`](crate::models::Architecture::tap_width) for a candidate. One pass
    /// gives all of them. An unreadable candidate is an item of the stream.
    ///
    /// # Errors
    /// The model is not one for these patches.
    pub fn tapped_features(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), LearnerError> {
        self.check(model)?;
        let runner = self.runner(model)?;
        let which = Wanted::Taps;
        predict::features(
            &*self.source,
            self.workers,
            &runner,
            candidates,
            which,
            sink,
        )
    }

    /// How many candidates pass through the network at once. Streams of candidates that begin at a multiple of it have
    /// the same numbers as one that begins at the first, to the last bit.
    pub(crate) fn candidates_at_once(&self, model: &Model) -> Result<usize, LearnerError> {
        let at_once = self.runner(model)?.patches_at_once();
        Ok((at_once / self.source.patches_per_candidate().max(1)).max(1))
    }

    /// Where it has its patches from.
    pub(crate) fn source(&self) -> &dyn PatchSource {
        &*self.source
    }

    /// A model made ready for this learner. Who keeps it spares later learners of the same precision the preparation.
    ///
    /// # Errors
    /// The model is not one for these patches.
    pub fn ready(&self, model: &Model) -> Result<Ready, LearnerError> {
        self.check(model)?;
        Ok(self.runner(model)?.ready().clone())
    }

    /// The precision that it scores at.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The model made ready to score.
    fn runner(&self, model: &Model) -> Result<Arc<Runner>, LearnerError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(runner) if runner.model().is(model) => Ok(Arc::clone(runner)),
            _ => {
                // The old one goes first: two at a time are not needed.
                *last = None;
                let runner = Arc::new(Runner::new(model, self.precision)?);
                *last = Some(Arc::clone(&runner));
                Ok(runner)
            }
        }
    }

    /// Whether the model takes these patches and answers with these classes.
    fn check(&self, model: &Model) -> Result<(), LearnerError> {
        let description = model.description();
        if description.classes.len() != self.classes || description.input != self.source.input() {
            return Err(LearnerError::OtherTask {
                classes: description.classes.len(),
                input: description.input,
                wanted_classes: self.classes,
                wanted_input: self.source.input(),
            });
        }
        Ok(())
    }
}

impl Scorer<Model> for Learner {
    fn classes(&self) -> usize {
        self.classes
    }

    fn predict(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        self.check(model)?;
        let runner = self.runner(model)?;
        predict::probabilities(&*self.source, self.workers, &runner, candidates, sink)?;
        Ok(())
    }

    fn sampled(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        passes: usize,
        seed: u64,
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        self.check(model)?;
        let runner = self.runner(model)?;
        let how = (passes, seed);
        predict::sampled(&*self.source, self.workers, &runner, candidates, how, sink)?;
        Ok(())
    }

    fn features(
        &self,
        model: &Model,
        candidates: &[CandidateId],
        sink: &mut acft::FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        let patches = self.source.patches_per_candidate();
        let mut mean = Vec::new();
        self.features(model, candidates, &mut |candidate, outcome| {
            let rows = match outcome {
                Ok(rows) => rows,
                Err(error) => return sink(candidate, Err(error)),
            };
            let width = rows.len() / patches;
            mean.clear();
            mean.extend(mean_of_rows(rows, width).map(|value| value as f32));
            sink(candidate, Ok(&mean))
        })?;
        Ok(())
    }
}

impl Trainer<Model> for Learner {
    fn fine_tune(
        &mut self,
        from: &Model,
        examples: &[Example],
        schedule: &Schedule,
        observer: &mut dyn Observer,
    ) -> Result<Trained<Model>, BoxError> {
        self.check(from)?;
        let job = fine_tune::Job {
            source: &*self.source,
            settings: &self.settings,
            workers: self.workers,
            classes: self.classes,
        };
        Ok(job.run(from, examples, schedule, observer)?)
    }
}
