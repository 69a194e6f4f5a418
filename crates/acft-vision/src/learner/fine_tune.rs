//! M_t ← F(·, M): fine-tuning on all patches of the labeled candidates.

use std::ops::ControlFlow;

use acft::{CandidateError, CandidateId, Example, Observer, Schedule, Trained};
use acft_images::PatchSource;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::course::Course;
use super::error::LearnerError;
use super::pipeline;
use super::settings::FineTuning;
use super::store::Store;
use crate::models::Model;

/// What one fine-tuning needs besides its examples.
pub(super) struct Job<'a> {
    pub(super) source: &'a dyn PatchSource,
    pub(super) settings: &'a FineTuning,
    pub(super) workers: usize,
    pub(super) classes: usize,
}

/// Loss summed over the patches of an epoch, and their number.
#[derive(Default)]
struct Sum {
    loss: f64,
    patches: usize,
}

impl Job<'_> {
    /// Fine-tunes a copy of `from`; tells the observer of the examples that
    /// could not be read.
    pub(super) fn run(
        &self,
        from: &Model,
        examples: &[Example],
        schedule: &Schedule,
        observer: &mut dyn Observer,
    ) -> Result<Trained<Model>, LearnerError> {
        self.check(examples)?;
        let limit = self.settings.memory_bytes;
        let (store, mut left_out) = Store::new(self.source, examples, limit, self.workers);

        let mut course = Course::new(from.network(), self.settings, schedule.seed);
        let mut order: Vec<usize> = (0..store.len()).collect();
        let mut shuffling = ChaCha8Rng::seed_from_u64(schedule.seed);
        let mut loss = Vec::with_capacity(self.settings.epochs);
        let mut patches = 0;
        for epoch in 0..self.settings.epochs {
            order.shuffle(&mut shuffling);
            let lr = self.settings.lr_at(schedule.phase, epoch);
            let sum = self.epoch(
                &mut course,
                &store,
                &order,
                (epoch, lr),
                observer,
                &mut left_out,
            )?;
            if sum.patches == 0 {
                let first = left_out.first().map(|(_, error)| error.clone());
                return Err(LearnerError::NoneReadable {
                    count: examples.len(),
                    first: first.expect("an example that is not trained on was left out"),
                });
            }
            loss.push(sum.loss / sum.patches as f64);
            patches += sum.patches;
        }
        // Read anew in each epoch, an example can fail many times.
        left_out.sort_by_key(|(candidate, _)| *candidate);
        left_out.dedup_by_key(|(candidate, _)| *candidate);
        for (candidate, error) in &left_out {
            observer.left_out(*candidate, error);
        }
        Ok(Trained {
            model: from.succeeded_by(course.finish()),
            loss,
            patches,
        })
    }

    /// One pass over all patches, in the given order.
    fn epoch(
        &self,
        course: &mut Course,
        store: &Store<'_>,
        order: &[usize],
        (epoch, lr): (usize, f64),
        observer: &mut dyn Observer,
        left_out: &mut Vec<(CandidateId, CandidateError)>,
    ) -> Result<Sum, LearnerError> {
        let batches: Vec<&[usize]> = order.chunks(self.settings.mini_batch).collect();
        let head_lr = lr * self.settings.head_factor;
        let mut sum = Sum::default();
        pipeline::ordered(
            batches.len(),
            store.workers(self.workers),
            |index| store.draw(batches[index]),
            |index, drawn| {
                left_out.extend(drawn.failed);
                let patches = drawn.labels.len();
                if patches == 0 {
                    return Ok(ControlFlow::Continue(()));
                }
                let input = self.source.input();
                let loss = course.step(&drawn.bytes, input, drawn.labels, [lr, head_lr])?;
                if !loss.is_finite() {
                    let epoch = epoch + 1;
                    return Err(LearnerError::Diverged { epoch, loss, lr });
                }
                sum.loss += loss * patches as f64;
                sum.patches += patches;
                let epochs = self.settings.epochs;
                match observer.trained(epoch, epochs, index, batches.len(), loss) {
                    ControlFlow::Continue(()) => Ok(ControlFlow::Continue(())),
                    ControlFlow::Break(()) => Err(LearnerError::Cancelled { epoch: epoch + 1 }),
                }
            },
        )?;
        Ok(sum)
    }

    fn check(&self, examples: &[Example]) -> Result<(), LearnerError> {
        if examples.is_empty() {
            return Err(LearnerError::NoExamples);
        }
        match examples.iter().find(|e| e.label.index() >= self.classes) {
            None => Ok(()),
            Some(example) => Err(LearnerError::UnknownLabel {
                candidate: example.candidate,
                label: example.label.0,
                classes: self.classes,
            }),
        }
    }
}
