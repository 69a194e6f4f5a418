//! Pre-training: the small network learns to tell drawn patterns apart, so
//! that the runs have something to fine-tune. It never sees a frame.

use std::ops::ControlFlow;
use std::sync::Arc;

use acft::{
    CandidateError, CandidateId, Example, Label, Observer, Phase, Schedule, Scorer, Trainer,
    prediction,
};
use acft_run::network;
use acft_vision::learner::{FineTuning, Learner, PatchSource};
use acft_vision::models::{Architecture, Description, Model, Network};
use rayon::prelude::*;

use super::draw::pattern::{self, CLASSES};
use super::folder::DemoFolder;
use crate::progress;

/// Draws the patterns, the first weights and the order of training.
const SEED: u64 = 7;
/// Patterns that it learns from.
const TAUGHT: usize = 1800;
/// More patterns, on which it is tested.
const TRIED: usize = 300;
/// The side of the network's input in pixels.
pub(super) const INPUT: usize = 32;

/// Trains the network and writes its weights, unless that was done before.
pub(super) fn pretrain(folder: &DemoFolder) -> anyhow::Result<()> {
    if folder.weights().is_file() {
        return Ok(());
    }
    let settings = FineTuning {
        lr: 2e-3,
        // The last layer is not the only one that is new here.
        head_factor: 3.0,
        decay: 0.9,
        epochs: 8,
        mini_batch: 32,
        ..FineTuning::default()
    };
    eprintln!(
        "pre-training a network on {TAUGHT} drawn patterns: {}",
        CLASSES.join(", ")
    );
    let mut learner = Learner::new(Arc::new(Patterns::drawn()), CLASSES.len(), settings)?;
    let network = Network::new(Architecture::Demo, CLASSES.len(), SEED, &network::device());
    let description = Description {
        architecture: Architecture::Demo,
        classes: CLASSES.map(str::to_owned).to_vec(),
        input: INPUT,
        patches: "none".to_owned(),
    };
    let schedule = Schedule {
        phase: Phase::FromPretrained,
        seed: SEED,
    };
    let untrained = Model::new(network, description)?;
    let trained = learner
        .fine_tune(
            &untrained,
            &examples(0, TAUGHT),
            &schedule,
            &mut Bar(progress::counter("pre-training")),
        )
        .map_err(anyhow::Error::from_boxed)?;
    let right = right_of(&learner, &trained.model, &examples(TAUGHT, TRIED))?;
    eprintln!("it recognises {right} of {TRIED} other patterns");
    folder.write("pretrained.safetensors", &trained.model.to_bytes())
}

/// The number of patterns that it classifies correctly.
fn right_of(learner: &Learner, model: &Model, examples: &[Example]) -> anyhow::Result<usize> {
    let ids: Vec<CandidateId> = examples.iter().map(|example| example.candidate).collect();
    let mut truth = examples.iter().map(|example| example.label.index());
    let mut right = 0;
    learner
        .predict(model, &ids, &mut |_, outcome| {
            let named = outcome.ok().map(prediction::dominant);
            right += usize::from(named == truth.next());
            ControlFlow::Continue(())
        })
        .map_err(anyhow::Error::from_boxed)?;
    Ok(right)
}

/// Patterns `first` to `first + count`, with their classes.
fn examples(first: usize, count: usize) -> Vec<Example> {
    (first..first + count)
        .map(|index| Example {
            candidate: CandidateId(index as u32),
            label: Label(pattern::class(index) as u16),
        })
        .collect()
}

/// Every pattern, drawn; each is its own one patch.
struct Patterns(Vec<Vec<u8>>);

impl Patterns {
    fn drawn() -> Self {
        let draw = |index| pattern::draw(SEED, index, INPUT).bytes();
        Self((0..TAUGHT + TRIED).into_par_iter().map(draw).collect())
    }
}

impl PatchSource for Patterns {
    fn patches_per_candidate(&self) -> usize {
        1
    }

    fn input(&self) -> usize {
        INPUT
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        out.copy_from_slice(&self.0[candidate.index()]);
        Ok(())
    }
}

/// Shows the progress of the training.
struct Bar<F>(F);

impl<F: Fn(usize, usize)> Observer for Bar<F> {
    fn trained(
        &mut self,
        epoch: usize,
        epochs: usize,
        batch: usize,
        batches: usize,
        _loss: f64,
    ) -> ControlFlow<()> {
        (self.0)(epoch * batches + batch + 1, epochs * batches);
        ControlFlow::Continue(())
    }
}
