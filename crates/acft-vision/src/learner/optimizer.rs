//! Two learning rates, one optimiser.

use burn::module::ParamId;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Gradients;

use super::settings::OptimizerKind;
use crate::models::Network;
use crate::ops::FusedAdam;

/// Steps the last layer at one rate and the rest at another.
pub(super) struct Optimizer {
    rule: ModuleOptimizer,
    head: Vec<ParamId>,
    body: Vec<ParamId>,
}

impl Optimizer {
    /// An optimiser that has seen no gradient yet.
    pub(super) fn new(kind: OptimizerKind, network: &Network) -> Self {
        let (head, body) = network.head_and_body();
        let rule = match kind {
            OptimizerKind::Adam => ModuleOptimizer::from(FusedAdam),
            OptimizerKind::Sgd => {
                // Burn dampens the gradient by default; PyTorch does not.
                let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
                SgdConfig::new().with_momentum(Some(momentum)).init()
            }
        };
        Self { rule, head, body }
    }

    /// One step of both groups, at the rates of the body and the head.
    pub(super) fn step(
        &mut self,
        network: Network,
        mut gradients: Gradients,
        [body_lr, head_lr]: [f64; 2],
    ) -> Network {
        let head = GradientsParams::from_params(&mut gradients, &network, &self.head);
        let body = GradientsParams::from_params(&mut gradients, &network, &self.body);
        let network = self.rule.step(body_lr, network, body);
        self.rule.step(head_lr, network, head)
    }
}
