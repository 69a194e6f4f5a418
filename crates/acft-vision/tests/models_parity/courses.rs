//! Fine-tuning against PyTorch's, step by step: losses, both optimisers, the
//! head's rate and the decay.

use std::collections::BTreeMap;
use std::sync::Arc;

use acft::{CandidateError, CandidateId, Example, Label, Phase, Schedule, Trainer};
use acft_images::PatchSource;
use acft_vision::learner::{FineTuning, Learner, OptimizerKind};
use acft_vision::models::{Architecture, Description, Model};
use burn::tensor::Device;
use serde::Deserialize;

use crate::formula::{network, uniform};
use crate::{error, fixture};

#[derive(Deserialize)]
pub(crate) struct Course {
    optimizer: OptimizerKind,
    losses: Vec<f64>,
    /// How far each tensor went, as a sum of absolute changes.
    moved: BTreeMap<String, f64>,
}

/// Noise, brighter where the candidate is odd.
struct Noise;

impl PatchSource for Noise {
    fn patches_per_candidate(&self) -> usize {
        2
    }

    fn input(&self) -> usize {
        16
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        let base = 100.0 + 50.0 * f64::from(candidate.0 % 2);
        let noise = uniform(&format!("candidate {}", candidate.0), out.len());
        for (byte, u) in out.iter_mut().zip(noise) {
            *byte = (base + 90.0 * u) as u8;
        }
        Ok(())
    }
}

fn check(optimizer: OptimizerKind) {
    let fixture = fixture();
    let course = fixture
        .courses
        .iter()
        .find(|c| c.optimizer == optimizer)
        .unwrap();
    let description = Description {
        architecture: Architecture::Demo,
        classes: (0..fixture.classes).map(|c| c.to_string()).collect(),
        input: 16,
        patches: "noise".into(),
    };
    let start = network(Architecture::Demo, fixture.classes, &Device::flex());
    let model = Model::new(start, description).unwrap();
    let settings = FineTuning {
        optimizer,
        lr: 1e-3,
        epochs: course.losses.len(),
        // All patches in one step, so that their order does not matter.
        mini_batch: 12,
        ..FineTuning::default()
    };
    let mut learner = Learner::new(Arc::new(Noise), fixture.classes, settings).unwrap();
    let example = |i: u32| Example {
        candidate: CandidateId(i),
        label: Label((i % 2) as u16),
    };
    let examples: Vec<_> = (0..6).map(example).collect();
    let schedule = Schedule {
        phase: Phase::FromPretrained,
        seed: 0,
    };
    let trained = learner
        .fine_tune(&model, &examples, &schedule, &mut ())
        .unwrap();
    for (found, expected) in trained.loss.iter().zip(&course.losses) {
        let error = error(&[*found], &[*expected]);
        assert!(error < 1e-3, "{optimizer:?} {error:e}: {:?}", trained.loss);
    }
    let (before, after) = (model.network().tensors(), trained.model.network().tensors());
    for (name, expected) in &course.moved {
        let pairs = after[name].values.iter().zip(&before[name].values);
        let moved: f64 = pairs.map(|(a, b)| f64::from((a - b).abs())).sum();
        let error = error(&[moved], &[*expected]);
        assert!(
            error < 1e-3,
            "{optimizer:?} {name} {error:e}: {moved} {expected}"
        );
    }
}

#[test]
fn adam_takes_pytorchs_steps() {
    check(OptimizerKind::Adam);
}

#[test]
fn sgd_takes_pytorchs_steps() {
    check(OptimizerKind::Sgd);
}
