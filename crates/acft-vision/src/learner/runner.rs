//! A model made ready to score patches.

use acft_kernels::LANES;
use burn::tensor::Tensor;

use super::batch;
use super::error::LearnerError;
use crate::engine::{Precision, Wanted};
use crate::models::{Model, Ready, TooSmall, Training};

/// A model, and what it is run by.
#[derive(Debug)]
pub(super) struct Runner {
    model: Model,
    ready: Ready,
}

impl Runner {
    /// Prepares a model, which takes as long as scoring a few patches; or shares what another has prepared.
    pub(super) fn new(model: &Model, precision: Precision) -> Result<Self, TooSmall> {
        Ok(Self {
            model: model.clone(),
            ready: model.ready(precision)?,
        })
    }

    /// What it is run by.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The model that it runs.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Patches that are worth being run at once: whole blocks for all threads, in
    /// some 20 MB.
    pub(super) fn patches_at_once(&self) -> usize {
        let input = self.model.description().input;
        match self.ready.engine() {
            Some(_) => ((1 << 22) / (input * input).max(1))
                .clamp(4 * LANES, 16 * LANES)
                .next_multiple_of(LANES),
            None => batch::patches_at_once(input),
        }
    }

    /// One row for each patch of RGB bytes.
    pub(super) fn run(&self, bytes: &[u8], wanted: Wanted) -> Result<Vec<f32>, TooSmall> {
        let input = self.model.description().input;
        let patch = input * input * 3;
        let Some(engine) = self.ready.engine() else {
            return self.run_network(bytes, input, wanted);
        };
        Ok(engine.run(bytes.len() / patch, wanted, |block, values| {
            let first = block * LANES * patch;
            let end = bytes.len().min(first + LANES * patch);
            batch::fill_block(&bytes[first..end], input, values);
        }))
    }

    /// For each patch of RGB bytes one row for each pass with dropout.
    pub(super) fn sample(
        &self,
        bytes: &[u8],
        passes: usize,
        seed: u64,
    ) -> Result<Vec<f32>, LearnerError> {
        let network = self.model.network();
        let input = self.model.description().input;
        let images = batch::images(bytes, input, &network.device());
        let samples = network
            .sample(images, passes, &mut Training::new(seed))?
            .ok_or_else(|| LearnerError::NoDropout {
                architecture: network.architecture(),
            })?;
        let samples: Vec<Vec<f32>> = samples.into_iter().map(values).collect();
        let classes = self.model.description().classes.len();
        let patches = samples.first().map_or(0, Vec::len) / classes;
        Ok((0..patches)
            .flat_map(|patch| {
                let of_pass = samples.iter();
                of_pass.flat_map(move |rows| &rows[patch * classes..][..classes])
            })
            .copied()
            .collect())
    }

    fn run_network(
        &self,
        bytes: &[u8],
        input: usize,
        wanted: Wanted,
    ) -> Result<Vec<f32>, TooSmall> {
        let network = self.model.network();
        let images = batch::images(bytes, input, &network.device());
        let rows = match wanted {
            Wanted::Logits => network.infer(images)?,
            Wanted::Features => network.infer_with_features(images)?.features,
            Wanted::Taps => network.infer_tapped(images)?,
        };
        Ok(values(rows))
    }
}

