//! A fully connected layer in matrices: sixteen outputs, and sixteen pairs of inputs, at once.

use std::ops::Range;

use rayon::prelude::*;

use super::{Epilogue, Weights};
use crate::{
    isa::{BANDS, Isa, MATRIX, Matrix, Product, SIDE, STRIP, Slab, Slabs, ZEROS},
    lanes::LANES,
    scratch::{self, Scratch},
};

/// Outputs of a panel.
const PANEL: usize = BANDS * SIDE;
/// Slabs that are worked on at once: a panel's weights of them stay in the first-level cache, and so many of all images
/// in the second.
const DEPTH: usize = 16;
/// Panels of a task at most: so many pass over a part of the images.
const TASK: usize = 8;

/// A layer in matrices.
#[derive(Debug)]
pub(super) struct Matrices {
    weights: Packed,
    outputs: usize,
    /// Pairs of inputs.
    pairs: usize,
}

/// Words that begin with a cache line. There are so many that clearing them would take as long as packing: as numbers,
/// not as matrices, they come cleared from the system.
#[derive(Debug)]
struct Packed {
    words: Vec<u32>,
    first: usize,
}

impl Packed {
    fn new(len: usize) -> Self {
        const LINE: usize = 64 / size_of::<u32>();
        let words = vec![0; len + LINE];
        let first = words.as_ptr().align_offset(64).min(LINE);
        Self { words, first }
    }

    fn words(&self) -> &[u32] {
        &self.words[self.first..]
    }

    fn words_mut(&mut self, len: usize) -> &mut [u32] {
        &mut self.words[self.first..][..len]
    }
}

impl Matrices {
    /// Packs weights: `[panel][depth][band][slab][row][pair]`, with zeros for rows and pairs that lack.
    pub(super) fn new(weights: Weights<'_>) -> Self {
        let (outputs, pairs) = (weights.outputs, weights.pairs());
        let slabs = pairs.div_ceil(SIDE);
        let len = outputs.div_ceil(SIDE) * slabs * MATRIX;
        let mut packed = Packed::new(len);
        packed
            .words_mut(len)
            .par_chunks_mut((BANDS * slabs * MATRIX).max(1))
            .enumerate()
            .for_each(|(panel, packed)| {
                scratch::with(|Scratch { turned_pairs, .. }| {
                    let words = scratch::reserve(turned_pairs, slabs * SIDE);
                    words[pairs..].fill(0);
                    let rows = PANEL.min(outputs - panel * PANEL);
                    for row in 0..rows {
                        weights.row(panel * PANEL + row, &mut words[..pairs]);
                        let words = words.as_chunks::<SIDE>().0;
                        for depth in depths(pairs) {
                            let first = depth.start * rows.div_ceil(SIDE);
                            let band = (first + row / SIDE * depth.len()) * MATRIX;
                            let lines = packed[band + row % SIDE * SIDE..].chunks_mut(MATRIX);
                            for (line, words) in lines.zip(&words[depth]) {
                                line[..SIDE].copy_from_slice(words);
                            }
                        }
                    }
                });
            });
        Self {
            weights: packed,
            outputs,
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
        let rest = self.rest(isa, blocks, x);
        let panels = self.outputs.div_ceil(PANEL);
        // Sums do not depend on how the work is cut, so the cut may follow the machine: two tasks a thread, lest all
        // wait for one.
        let task = panels
            .div_ceil(2 * rayon::current_num_threads())
            .clamp(1, TASK);
        let panel = PANEL * blocks * LANES;
        out.par_chunks_mut(task * panel)
            .enumerate()
            .for_each(|(i, out)| {
                for depth in depths(self.pairs) {
                    let right = match depth.end * SIDE <= self.pairs {
                        true => (&x[depth.start * MATRIX..], self.pairs * LANES),
                        false => (Matrix::words(&rest), MATRIX),
                    };
                    for (at, out) in out.chunks_mut(panel).enumerate() {
                        let first = (i * task + at) * PANEL;
                        self.add(isa, (first, depth.clone()), blocks, right, epilogue, out);
                    }
                }
            });
    }

    /// Adds the part of the sums of a panel, from row `first` on, that some slabs are; of the right factor, blocks are
    /// `step` words apart, and begin with these slabs.
    fn add(
        &self,
        isa: Isa,
        (first, depth): (usize, Range<usize>),
        blocks: usize,
        (b, step): (&[u32], usize),
        epilogue: Epilogue<'_>,
        out: &mut [f32],
    ) {
        let row = blocks * LANES;
        let rows = out.len() / row;
        let bands = rows.div_ceil(SIDE);
        let all = self.pairs.div_ceil(SIDE);
        let weights = (first / SIDE * all + bands * depth.start) * MATRIX;
        let slabs = (0..depth.len()).map(|slab| Slab {
            a: slab * MATRIX,
            b: slab * MATRIX,
        });
        let slabs = Slabs::new(LANES, slabs.collect(), Vec::new());
        for block in (0..blocks).step_by(STRIP) {
            let count = STRIP.min(blocks - block);
            let sources: [_; STRIP] = std::array::from_fn(|i| (block + i) * step);
            let targets: [_; STRIP] = std::array::from_fn(|i| (block + i) * LANES);
            let product = Product {
                rows,
                a: &self.weights.words()[weights..],
                bands: &[0, depth.len() * MATRIX][..bands],
                row_a: SIDE,
                b,
                columns: &sources[..count],
                slabs: &slabs,
                start: epilogue.start(first, depth.start == 0),
                relu: epilogue.relu(depth.end == all),
                out_row: row,
                out_columns: &targets[..count],
            };
            isa.matrix_sums(&product, out);
        }
    }

    /// The last pairs of each block, if they are no whole slab, with zeros instead of what follows them.
    fn rest(&self, isa: Isa, blocks: usize, x: &[u32]) -> Vec<Matrix> {
        let first = self.pairs / SIDE * SIDE;
        if first == self.pairs {
            return Vec::new();
        }
        let columns = (0..blocks).map(|block| block * self.pairs * LANES);
        let columns: Vec<_> = columns.collect();
        let rows: [_; SIDE] = std::array::from_fn(|i| match first + i < self.pairs {
            true => (first + i) * LANES,
            false => ZEROS,
        });
        let mut rest = vec![Matrix::default(); blocks];
        isa.collect(x, &columns, &rows, &mut rest);
        rest
    }
}

/// The slabs of so many pairs that are worked on one after the other: about as many each time, and the last alone if it
/// is not whole. Where there are no pairs there are no slabs, but once.
fn depths(pairs: usize) -> impl Iterator<Item = Range<usize>> {
    let (whole, all) = (pairs / SIDE, pairs.div_ceil(SIDE));
    let parts = match (whole, all) {
        (0, 1..) => 0,
        _ => whole.div_ceil(DEPTH).max(1),
    };
    let wholes = (0..parts).map(move |i| i * whole / parts..(i + 1) * whole / parts);
    wholes.chain((whole < all).then_some(whole..all))
}
