//! The head as the algorithm sees it: predictions of candidates, and learning from labeled ones.

use std::ops::ControlFlow;
use std::sync::Arc;

use acft::{
    BoxError, CandidateError, CandidateId, Example, FeatureSink, Observer, PredictionSink,
    Schedule, Scorer, Trained, Trainer,
};
use acft_head::combine_means;

use super::model::HeadModel;
use super::space::Space;

/// Candidates predicted at a time.
const AT_ONCE: usize = 256;

/// What a scorer shows of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The head's row of each patch: what queries look at.
    Patches,
    /// One row, the geometric mean of head and graph: what models are judged by.
    Candidate,
}

/// Scores candidates by a head, and fits it.
pub(crate) struct HeadLearner {
    space: Arc<Space>,
    look: Look,
}

impl HeadLearner {
    pub(crate) fn new(space: Arc<Space>, look: Look) -> Self {
        Self { space, look }
    }

    /// Patches of a candidate that it looks at.
    fn patches(&self) -> usize {
        let all = self.space.projected().pool().patches();
        match self.look {
            Look::Patches => all,
            Look::Candidate => self.space.judged_by().min(all),
        }
    }

    /// The head's rows of candidates that lie at these places, `[candidate][patch][class]`.
    fn rows(&self, model: &HeadModel, places: &[usize]) -> Vec<f64> {
        let (classes, pool) = (self.space.classes(), self.space.projected().pool());
        let patches = self.patches();
        let Some(head) = model.head() else {
            return vec![1.0 / classes as f64; places.len() * patches * classes];
        };
        let size = patches * pool.width();
        let values: Vec<f32> = places
            .iter()
            .flat_map(|&at| &pool.candidate(at)[..size])
            .copied()
            .collect();
        head.predict_patches(&values)
    }

    /// The row of a candidate by which a model is judged, from its patches' rows.
    fn together(&self, model: &HeadModel, id: CandidateId, rows: &[f64]) -> Vec<f64> {
        let classes = self.space.classes();
        let mean: Vec<f64> = acft::prediction::mean_of_rows(rows, classes).collect();
        let graph = model.guess().and_then(|guess| self.space.row(guess, id));
        match graph {
            Some(graph) => combine_means(&mean, graph, classes),
            None => mean,
        }
    }
}

impl Scorer<HeadModel> for HeadLearner {
    fn classes(&self) -> usize {
        self.space.classes()
    }

    fn predict(
        &self,
        model: &HeadModel,
        candidates: &[CandidateId],
        sink: &mut PredictionSink<'_>,
    ) -> Result<(), BoxError> {
        let size = self.patches() * self.space.classes();
        for ids in candidates.chunks(AT_ONCE) {
            let found: Vec<Result<usize, CandidateError>> = ids
                .iter()
                .map(|id| self.space.projected().place(*id))
                .collect();
            let places: Vec<usize> = found.iter().flatten().copied().collect();
            let rows = self.rows(model, &places);
            let mut rows = rows.chunks_exact(size);
            for (&id, place) in ids.iter().zip(found) {
                let flow = match (place, self.look) {
                    (Err(error), _) => sink(id, Err(error)),
                    (Ok(_), Look::Patches) => sink(id, Ok(rows.next().unwrap_or_default())),
                    (Ok(_), Look::Candidate) => {
                        let rows = rows.next().unwrap_or_default();
                        sink(id, Ok(&self.together(model, id, rows)))
                    }
                };
                if flow.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn features(
        &self,
        _model: &HeadModel,
        candidates: &[CandidateId],
        sink: &mut FeatureSink<'_>,
    ) -> Result<(), BoxError> {
        let projected = self.space.projected();
        for &id in candidates {
            let flow = match projected.place(id) {
                Ok(at) => sink(id, Ok(projected.pool().mean(at))),
                Err(error) => sink(id, Err(error)),
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl Trainer<HeadModel> for HeadLearner {
    fn fine_tune(
        &mut self,
        from: &HeadModel,
        examples: &[Example],
        _schedule: &Schedule,
        observer: &mut dyn Observer,
    ) -> Result<Trained<HeadModel>, BoxError> {
        let left_out = |id, error: &CandidateError| observer.left_out(id, error);
        let (model, fit) = self.space.fit(from, examples, left_out)?;
        let Some(fit) = fit else {
            return Ok(Trained {
                model,
                loss: Vec::new(),
                patches: 0,
            });
        };
        if let ControlFlow::Break(()) = observer.trained(0, 1, 0, 1, fit.loss) {
            return Err("cancelled while a head was fitted".into());
        }
        let patches = examples.len() * self.space.projected().pool().patches();
        Ok(Trained {
            model,
            loss: vec![fit.loss],
            patches: patches * fit.evaluations,
        })
    }
}
