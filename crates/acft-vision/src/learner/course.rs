//! One network while it is being trained.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::batch;
use super::optimizer::Optimizer;
use super::settings::FineTuning;
use crate::models::{Network, TooSmall, Training};
use crate::ops;

/// The network as it changes, and what changes it.
pub(super) struct Course {
    /// Away only while the optimiser steps: it then is the weights' only
    /// owner, and can change them in place.
    network: Option<Network>,
    optimizer: Optimizer,
    training: Training,
    device: Device,
    /// A step writes into what the one before it no longer needs.
    _memory: ops::Circulation,
}

const PRESENT: &str = "the network is away only within a step";

impl Course {
    /// Begins at `from`, which stays as it is.
    pub(super) fn new(from: &Network, settings: &FineTuning, seed: u64) -> Self {
        let network = from.clone().train();
        Self {
            optimizer: Optimizer::new(settings.optimizer, &network),
            training: Training::new(seed).in_precision(settings.precision),
            device: from.device().autodiff(),
            network: Some(network),
            _memory: ops::Circulation::begin(),
        }
    }

    /// One step down the gradient of the mean cross-entropy over a mini-batch,
    /// at the learning rates of the body and the head. Returns the loss before
    /// the step; where that is not finite, no step is made.
    pub(super) fn step(
        &mut self,
        bytes: &[u8],
        input: usize,
        labels: Vec<i64>,
        [lr, head_lr]: [f64; 2],
    ) -> Result<f64, TooSmall> {
        let network = self.network.as_ref().expect(PRESENT);
        let images = batch::images(bytes, input, &self.device);
        let logits = network.forward_training(images, &mut self.training)?;
        let loss = cross_entropy(logits, labels);
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if value.is_finite() {
            let gradients = loss.backward();
            let network = self.network.take().expect(PRESENT);
            let network = self.optimizer.step(network, gradients, [lr, head_lr]);
            self.network = Some(network.absorb_statistics(&mut self.training));
        }
        Ok(value)
    }

    /// The trained network, ready for inference.
    pub(super) fn finish(mut self) -> Network {
        self.network.take().expect(PRESENT).valid()
    }
}

/// −log softmax at the label, averaged over the mini-batch.
fn cross_entropy(logits: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let labels = TensorData::new(labels, [batch, 1]);
    let labels = Tensor::<2, Int>::from_data(labels, &logits.device());
    activation::log_softmax(logits, 1)
        .gather(1, labels)
        .mean()
        .neg()
}
