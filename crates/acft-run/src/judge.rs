//! Measures each new model on the candidates that models are judged by.

use std::ops::ControlFlow;
use std::time::Instant;

use acft::{
    BoxError, CandidateId, Evaluator, Evidence, Judged, Label, Observer, Run, Scorer, Scoring,
};

use super::evaluation::{Evaluation, Measures, classes_named};

/// Judges the models of a run.
pub(crate) struct Judge<'a, S> {
    /// Sees the patches that models are judged by.
    pub scorer: &'a S,
    pub labels: &'a [Option<Label>],
    pub test: Vec<CandidateId>,
    pub validation: Vec<CandidateId>,
    pub stop_set: Vec<CandidateId>,
    pub positive: Option<usize>,
}

/// What is recorded of a model beside what the stopping rules look at.
pub(crate) struct Measured {
    /// The predictions for the test set.
    pub tested: Evaluation,
    /// What they are worth.
    pub test: Measures,
    /// How long judging took.
    pub seconds: f64,
}

impl<M, S: Scorer<M>> Evaluator<M> for Judge<'_, S> {
    type Measures = Measured;

    fn evaluate(
        &mut self,
        run: &Run<M>,
        observer: &mut dyn Observer,
    ) -> Result<Judged<Measured>, BoxError> {
        let begun = Instant::now();
        let model = &run.current;
        let mut told = Told {
            observer,
            stopped: false,
            done: 0,
            total: self.labeled(&self.test) + self.labeled(&self.validation) + self.stop_set.len(),
        };
        let tested = self.predict(model, &self.test, &mut told)?;
        let validation = match self.validation.is_empty() {
            true => None,
            false => {
                let validated = self.predict(model, &self.validation, &mut told)?;
                validated.measures(self.positive).auc
            }
        };
        let stop_set = match self.stop_set.is_empty() {
            true => None,
            false => {
                let named = classes_named(self.scorer, model, &self.stop_set, |_, _| told.one())?;
                Some(named)
            }
        };
        if told.stopped {
            return Err("cancelled while a model was judged".into());
        }
        Ok(Judged {
            evidence: Evidence {
                labels: run.state.labeled().len(),
                validation,
                stop_set,
            },
            measures: Measured {
                test: tested.measures(self.positive),
                tested,
                seconds: begun.elapsed().as_secs_f64(),
            },
        })
    }
}

impl<S> Judge<'_, S> {
    fn labeled(&self, ids: &[CandidateId]) -> usize {
        let labeled = |id: &&CandidateId| self.labels[id.index()].is_some();
        ids.iter().filter(labeled).count()
    }

    fn predict<M>(
        &self,
        model: &M,
        ids: &[CandidateId],
        told: &mut Told<'_>,
    ) -> Result<Evaluation, BoxError>
    where
        S: Scorer<M>,
    {
        let found = Evaluation::of(self.scorer, model, ids, self.labels, |_, _| told.one())?;
        for (id, error) in &found.unreadable {
            told.observer.left_out(*id, error);
        }
        Ok(found)
    }
}

/// Tells an observer how far judging is, over all sets together.
struct Told<'a> {
    observer: &'a mut dyn Observer,
    /// Whether the observer asked to stop.
    stopped: bool,
    done: usize,
    total: usize,
}

impl Told<'_> {
    /// One more candidate is predicted.
    fn one(&mut self) -> ControlFlow<()> {
        self.done += 1;
        let flow = self
            .observer
            .scored(Scoring::Evaluation, self.done, self.total);
        self.stopped |= flow.is_break();
        flow
    }
}