fn values(rows: Tensor<2>) -> Vec<f32> {
    rows.into_data()
        .try_into_vec()
        .expect("networks are built in f32 and stay so")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft::{CandidateError, CandidateId};
    use burn::tensor::Device;

    use super::*;
    use crate::learner::{FineTuning, Learner, PatchSource};
    use crate::models::{Architecture, Description, Network};

    /// Rows of the engine and of the network itself.
    fn both(
        architecture: Architecture,
        input: usize,
        wanted: Wanted,
        precision: Precision,
    ) -> [Vec<f32>; 2] {
        let description = Description {
            architecture,
            classes: vec!["a".into(), "b".into(), "c".into()],
            input,
            patches: "crop:1".into(),
        };
        let network = Network::new(architecture, 3, 5, &Device::flex());
        let model = Model::new(network, description).unwrap();
        let runner = Runner::new(&model, precision).unwrap();
        // One block and a part of another.
        let bytes: Vec<u8> = (0..19 * input * input * 3)
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        [
            runner.run(&bytes, wanted).unwrap(),
            runner.run_network(&bytes, input, wanted).unwrap(),
        ]
    }

    #[test]
    fn the_engine_gives_what_the_network_gives() {
        for (architecture, sizes) in [
            (Architecture::Squeezenet1_0, [33, 64]),
            (Architecture::Squeezenet1_1, [32, 48]),
            (Architecture::Squeezenet1_0Linear, [33, 64]),
            (Architecture::Squeezenet1_1Linear, [32, 48]),
            // Smaller and larger than the grid that its dense layers read.
            (Architecture::Alexnet, [63, 259]),
            (Architecture::Resnet18, [32, 49]),
            (Architecture::Demo, [16, 33]),
        ] {
            for input in sizes {
                for (precision, tolerance) in [
                    (Precision::F32, 1e-5),
                    // Eight bits, through up to eighteen layers of random weights.
                    (Precision::Bf16, 4e-2),
                ] {
                    for wanted in [Wanted::Logits, Wanted::Features, Wanted::Taps] {
                        let [ours, plain] = both(architecture, input, wanted, precision);
                        assert_eq!(ours.len(), plain.len());
                        let scale = plain.iter().fold(1e-3_f32, |m, v| m.max(v.abs()));
                        for (ours, plain) in ours.iter().zip(&plain) {
                            assert!(
                                (ours - plain).abs() <= tolerance * scale,
                                "{architecture} at {input} px, {wanted:?} in {precision}: {ours} for {plain}"
                            );
                        }
                    }
                }
            }
        }
    }

    fn runner(architecture: Architecture, input: usize, precision: Precision) -> Runner {
        let description = Description {
            architecture,
            classes: vec!["a".into(), "b".into()],
            input,
            patches: "crop:1".into(),
        };
        let network = Network::new(architecture, 2, 8, &Device::flex());
        Runner::new(&Model::new(network, description).unwrap(), precision).unwrap()
    }

    fn noise(images: usize, input: usize) -> Vec<u8> {
        (0..images * input * input * 3)
            .map(|i| ((i as u32).wrapping_mul(2_246_822_519) >> 23) as u8)
            .collect()
    }

    #[test]
    fn taps_of_the_engine_are_those_of_the_layers_one_by_one() {
        for (architecture, sizes) in [
            (Architecture::Squeezenet1_0, vec![21, 33, 64]),
            (Architecture::Squeezenet1_1, vec![33, 48, 64, 224]),
            (Architecture::Squeezenet1_1Linear, vec![48]),
            (Architecture::Alexnet, vec![64, 224]),
            (Architecture::Resnet18, vec![33, 48, 64]),
            (Architecture::Demo, vec![16, 33, 48]),
        ] {
            for input in sizes {
                let bytes = noise(if input > 100 { 2 } else { 18 }, input);
                let shapes = architecture.tap_shapes(input).unwrap();
                let width = architecture.tap_width(input).unwrap();
                for (precision, tolerance) in [(Precision::F32, 1e-4), (Precision::Bf16, 4e-2)] {
                    let runner = runner(architecture, input, precision);
                    let ours = runner.run(&bytes, Wanted::Taps).unwrap();
                    let plain = runner.run_network(&bytes, input, Wanted::Taps).unwrap();
                    assert_eq!(ours.len(), plain.len());
                    assert_eq!(ours.len(), width * bytes.len() / (3 * input * input));
                    for (ours, plain) in ours.chunks(width).zip(plain.chunks(width)) {
                        let mut at = 0;
                        for shape in &shapes {
                            let range = at..at + shape.width();
                            at = range.end;
                            // Each tap by itself: the first have other sizes than the last.
                            let scale = plain[range.clone()]
                                .iter()
                                .fold(1e-6_f32, |m, v| m.max(v.abs()));
                            for (ours, plain) in ours[range.clone()].iter().zip(&plain[range]) {
                                assert!(
                                    (ours - plain).abs() <= tolerance * scale,
                                    "{architecture} at {input} px, {shape:?} in {precision}: {ours} for {plain}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_tap_holds_the_features_before_the_head() {
        for (architecture, input) in [
            (Architecture::Squeezenet1_0, 48),
            (Architecture::Squeezenet1_1, 48),
            (Architecture::Alexnet, 64),
            (Architecture::Resnet18, 64),
            (Architecture::Demo, 32),
        ] {
            let runner = runner(architecture, input, Precision::F32);
            let bytes = noise(17, input);
            let width = architecture.tap_width(input).unwrap();
            let last = *architecture.tap_shapes(input).unwrap().last().unwrap();
            assert_eq!(last.channels, architecture.features());
            let features = runner.run(&bytes, Wanted::Features).unwrap();
            let taps = runner.run(&bytes, Wanted::Taps).unwrap();
            for (taps, features) in taps.chunks(width).zip(features.chunks(last.channels)) {
                let means = &taps[width - last.width()..][..last.channels];
                for (ours, expected) in means.iter().zip(features) {
                    let scale = expected.abs().max(1e-3);
                    assert!((ours - expected).abs() <= 1e-4 * scale, "{architecture}");
                }
            }
        }
    }

    #[test]
    fn tapping_leaves_scores_as_they_are() {
        for (architecture, input) in [
            (Architecture::Resnet18, 48),
            (Architecture::Squeezenet1_1, 48),
        ] {
            for precision in [Precision::F32, Precision::Bf16] {
                let runner = runner(architecture, input, precision);
                let bytes = noise(20, input);
                let before = runner.run(&bytes, Wanted::Logits).unwrap();
                let taps = runner.run(&bytes, Wanted::Taps).unwrap();
                assert_eq!(runner.run(&bytes, Wanted::Logits).unwrap(), before);
                assert_eq!(runner.run(&bytes, Wanted::Taps).unwrap(), taps);
            }
        }
    }

    /// A learner of one grey patch a candidate.
    fn learner(input: usize, precision: Precision) -> Learner {
        struct Grey(usize);
        impl PatchSource for Grey {
            fn patches_per_candidate(&self) -> usize {
                1
            }

            fn input(&self) -> usize {
                self.0
            }

            fn write(&self, _: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
                out.fill(128);
                Ok(())
            }
        }
        let source = std::sync::Arc::new(Grey(input));
        let learner = Learner::new(source, 2, FineTuning::default()).unwrap();
        learner.scoring_in(precision)
    }

    #[test]
    fn learners_of_one_model_share_its_preparation_while_one_holds_it() {
        let model = runner(Architecture::Demo, 32, Precision::F32)
            .model()
            .clone();
        let [one, other] = [0, 1].map(|_| learner(32, Precision::F32));
        let first = one.ready(&model).unwrap();
        assert!(first.is(&other.ready(&model.clone()).unwrap()));
        let rounded = learner(32, Precision::Bf16).ready(&model).unwrap();
        assert!(!first.is(&rounded));
        // Another model of the same weights is another model.
        let twin = runner(Architecture::Demo, 32, Precision::F32)
            .model()
            .clone();
        assert!(!first.is(&one.ready(&twin).unwrap()));
        // `one` has gone on to the twin; `other` and `first` still hold it.
        assert_eq!(first.holders(), 2);
        drop(other);
        assert_eq!(first.holders(), 1);
        assert!(first.is(&learner(32, Precision::F32).ready(&model).unwrap()));
    }

    #[test]
    fn many_who_ask_at_once_wait_for_one_preparation() {
        let model = runner(Architecture::Demo, 32, Precision::F32)
            .model()
            .clone();
        let ready: Vec<Ready> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| model.ready(Precision::F32).unwrap()))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ready.iter().all(|one| one.is(&ready[0])));
    }
}
