//! A fully connected layer over pairs, whose weights are many and read once for all images.

use rayon::prelude::*;

use crate::{
    check,
    geometry::Activation,
    isa::{COLUMNS, Isa, Left, ROWS, Start, Terms, Tile, pair},
    lanes::{LANES, blocks},
    linear::panels,
    pairs::pair_words,
};

/// Pairs that are worked on at once: a panel's weights of them stay in the first-level cache, and so many of all images
/// in the second.
const DEPTH: usize = 256;
/// Outputs that a task computes.
const TASK: usize = 8 * ROWS;

/// `activation(x · weightsᵀ + bias)` of bf16 numbers, weights kept as the product wants them.
#[derive(Debug)]
pub struct PairLinear {
    isa: Isa,
    /// `[panel][pair][row]`.
    weights: Vec<u32>,
    bias: Vec<f32>,
    activation: Activation,
    /// Pairs of inputs.
    pairs: usize,
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
        let inputs = channels * plane;
        check::length("weights", weights, bias.len() * inputs);
        let pairs = pair_words(channels, plane);
        let mut packed = vec![0; bias.len() * pairs];
        packed
            .par_chunks_mut((TASK * pairs).max(1))
            .enumerate()
            .for_each(|(task, packed)| {
                let rows = packed.len() / pairs;
                for (at, height) in panels(rows) {
                    let words = packed[at * pairs..][..height * pairs].chunks_exact_mut(height);
                    for (word, out) in words.enumerate() {
                        let (channel, position) = (word / plane * 2, word % plane);
                        for (row, out) in out.iter_mut().enumerate() {
                            let of = &weights[(task * TASK + at + row) * inputs..][..inputs];
                            let one = of[channel * plane + position];
                            let other = of.get((channel + 1) * plane + position);
                            *out = pair(one, other.copied().unwrap_or(0.0));
                        }
                    }
                }
            });
        Self {
            isa,
            weights: packed,
            bias: bias.to_vec(),
            activation,
            pairs,
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
        let row = blocks * LANES;
        out.par_chunks_mut(TASK * row)
            .enumerate()
            .for_each(|(task, out)| {
                let first = task * TASK;
                let rows = out.len() / row;
                // Where there are no inputs there is the bias.
                let depths = (0..self.pairs.max(1)).step_by(DEPTH);
                for from in depths {
                    let to = self.pairs.min(from + DEPTH);
                    let terms = Terms::first(LANES, to - from);
                    for (at, height) in panels(rows) {
                        let panel = &self.weights[(first + at) * self.pairs..];
                        let a = &panel[from * height..to * height];
                        let start = match from {
                            0 => Start::Bias(&self.bias[first + at..]),
                            _ => Start::Output,
                        };
                        for block in (0..blocks).step_by(COLUMNS) {
                            let columns =
                                [0, 1, 2].map(|i| ((block + i) * self.pairs + from) * LANES);
                            let targets = [0, 1, 2].map(|i| (block + i) * LANES);
                            let count = COLUMNS.min(blocks - block);
                            let tile = Tile {
                                rows: height,
                                left: Left::Packed,
                                a,
                                b: x,
                                columns: &columns[..count],
                                terms: &terms,
                                start,
                                relu: to == self.pairs && self.activation == Activation::Relu,
                                out_row: row,
                                out_columns: &targets[..count],
                            };
                            self.isa.pair_sums(&tile, &mut out[at * row..]);
                        }
                    }
                }
            });
    }

    /// What [`PairLinear::run`] gives, as a row an image.
    ///
    /// Panics, naming the argument, if a slice has another length.
    pub fn to_rows(&self, images: usize, outputs: &[f32], rows: &mut [f32]) {
        let width = self.outputs();
        let step = blocks(images) * LANES;
        check::length("outputs", outputs, width * step);
        check::length("rows", rows, images * width);
        rows.par_chunks_mut((LANES * width).max(1))
            .enumerate()
            .for_each(|(block, rows)| {
                let shape = [width, rows.len() / width];
                self.isa
                    .transpose(&outputs[block * LANES..], shape, step, rows, width);
            });
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
