//! A fully connected layer in small tiles of vectors.

use rayon::prelude::*;

use super::{Epilogue, Weights};
use crate::{
    isa::{COLUMNS, Isa, Left, ROWS, Terms, Tile},
    lanes::LANES,
    linear::panels,
    scratch::{self, Scratch},
};

/// Pairs that are worked on at once: a panel's weights of them stay in the first-level cache, and so many of all images
/// in the second.
const DEPTH: usize = 256;
/// Outputs that a task computes.
const TASK: usize = 8 * ROWS;

/// A layer in tiles.
#[derive(Debug)]
pub(super) struct Tiles {
    /// `[panel][pair][row]`.
    weights: Vec<u32>,
    /// Pairs of inputs.
    pairs: usize,
}

impl Tiles {
    pub(super) fn new(weights: Weights<'_>) -> Self {
        let pairs = weights.pairs();
        let mut packed = vec![0; weights.outputs * pairs];
        packed
            .par_chunks_mut((TASK * pairs).max(1))
            .enumerate()
            .for_each(|(task, packed)| {
                scratch::with(|Scratch { turned_pairs, .. }| {
                    let words = scratch::reserve(turned_pairs, pairs);
                    for (at, height) in panels(packed.len() / pairs) {
                        let packed = &mut packed[at * pairs..][..height * pairs];
                        for row in 0..height {
                            weights.row(task * TASK + at + row, words);
                            let packed = packed[row..].iter_mut().step_by(height);
                            packed.zip(&*words).for_each(|(to, &word)| *to = word);
                        }
                    }
                });
            });
        Self {
            weights: packed,
            pairs,
        }
    }

    /// See [`super::PairLinear::run`].
    pub(super) fn run(
        &self,
        isa: Isa,
        blocks: usize,
        x: &[u32],
        epilogue: Epilogue<'_>,
        out: &mut [f32],
    ) {
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
                                start: epilogue.start(first + at, from == 0),
                                relu: epilogue.relu(to == self.pairs),
                                out_row: row,
                                out_columns: &targets[..count],
                            };
                            isa.pair_sums(&tile, &mut out[at * row..]);
                        }
                    }
                }
            });
    }
}
