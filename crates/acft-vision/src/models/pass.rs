//! What a forward pass does besides computing: nothing in inference; dropout
//! and batch statistics in training.

use burn::module::{ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::engine::Precision;
use crate::ops::{self, Images};

/// How much of a mini-batch's statistics enters the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// Random numbers that a thread draws at a time.
const CHUNK: usize = 1 << 14;

/// One forward pass through a network.
pub(super) enum Pass<'a> {
    /// Dropout is the identity; batch norm uses its running statistics.
    Inference,
    /// Dropout drops; batch norm uses the mini-batch's statistics and leaves
    /// them here.
    Training(&'a mut Training),
}

/// What training carries from one mini-batch to the next besides the weights.
#[derive(Debug)]
pub struct Training {
    /// None where nothing is dropped.
    dropout: Option<ChaCha8Rng>,
    /// See [`Training::in_precision`].
    precision: Precision,
    pub(super) statistics: Vec<BatchStatistics>,
}

/// The statistics of one batch-norm layer over one mini-batch, on their way
/// into its running ones.
#[derive(Debug)]
pub(super) struct BatchStatistics {
    pub(super) mean_id: ParamId,
    pub(super) variance_id: ParamId,
    pub(super) mean: Tensor<1>,
    /// With n − 1, as PyTorch keeps it.
    pub(super) variance: Tensor<1>,
}

impl Training {
    /// Dropout masks are a function of `seed` and of the shapes asked for.
    pub fn new(seed: u64) -> Self {
        let mut dropout = ChaCha8Rng::seed_from_u64(seed);
        // The shuffling of a fine-tuning draws from stream 0 of the same seed.
        dropout.set_stream(1);
        Self {
            dropout: Some(dropout),
            precision: Precision::F32,
            statistics: Vec::new(),
        }
    }

    /// The same with images, and their gradients, kept at a precision between layers, and the factors of hidden fully
    /// connected layers where the processor multiplies matrices of such numbers. Parameters, their gradients and sums
    /// stay f32.
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The images as a network is to read them.
    pub(super) fn rounded(&self, x: Images) -> Images {
        match self.precision {
            Precision::F32 => x,
            Precision::Bf16 => x.in_bf16(),
        }
    }

    /// Training that drops nothing, so that its gradients can be compared.
    pub fn without_dropout() -> Self {
        Self {
            dropout: None,
            precision: Precision::F32,
            statistics: Vec::new(),
        }
    }

    /// The statistics of the passes since the last call, if they left any.
    pub(super) fn take_statistics(&mut self) -> Option<Absorb> {
        let statistics = std::mem::take(&mut self.statistics);
        (!statistics.is_empty()).then_some(Absorb(statistics))
    }

    /// One factor per value: 0 with probability `rate`, else 1 / (1 − rate).
    fn mask(&mut self, n: usize, rate: f64) -> Option<Vec<f32>> {
        let stream = self.dropout.as_mut()?;
        let threshold = (rate * f64::from(u32::MAX)) as u32;
        let kept = (1.0 / (1.0 - rate)) as f32;
        let factor = |random| if random < threshold { 0.0 } else { kept };
        let mut mask = ops::buffer(n);
        // The stream as it is, whoever draws which part of it.
        let start = stream.get_word_pos();
        mask.par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(i, part)| {
                let mut stream = stream.clone();
                stream.set_word_pos(start + (i * CHUNK) as u128);
                part.iter_mut()
                    .for_each(|value| *value = factor(stream.next_u32()));
            });
        stream.set_word_pos(start + n as u128);
        Some(mask)
    }
}

impl Pass<'_> {
    /// See [`Training::in_precision`]; f32 in inference.
    pub(super) fn precision(&self) -> Precision {
        match self {
            Self::Inference => Precision::F32,
            Self::Training(training) => training.precision,
        }
    }

    /// Drops each value with probability `rate` in training, and scales the
    /// others up to keep the mean.
    pub(super) fn dropout<const D: usize>(&mut self, x: Tensor<D>, rate: f64) -> Tensor<D> {
        match self {
            Self::Inference => x,
            Self::Training(training) => match training.mask(x.dims().iter().product(), rate) {
                None => x,
                Some(mask) => ops::masked(x, mask),
            },
        }
    }
}

/// Blends mini-batch statistics into the running ones, in the order in which
/// the passes left them.
pub(super) struct Absorb(Vec<BatchStatistics>);

impl ModuleMapper for Absorb {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        let shape = param.lazy_shape();
        let update = self.0.iter().find_map(|layer| match id {
            _ if id == layer.mean_id => Some(&layer.mean),
            _ if id == layer.variance_id => Some(&layer.variance),
            _ => None,
        });
        match update {
            None => param,
            Some(update) => {
                let update = update.clone().reshape(shape);
                param
                    .map(|running| running.mul_scalar(1.0 - MOMENTUM) + update.mul_scalar(MOMENTUM))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_mask_keeps_its_share_and_the_mean() {
        let mask = Training::new(5).mask(40_000, 0.5).unwrap();
        let kept = mask.iter().filter(|&&v| v == 2.0).count();
        assert_eq!(mask.iter().filter(|&&v| v == 0.0).count() + kept, 40_000);
        assert!((19_500..20_500).contains(&kept), "{kept}");
        assert_eq!(Some(&mask), Training::new(5).mask(40_000, 0.5).as_ref());
        // Drawn in one go or in two, the stream is the same.
        let mut twice = Training::new(5);
        let mut parts = twice.mask(777, 0.5).unwrap();
        parts.extend(twice.mask(40_000 - 777, 0.5).unwrap());
        assert_eq!(mask, parts);
        assert_ne!(Some(&mask), Training::new(6).mask(40_000, 0.5).as_ref());
        assert_eq!(Training::without_dropout().mask(40_000, 0.5), None);
    }
}
