//! bf16 on real weights and real images; skipped where they are not at hand.
#![allow(clippy::unwrap_used)]

use std::env;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acft::{CandidateError, CandidateId, Scorer};
use acft_images::PatchSource;
use acft_images::patches::{PatchPolicy, load_region, patches};
use acft_images::source::{Candidate, SourceOptions, open};
use acft_vision::Device;
use acft_vision::learner::{FineTuning, Learner, Precision};
use acft_vision::models::{Architecture, Description, Model};
use acft_vision::weights::Tensors;

const INPUT: usize = 48;

fn shared() -> Option<PathBuf> {
    let shared = env::var_os("ACFT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    if !shared.is_dir() {
        println!(
            "skipped: no {}; set ACFT_SHARED to the folder that has it",
            shared.display()
        );
        return None;
    }
    Some(shared)
}

struct Source {
    candidates: Vec<Candidate>,
    policy: PatchPolicy,
}

impl PatchSource for Source {
    fn patches_per_candidate(&self) -> usize {
        self.policy.len()
    }

    fn input(&self) -> usize {
        INPUT
    }

    fn write(&self, candidate: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        let region = load_region(&self.candidates[candidate.index()], &self.policy, INPUT);
        patches(&region.unwrap(), &self.policy, INPUT, out);
        Ok(())
    }
}

/// The pooled features of the ImageNet network are within 2.5 % of the largest of each candidate, and on average within a
/// thousandth.
#[test]
fn features_of_pre_trained_networks_are_near_in_bf16() {
    let Some(shared) = shared() else { return };
    let options = SourceOptions {
        data: shared.join("data/lung_nodule_candidates"),
        ..SourceOptions::default()
    };
    let mut candidates = open(&options, &|_, _| ()).unwrap().candidates;
    candidates.truncate(60);
    let policy: PatchPolicy = "crop:12".parse().unwrap();
    let ids: Vec<CandidateId> = (0..60).map(CandidateId).collect();
    let source = Arc::new(Source { candidates, policy });
    for (file, architecture) in [
        ("squeezenet1_1.safetensors", Architecture::Squeezenet1_1),
        ("squeezenet1_0.safetensors", Architecture::Squeezenet1_0),
    ] {
        let tensors = Tensors::read(&shared.join("weights").join(file)).unwrap();
        let network = tensors
            .into_network(architecture, 2, 0, &Device::flex())
            .unwrap();
        let description = Description {
            architecture,
            classes: vec!["no".into(), "nodule".into()],
            input: INPUT,
            patches: "crop:12".into(),
        };
        let model = Model::new(network, description).unwrap();
        let features = |precision: Precision| -> Vec<Vec<f32>> {
            let learner = Learner::new(source.clone(), 2, FineTuning::default()).unwrap();
            let learner = learner.scoring_in(precision);
            let mut rows = Vec::new();
            Scorer::features(&learner, &model, &ids, &mut |_, row: Result<&[f32], _>| {
                rows.push(row.unwrap().to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
            rows
        };
        let (full, half) = (features(Precision::F32), features(Precision::Bf16));
        let (mut worst, mut sum, mut count) = (0.0_f32, 0.0, 0);
        for (full, half) in full.iter().zip(&half) {
            let largest = full.iter().fold(0.0_f32, |most, v| most.max(*v));
            assert!(largest > 0.0);
            for (a, b) in full.iter().zip(half) {
                worst = worst.max((a - b).abs() / largest);
                sum += f64::from((a - b).abs() / largest);
                count += 1;
            }
        }
        let mean = sum / f64::from(count);
        println!("{file}: at most {worst:.4}, on average {mean:.5} of the largest feature");
        assert!(worst <= 0.025, "{file}: {worst}");
        assert!(mean <= 0.001, "{file}: {mean}");
        assert_ne!(full, half, "bf16 is not f32");
    }
}
