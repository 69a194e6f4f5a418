//! Fully connected layers, which follow on the rows of all patches at once: their
//! weights are many, and are read once for all of them.

use acft_kernels::{Activation, Isa, Linear, PairLinear, linear};

/// A fully connected layer.
#[derive(Debug)]
pub(crate) struct Dense {
    /// `[outputs][inputs]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
}

impl Dense {
    pub(crate) fn new(weights: Vec<f32>, bias: Vec<f32>, activation: Activation) -> Self {
        Self {
            weights,
            bias,
            activation,
        }
    }

    /// The same layer for channels of `height` × `width` elements instead of
    /// the grids of `size` × `size` that PyTorch's `AdaptiveAvgPool2d` makes of
    /// them: the averages become part of the weights.
    pub(crate) fn behind_adaptive_pool(self, size: usize, [height, width]: [usize; 2]) -> Self {
        if [height, width] == [size, size] {
            return self;
        }
        let (rows, columns) = (cells(size, height), cells(size, width));
        let mut weights = vec![0.0; self.weights.len() / (size * size) * height * width];
        let channels = weights
            .chunks_exact_mut(height * width)
            .zip(self.weights.chunks_exact(size * size));
        for (to, from) in channels {
            for (from, row) in from.chunks_exact(size).zip(&rows) {
                for (weight, column) in from.iter().zip(&columns) {
                    let share = weight / (row.len() * column.len()) as f32;
                    for y in row.clone() {
                        to[y * width..][column.clone()]
                            .iter_mut()
                            .for_each(|to| *to += share);
                    }
                }
            }
        }
        Self { weights, ..self }
    }

    /// The same layer for pairs of bf16 numbers, of `channels` × `plane`.
    pub(super) fn in_pairs(&self, shape: [usize; 2]) -> PairLinear {
        PairLinear::new(
            Isa::best(),
            shape,
            &self.weights,
            &self.bias,
            self.activation,
        )
    }

    /// The layer's outputs for `count` rows.
    pub(super) fn run(&self, count: usize, rows: &[f32]) -> Vec<f32> {
        let shape = Linear {
            batch: count,
            inputs: self.weights.len() / self.bias.len(),
            outputs: self.bias.len(),
        };
        let mut out = vec![0.0; count * shape.outputs];
        linear(
            Isa::best(),
            &shape,
            rows,
            &self.weights,
            Some(&self.bias),
            self.activation,
            &mut out,
        );
        out
    }
}

/// The elements of an axis of `length` that each of `size` cells averages.
fn cells(size: usize, length: usize) -> Vec<std::ops::Range<usize>> {
    (0..size)
        .map(|cell| cell * length / size..((cell + 1) * length).div_ceil(size))
        .collect()
}
