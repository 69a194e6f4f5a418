//! A model made ready to score patches.

use acft_kernels::LANES;
use burn::tensor::Tensor;

use super::batch;
use super::error::LearnerError;
use crate::engine::{Engine, Precision, Wanted};
use crate::models::{Model, TooSmall, Training};
use crate::ops::{Images, Layout};

/// A model, and what it is run by.
#[derive(Debug)]
pub(super) struct Runner {
    model: Model,
    /// None where Burn's own operations run, on any device but the CPU.
    engine: Option<Engine>,
}

impl Runner {
    /// Prepares a model, which takes as long as scoring a few patches.
    pub(super) fn new(model: &Model, precision: Precision) -> Result<Self, TooSmall> {
        let network = model.network();
        let engine = match Images::layout(&network.device()) {
            Layout::Interleaved => Some(network.engine(model.description().input, precision)?),
            Layout::OneByOne => None,
        };
        Ok(Self {
            model: model.clone(),
            engine,
        })
    }

    /// The model that it runs.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// Patches that are worth being run at once: whole blocks for all threads, in
    /// some 20 MB.
    pub(super) fn patches_at_once(&self) -> usize {
        let input = self.model.description().input;
        match self.engine {
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
        let Some(engine) = &self.engine else {
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
    use burn::tensor::Device;

    use super::*;
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
                    for wanted in [Wanted::Logits, Wanted::Features] {
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
}
