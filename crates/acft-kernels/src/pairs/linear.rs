//! A fully connected layer over pairs, whose weights are many and read once for all images.

mod matrices;
mod tiles;

use rayon::prelude::*;

use crate::{
    check,
    geometry::Activation,
    isa::{Isa, Start},
    lanes::{LANES, blocks},
    linear::to_rows,
    pairs::pair_words,
};
use matrices::Matrices;
use tiles::Tiles;

/// `activation(x · weightsᵀ + bias)` of bf16 numbers, weights kept as the product wants them.
#[derive(Debug)]
pub struct PairLinear {
    isa: Isa,
    product: Product,
    bias: Vec<f32>,
    activation: Activation,
    /// Pairs of inputs.
    pairs: usize,
}

/// How a layer is computed.
#[derive(Debug)]
enum Product {
    /// In small tiles, of vectors.
    Tiles(Tiles),
    /// In matrices.
    Matrices(Matrices),
}

/// Weights as PyTorch has them: `[output][channel][position]`.
#[derive(Clone, Copy)]
struct Weights<'a> {
    isa: Isa,
    weights: &'a [f32],
    outputs: usize,
    channels: usize,
    plane: usize,
}

impl Weights<'_> {
    /// Pairs of inputs.
    fn pairs(&self) -> usize {
        pair_words(self.channels, self.plane)
    }

    /// The pairs of an output, all of them.
    fn row(&self, output: usize, pairs: &mut [u32]) {
        let inputs = self.channels * self.plane;
        let row = &self.weights[output * inputs..][..inputs];
        self.isa.pair_up(row, self.plane, pairs);
    }
}

/// What follows a sum.
#[derive(Clone, Copy)]
struct Epilogue<'a> {
    bias: &'a [f32],
    activation: Activation,
}

impl<'a> Epilogue<'a> {
    /// What the first or a later part of the sums of the rows from `row` on begins with.
    fn start(self, row: usize, is_first: bool) -> Start<'a> {
        match is_first {
            true => Start::Bias(&self.bias[row..]),
            false => Start::Output,
        }
    }

    /// Whether the last or an earlier part of the sums is rectified.
    fn relu(self, is_last: bool) -> bool {
        is_last && self.activation == Activation::Relu
    }
}

impl PairLinear {
    /// Prepares a layer of `bias.len()` outputs over images of `channels` × `plane` elements, which PyTorch flattens:
    /// weights are `[output][channel][position]`. A vector has a plane of 1.
    ///
    /// Panics, naming the argument, if a slice has another length.
    pub fn new(
        isa: Isa,
        [channels, plane]: [usize; 2],
        weights: &[f32],
        bias: &[f32],
        activation: Activation,
    ) -> Self {
        check::length("weights", weights, bias.len() * channels * plane);
        let weights = Weights {
            isa,
            weights,
            outputs: bias.len(),
            channels,
            plane,
        };
        let product = match isa.has_matrices() {
            true => Product::Matrices(Matrices::new(weights)),
            false => Product::Tiles(Tiles::new(weights)),
        };
        Self {
            isa,
            product,
            bias: bias.to_vec(),
            activation,
            pairs: weights.pairs(),
        }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The outputs for blocks of images, `[block][pair][LANES]`, on all threads: `[output][block][LANES]` in f32, not
    /// rounded.
    ///
    /// Panics, naming the argument, if a slice has another length.
    pub fn run(&self, images: usize, x: &[u32], out: &mut [f32]) {
        let blocks = blocks(images);
        check::length("x", x, blocks * self.pairs * LANES);
        check::length("out", out, self.outputs() * blocks * LANES);
        if out.is_empty() {
            return;
        }
        let epilogue = Epilogue {
            bias: &self.bias,
            activation: self.activation,
        };
        match &self.product {
            Product::Tiles(tiles) => tiles.run(self.isa, blocks, x, epilogue, out),
            Product::Matrices(matrices) => matrices.run(self.isa, blocks, x, epilogue, out),
        }
    }

    /// What [`PairLinear::run`] gives, as a row an image.
    ///
    /// Panics, naming the argument, if a slice has another length.
    pub fn to_rows(&self, images: usize, outputs: &[f32], rows: &mut [f32]) {
        let width = self.outputs();
        let step = blocks(images) * LANES;
        check::length("outputs", outputs, width * step);
        check::length("rows", rows, images * width);
        to_rows(self.isa, width, outputs, step, rows);
    }

    /// What [`PairLinear::run`] gives, as what the next layer reads: `[output][block][LANES]` to `[block][pair][LANES]`.
    ///
    /// Panics, naming the argument, if a slice has another length.
    pub fn to_pairs(&self, images: usize, outputs: &[f32], pairs: &mut [u32]) {
        let blocks = blocks(images);
        check::length("outputs", outputs, self.outputs() * blocks * LANES);
        let words = self.outputs().div_ceil(2);
        check::length("pairs", pairs, blocks * words * LANES);
        let zeros = [0.0; LANES];
        pairs
            .par_chunks_mut((words * LANES).max(1))
            .enumerate()
            .for_each(|(block, pairs)| {
                for (word, pairs) in pairs.chunks_exact_mut(LANES).enumerate() {
                    let of = |output: usize| {
                        let from = (output * blocks + block) * LANES;
                        outputs.get(from..from + LANES).unwrap_or(&zeros)
                    };
                    self.isa.join(of(2 * word), of(2 * word + 1), pairs);
                }
            });
    }
}
