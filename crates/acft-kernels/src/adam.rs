//! Adam (Kingma & Ba 2015) in one pass over memory.

use rayon::prelude::*;

use crate::{check, isa::Isa};

/// Elements that a thread updates at a time.
const CHUNK: usize = 1 << 14;

/// The settings of Adam; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// β₁, the decay of the mean of the gradients.
    pub beta1: f32,
    /// β₂, the decay of the mean of their squares.
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

/// What Adam remembers of each parameter; zeros before the first step.
#[derive(Debug)]
pub struct Moments<'a> {
    /// m, the running mean of the gradients.
    pub first: &'a mut [f32],
    /// v, the running mean of their squares.
    pub second: &'a mut [f32],
}

impl Adam {
    /// One step, in place, of parameters `p` with gradient `g`.
    ///
    /// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`, `p ← p − rate · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)`. `time` is
    /// t, which is 1 in the first step. Panics, naming the argument, if the lengths differ.
    pub fn step(
        &self,
        isa: Isa,
        rate: f32,
        time: u32,
        p: &mut [f32],
        g: &[f32],
        moments: Moments<'_>,
    ) {
        let Moments { first, second } = moments;
        check::length("g", g, p.len());
        check::length("first", first, p.len());
        check::length("second", second, p.len());
        // In f64, because 1 − β₂ᵗ loses half its digits in f32 when t is small.
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(f64::from(time))) as f32;
        let step = Step {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            rate,
            correction1: correction(self.beta1),
            correction2: correction(self.beta2),
        };
        let moments = first
            .par_chunks_mut(CHUNK)
            .zip(second.par_chunks_mut(CHUNK));
        p.par_chunks_mut(CHUNK)
            .zip(g.par_chunks(CHUNK))
            .zip(moments)
            .for_each(|((p, g), (m, v))| isa.adam(&step, Chunk { p, g, m, v }));
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

/// Some of the parameters, with what belongs to them.
pub(crate) struct Chunk<'a> {
    pub(crate) p: &'a mut [f32],
    pub(crate) g: &'a [f32],
    pub(crate) m: &'a mut [f32],
    pub(crate) v: &'a mut [f32],
}
