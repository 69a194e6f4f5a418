//! Fully connected layers.

mod packed;

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    check,
    geometry::{Activation, Linear},
    isa::{COLUMNS, Isa, Left, ROWS, Start, Terms, Tile},
    lanes::{self, LANES, blocks},
    scratch::{self, Scratch},
};

use self::packed::{LeftFactor, RightFactor};

/// Terms of a sum that are worked on at once: a panel's weights of them stay in the second-level cache, and are read from
/// memory in pieces of 8 KB, which the processor can read ahead of.
const DEPTH: usize = 2048;
/// Columns of weights that a task works on: a row of them is read in one go.
const SPAN: usize = 16 * packed::WIDTH;
/// Outputs that a task computes.
const TASK: usize = 8 * ROWS;
/// Rows of the weights' gradient that a task computes.
const GRADIENTS: usize = 32 * ROWS;
/// Panels of the input that rows of them are multiplied with at once: the longer the pieces are in which a row is written,
/// the faster, as long as the panels stay in the second-level cache.
const TOGETHER: usize = 32;

/// `y = activation(x · weightsᵀ + bias)`.
///
/// See [`Linear`] for the shapes; `bias` has one value an output. Panics, naming the argument, if a slice has
/// another length.
pub fn linear(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    y: &mut [f32],
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("x", x, batch * inputs);
    check::length("weights", weights, outputs * inputs);
    check::length("y", y, batch * outputs);
    if let Some(bias) = bias {
        check::length("bias", bias, outputs);
    }
    if y.is_empty() {
        return;
    }
    scratch::with(|Scratch { turned, sums, .. }| {
        let turned = scratch::reserve(turned, blocks(batch) * inputs * LANES);
        lanes::interleave(isa, inputs, x, turned);
        // Rows of tasks are neighbours in memory only if the sums are `[output][block][LANES]`.
        let sums = scratch::reserve(sums, outputs * blocks(batch) * LANES);
        let row = blocks(batch) * LANES;
        sums.par_chunks_mut(TASK * row)
            .enumerate()
            .for_each(|(i, sums)| {
                let first = i * TASK;
                let rows = sums.len() / row;
                let weights = &weights[first * inputs..][..rows * inputs];
                for Range {
                    start: from,
                    end: to,
                } in depths(inputs, DEPTH)
                {
                    let start = |row: usize| match (from, bias) {
                        (0, Some(bias)) => Start::Bias(&bias[first + row..]),
                        (0, None) => Start::Zero,
                        _ => Start::Output,
                    };
                    let terms = Terms::first(LANES, to - from);
                    for (at, height) in panels(rows) {
                        for block in (0..blocks(batch)).step_by(COLUMNS) {
                            let columns = [0, 1, 2].map(|i| ((block + i) * inputs + from) * LANES);
                            let targets = [0, 1, 2].map(|i| (block + i) * LANES);
                            let count = COLUMNS.min(blocks(batch) - block);
                            let tile = Tile {
                                rows: height,
                                left: Left::Rows {
                                    rows: std::array::from_fn(|row| (at + row) * inputs + from),
                                    step: 1,
                                },
                                a: weights,
                                b: turned,
                                columns: &columns[..count],
                                terms: &terms,
                                start: start(at),
                                relu: to == inputs && activation == Activation::Relu,
                                out_row: row,
                                out_columns: &targets[..count],
                            };
                            isa.tile(&tile, &mut sums[at * row..]);
                        }
                    }
                }
            });
        to_rows(isa, outputs, sums, row, y);
    });
}

/// `dx = dy · weights`, the gradient of the input of [`linear`] from that of its output before the activation.
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_data(isa: Isa, shape: &Linear, dy: &[f32], weights: &[f32], dx: &mut [f32]) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("dy", dy, batch * outputs);
    check::length("weights", weights, outputs * inputs);
    check::length("dx", dx, batch * inputs);
    if dx.is_empty() || outputs == 0 {
        // A sum of nothing.
        dx.fill(0.0);
        return;
    }
    // The weights are much: each of them is copied once, by the task that computes some columns of all rows.
    scratch::with(|scratch| {
        let dy = LeftFactor::new(dy, [batch, outputs], [outputs, 1], &mut scratch.turned);
        let sums = scratch::reserve(&mut scratch.sums, inputs.div_ceil(SPAN) * batch * SPAN);
        sums.par_chunks_exact_mut(batch * SPAN)
            .enumerate()
            .for_each(|(i, sums)| {
                let columns = i * SPAN..inputs.min((i + 1) * SPAN);
                scratch::with(|Scratch { padded, .. }| {
                    for terms in depths(outputs, packed::DEPTH) {
                        let w = RightFactor::new(weights, inputs, terms, columns.clone(), padded);
                        dy.times(isa, 0..batch, (&w, 1), sums, SPAN);
                    }
                });
            });
        dx.par_chunks_mut(inputs).enumerate().for_each(|(row, dx)| {
            for (i, dx) in dx.chunks_mut(SPAN).enumerate() {
                dx.copy_from_slice(&sums[(i * batch + row) * SPAN..][..dx.len()]);
            }
        });
    });
}

/// `dw = dyᵀ · x` and, if asked for, `db`, the column sums of `dy`: the gradients of the weights and bias of
/// [`linear`].
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_weights(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("x", x, batch * inputs);
    check::length("dy", dy, batch * outputs);
    check::length("dw", dw, outputs * inputs);
    if let Some(db) = db {
        bias_gradient(outputs, dy, db);
    }
    if dw.is_empty() || batch == 0 {
        // A sum of nothing.
        dw.fill(0.0);
        return;
    }
    scratch::with(|Scratch { turned, padded, .. }| {
        let dy = LeftFactor::new(dy, [outputs, batch], [1, outputs], turned);
        for images in depths(batch, packed::DEPTH) {
            let x = RightFactor::whole(x, inputs, images, padded);
            dw.par_chunks_mut(GRADIENTS * inputs)
                .enumerate()
                .for_each(|(i, dw)| {
                    let rows = i * GRADIENTS..i * GRADIENTS + dw.len() / inputs;
                    dy.times(isa, rows, (&x, TOGETHER), dw, inputs);
                });
        }
    });
}

/// Sums, `[output][block][LANES]` and `step` from output to output, as a row an image.
pub(crate) fn to_rows(isa: Isa, outputs: usize, sums: &[f32], step: usize, rows: &mut [f32]) {
    rows.par_chunks_mut((LANES * outputs).max(1))
        .enumerate()
        .for_each(|(block, rows)| {
            let shape = [outputs, rows.len() / outputs];
            isa.transpose(&sums[block * LANES..], shape, step, rows, outputs);
        });
}

/// The column sums of `dy`.
pub(crate) fn bias_gradient(outputs: usize, dy: &[f32], db: &mut [f32]) {
    check::length("db", db, outputs);
    db.fill(0.0);
    let rows = dy.chunks_exact(outputs.max(1));
    rows.for_each(|row| db.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
}

/// The ranges of a sum's terms that are worked on one after the other, of at most so many.
fn depths(terms: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = terms.div_ceil(most).max(1);
    (0..parts).map(move |i| i * terms / parts..(i + 1) * terms / parts)
}

/// Panels of rows: the first row of each, and their number.
pub(crate) fn panels(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let rows = [ROWS, 4, 2, 1].into_iter().find(|&n| n <= rows - first)?;
        first += rows;
        Some((first - rows, rows))
    })
}
