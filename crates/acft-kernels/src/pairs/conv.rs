//! Convolution of pairs, as [`crate::conv`] does it of f32: a vector for every tap and pair of channels.

use crate::{
    check,
    conv::{Plan, Source, axes},
    geometry::{Activation, Conv2d},
    isa::{Isa, PairTile, Start, pair},
    lanes::LANES,
    linear::panels,
    pairs::pair_words,
};

/// A convolution of bf16 images whose weights are kept as the product wants them.
#[derive(Debug)]
pub struct PairConvolution {
    isa: Isa,
    plan: Plan,
    /// First row and number of rows.
    panels: Vec<(usize, usize)>,
    /// `[panel][tap][pair of channels][row]`.
    weights: Vec<u32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    /// Words of a panel for a row: taps × pairs.
    terms: usize,
    source_len: usize,
    target_len: usize,
    /// Positions of a plane of the output.
    plane: usize,
}

impl PairConvolution {
    /// Prepares `activation(x ⋆ weights + bias)`, weights rounded to bf16; the batch of `shape` does not matter.
    ///
    /// Panics, naming the argument, if a slice has another length than [`conv2d`](crate::conv2d) wants, or if the
    /// convolution has groups.
    pub fn new(
        isa: Isa,
        shape: &Conv2d,
        weights: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        shape.validate();
        assert!(
            shape.groups == 1,
            "a convolution of pairs has no groups, and `groups` is {}",
            shape.groups
        );
        check::length("weights", weights, shape.weight_len());
        if let Some(bias) = bias {
            check::length("bias", bias, shape.out_channels);
        }
        let (channels, taps) = (shape.in_channels, shape.kernel[0] * shape.kernel[1]);
        let pairs = channels.div_ceil(2);
        let source = Source {
            channels: pairs,
            size: shape.input,
        };
        let [rows, columns] = axes(shape).map(|axis| axis.forward());
        let [height, width] = shape.output();

        let panels: Vec<_> = panels(shape.out_channels).collect();
        let terms = taps * pairs;
        let at = |row: usize, channel: usize, tap: usize| match channel < channels {
            true => weights[(row * channels + channel) * taps + tap],
            false => 0.0,
        };
        let mut packed = Vec::with_capacity(terms * shape.out_channels);
        for &(first, rows) in &panels {
            for tap in 0..taps {
                for c in 0..pairs {
                    packed.extend(
                        (first..first + rows)
                            .map(|row| pair(at(row, 2 * c, tap), at(row, 2 * c + 1, tap))),
                    );
                }
            }
        }
        Self {
            isa,
            plan: Plan::new(&rows, &columns, source, shape.kernel[1]),
            panels,
            weights: packed,
            bias: bias.map(<[f32]>::to_vec),
            activation,
            terms,
            source_len: pair_words(channels, shape.input[0] * shape.input[1]) * LANES,
            target_len: pair_words(shape.out_channels, height * width) * LANES,
            plane: height * width,
        }
    }

    /// The convolution of one block of images, on the calling thread.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block(&self, x: &[u32], out: &mut [u32]) {
        self.run(x, out, false);
    }

    /// As [`PairConvolution::run_block`], but what `out` holds is added before the activation.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block_onto(&self, x: &[u32], out: &mut [u32]) {
        self.run(x, out, true);
    }

    /// As [`PairConvolution::run_block`], but not rounded: to a block of f32 images.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block_in_f32(&self, x: &[u32], out: &mut [f32]) {
        check::length("x", x, self.source_len);
        let rows: usize = self.panels.iter().map(|(_, rows)| rows).sum();
        check::length("out", out, rows * self.plane * LANES);
        self.tiles(x, false, |first, tile| {
            self.isa
                .pair_sums(tile, &mut out[first * self.plane * LANES..]);
        });
    }

    fn run(&self, x: &[u32], out: &mut [u32], onto: bool) {
        check::length("x", x, self.source_len);
        check::length("out", out, self.target_len);
        self.tiles(x, onto, |first, tile| {
            // Panels begin at even rows: only the last can have an odd number of them.
            self.isa
                .pair_tile(tile, &mut out[first / 2 * self.plane * LANES..]);
        });
    }

    /// Calls `each` for every tile and the first of its rows.
    fn tiles(&self, x: &[u32], onto: bool, mut each: impl FnMut(usize, &PairTile<'_>)) {
        for chunk in &self.plan.chunks {
            for &(first, rows) in &self.panels {
                let start = match self.bias.as_deref().map(|bias| &bias[first..]) {
                    Some(bias) if onto => Start::OutputAndBias(bias),
                    None if onto => Start::Output,
                    Some(bias) => Start::Bias(bias),
                    None => Start::Zero,
                };
                for columns in &self.plan.columns[chunk.clone()] {
                    let tile = PairTile {
                        rows,
                        a: &self.weights[first * self.terms..][..rows * self.terms],
                        b: x,
                        columns: columns.sources(),
                        terms: &self.plan.terms[columns.terms],
                        start,
                        relu: self.activation == Activation::Relu,
                        out_row: self.plane * LANES,
                        out_columns: columns.targets(),
                    };
                    each(first, &tile);
                }
            }
        }
    }
}
