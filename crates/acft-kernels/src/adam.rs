//! Adam (Kingma & Ba 2015) in one pass over memory.

use rayon::prelude::*;

use crate::{check, isa::Isa};

/// Elements that a thread updates at a time.
const CHUNK: usize = 1 << 14;

/// The settings of Adam; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean of the gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// Added to the root, outside it.
    pub epsilon: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// The constants of one step.
pub(crate) struct Step {
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    pub(crate) epsilon: f32,
    pub(crate) rate: f32,
    pub(crate) correction1: f32,
    pub(crate) correction2: f32,
}

/// One step, in place, of parameters `p` with gradient `g`, first moment `m` and second moment `v`.
///
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `p ← p − rate · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)`. `time` is t,
/// which is 1 in the first step, where `m` and `v` are zeros. Panics, naming the argument, if the lengths differ.
pub fn adam(
    isa: Isa,
    adam: &Adam,
    rate: f32,
    time: u32,
    p: &mut [f32],
    g: &[f32],
    m: &mut [f32],
    v: &mut [f32],
) {
    check::length("g", g, p.len());
    check::length("m", m, p.len());
    check::length("v", v, p.len());
    // In f64, because 1 − β₂ᵗ loses half its digits in f32 when t is small.
    let correction = |beta: f32| (1.0 - f64::from(beta).powf(f64::from(time))) as f32;
    let step = Step {
        beta1: adam.beta1,
        beta2: adam.beta2,
        epsilon: adam.epsilon,
        rate,
        correction1: correction(adam.beta1),
        correction2: correction(adam.beta2),
    };
    p.par_chunks_mut(CHUNK)
        .zip(g.par_chunks(CHUNK))
        .zip(m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK)))
        .for_each(|((p, g), (m, v))| isa.adam(&step, p, g, m, v));
}
