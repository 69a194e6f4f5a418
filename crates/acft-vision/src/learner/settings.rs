//! The hyper-parameters of fine-tuning (Sec. 4.2.2, Table 3).

use acft::Phase;
use serde::{Deserialize, Serialize};

use super::error::LearnerError;
use crate::engine::Precision;

/// Which rule turns gradients into steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam, β = (0.9, 0.999), ε = 1e-8: the paper's, with PyTorch's constants.
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// How a network is fine-tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FineTuning {
    /// The optimiser; its state starts afresh in each fine-tuning.
    pub optimizer: OptimizerKind,
    /// Learning rate from M_0, outside the last layer.
    pub lr: f64,
    /// Continual fine-tunings learn at `lr / lr_ratio`.
    pub lr_ratio: f64,
    /// The last layer learns at this many times the rate of the rest.
    pub head_factor: f64,
    /// γ: both rates are multiplied by it after each epoch.
    pub decay: f64,
    /// Passes over all patches.
    pub epochs: usize,
    /// Patches in a mini-batch; the last one of an epoch may be shorter.
    pub mini_batch: usize,
    /// That of images and of their gradients between layers, on the CPU, and of the factors of hidden fully connected
    /// layers where the processor multiplies matrices of such numbers; parameters, their gradients and sums are f32 in
    /// any case.
    pub precision: Precision,
    /// Patches are kept in memory while a training set has at most this many
    /// bytes of them, and made again in each epoch otherwise.
    pub memory_bytes: usize,
}

impl Default for FineTuning {
    fn default() -> Self {
        Self {
            optimizer: OptimizerKind::Adam,
            lr: 3e-4,
            lr_ratio: 10.0,
            head_factor: 10.0,
            decay: 0.95,
            epochs: 8,
            mini_batch: 128,
            precision: Precision::F32,
            memory_bytes: 512 << 20,
        }
    }
}

impl FineTuning {
    /// The learning rate of an epoch (counted from 0) outside the last layer.
    pub fn lr_at(&self, phase: Phase, epoch: usize) -> f64 {
        let start = match phase {
            Phase::FromPretrained => self.lr,
            Phase::Continual => self.lr / self.lr_ratio,
        };
        // Multiplied epoch by epoch, as schedulers do, so that the rounding is theirs.
        (0..epoch).fold(start, |lr, _| lr * self.decay)
    }

    pub(super) fn check(&self) -> Result<(), LearnerError> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(LearnerError::Setting {
                name,
                value: value.to_string(),
                must: "a number above 0",
            })
        };
        positive("the learning rate", self.lr)?;
        positive("the ratio of the learning rates", self.lr_ratio)?;
        positive(
            "the factor of the last layer's learning rate",
            self.head_factor,
        )?;
        positive("the decay of the learning rate", self.decay)?;
        let counted = |name, value: usize| {
            if value > 0 {
                return Ok(());
            }
            Err(LearnerError::Setting {
                name,
                value: value.to_string(),
                must: "at least 1",
            })
        };
        counted("the number of epochs", self.epochs)?;
        counted("the mini-batch", self.mini_batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_table_3_and_restart_lower_in_continual_steps() {
        let settings = FineTuning {
            lr: 1e-3,
            ..FineTuning::default()
        };
        let at = |phase, epoch| settings.lr_at(phase, epoch);
        assert_eq!(at(Phase::FromPretrained, 0), 1e-3);
        assert!((at(Phase::FromPretrained, 2) - 1e-3 * 0.9025).abs() < 1e-12);
        assert!((at(Phase::Continual, 0) - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn senseless_settings_are_named() {
        let check = |settings: FineTuning, says: &str| {
            let message = settings.check().err().map(|e| e.to_string());
            assert_eq!(message.as_deref(), Some(says));
        };
        let good = FineTuning::default;
        check(
            FineTuning {
                lr: f64::NAN,
                ..good()
            },
            "the learning rate is NaN: it must be a number above 0",
        );
        check(
            FineTuning {
                epochs: 0,
                ..good()
            },
            "the number of epochs is 0: it must be at least 1",
        );
    }
}
