//! Fully connected layers in f32 whose factors are rounded to bf16, forward and backward, where the processor multiplies
//! matrices of pairs. Weights change at each step, so that they are made pairs a part at a time, which is used while it
//! is in the cache.

use std::ops::Range;

use rayon::prelude::*;

use super::linear::PairLinear;
use crate::{
    check,
    geometry::{Activation, Linear},
    isa::Isa,
    lanes::{self, LANES, blocks},
    linear::{bias_gradient, linear, linear_backward_data, linear_backward_weights, to_rows},
    pairs::{pair_words, to_pairs},
    scratch::{self, Scratch},
};

/// Outputs whose weights a task makes pairs: a panel's.
const OUTPUTS: usize = 32;
/// Inputs whose weights a task makes pairs, for the gradient of the input: the longer the pieces are in which rows are read, the
/// faster.
const INPUTS: usize = 512;

/// As [`linear`], with `x` and `weights` rounded to bf16 where `isa` multiplies matrices of such numbers. Sums are in f32.
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_in_bf16(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    activation: Activation,
    y: &mut [f32],
) {
    if !isa.has_matrices() {
        return linear(isa, shape, x, weights, Some(bias), activation, y);
    }
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    check::length("x", x, batch * inputs);
    check::length("weights", weights, outputs * inputs);
    check::length("bias", bias, outputs);
    check::length("y", y, batch * outputs);
    if y.is_empty() {
        return;
    }
    let row = blocks(batch) * LANES;
    scratch::with(|scratch| {
        let Scratch {
            turned,
            turned_pairs,
            sums,
            ..
        } = scratch;
        let turned = scratch::reserve(turned, inputs * row);
        lanes::interleave(isa, inputs, x, turned);
        let words = pair_words(inputs, 1) * LANES;
        let pairs = scratch::reserve(turned_pairs, blocks(batch) * words);
        turned
            .par_chunks_exact((inputs * LANES).max(1))
            .zip(pairs.par_chunks_exact_mut(words.max(1)))
            .for_each(|(turned, pairs)| to_pairs(isa, inputs, 1, turned, pairs));
        let sums = scratch::reserve(sums, outputs * row);
        sums.par_chunks_mut(OUTPUTS * row)
            .enumerate()
            .for_each(|(i, sums)| {
                let some = i * OUTPUTS..i * OUTPUTS + sums.len() / row;
                let weights = &weights[some.start * inputs..some.end * inputs];
                PairLinear::new(isa, [inputs, 1], weights, &bias[some], activation)
                    .run(batch, pairs, sums);
            });
        to_rows(isa, outputs, sums, row, y);
    });
}

/// As [`linear_backward_data`], with `dy` and `weights` rounded to bf16 where `isa` multiplies matrices of such numbers
/// and the inputs are whole vectors. Sums are in f32.
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_data_in_bf16(
    isa: Isa,
    shape: &Linear,
    dy: &[f32],
    weights: &[f32],
    dx: &mut [f32],
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    if !isa.has_matrices() || !inputs.is_multiple_of(LANES) || dx.is_empty() {
        return linear_backward_data(isa, shape, dy, weights, dx);
    }
    check::length("dy", dy, batch * outputs);
    check::length("weights", weights, outputs * inputs);
    check::length("dx", dx, batch * inputs);
    // The images of this layer are the columns of the weights.
    let layer = plain(isa, [batch, outputs], dy);
    scratch::with(|Scratch { sums, .. }| {
        let sums = scratch::reserve(sums, batch * inputs);
        sums.par_chunks_mut(batch * INPUTS)
            .enumerate()
            .for_each(|(i, sums)| {
                let columns = i * INPUTS..i * INPUTS + sums.len() / batch;
                scratch::with(|Scratch { turned_pairs, .. }| {
                    let count = columns.len();
                    let words = scratch::reserve(turned_pairs, count * outputs.div_ceil(2));
                    pairs_of_rows(isa, [outputs, inputs], columns, weights, words);
                    layer.run(count, words, sums);
                });
            });
        dx.par_chunks_mut(inputs).enumerate().for_each(|(row, dx)| {
            for (i, dx) in dx.chunks_mut(INPUTS).enumerate() {
                let from = i * INPUTS * batch + row * dx.len();
                dx.copy_from_slice(&sums[from..][..dx.len()]);
            }
        });
    });
}

/// As [`linear_backward_weights`], with `x` and `dy` rounded to bf16 where `isa` multiplies matrices of such numbers and
/// the inputs are whole vectors. Sums are in f32, and so are those of `db`.
///
/// Panics, naming the argument, if a slice has another length.
pub fn linear_backward_weights_in_bf16(
    isa: Isa,
    shape: &Linear,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    if !isa.has_matrices() || !inputs.is_multiple_of(LANES) || dw.is_empty() {
        return linear_backward_weights(isa, shape, x, dy, dw, Some(db));
    }
    check::length("x", x, batch * inputs);
    check::length("dy", dy, batch * outputs);
    check::length("dw", dw, outputs * inputs);
    bias_gradient(outputs, dy, db);
    scratch::with(|scratch| {
        let Scratch {
            turned,
            turned_pairs,
            ..
        } = scratch;
        let turned = scratch::reserve(turned, outputs * batch);
        isa.transpose(dy, [batch, outputs], outputs, turned, batch);
        // The images of this layer are the inputs, and its inputs the images.
        let layer = plain(isa, [outputs, batch], turned);
        let pairs = batch.div_ceil(2);
        let words = scratch::reserve(turned_pairs, inputs * pairs);
        words
            .par_chunks_mut((INPUTS * pairs).max(1))
            .enumerate()
            .for_each(|(i, words)| {
                let columns = i * INPUTS..i * INPUTS + words.len() / pairs;
                pairs_of_rows(isa, [batch, inputs], columns, x, words);
            });
        layer.run(inputs, words, dw);
    });
}

/// A layer without bias or activation.
fn plain(isa: Isa, [outputs, inputs]: [usize; 2], weights: &[f32]) -> PairLinear {
    let bias = vec![0.0; outputs];
    PairLinear::new(isa, [inputs, 1], weights, &bias, Activation::Identity)
}

/// Some columns, whole vectors of them, of neighbouring rows as `[vector][pair of rows][LANES]`.
fn pairs_of_rows(
    isa: Isa,
    [rows, width]: [usize; 2],
    columns: Range<usize>,
    values: &[f32],
    out: &mut [u32],
) {
    let zeros = [0.0; LANES];
    let words = rows.div_ceil(2) * LANES;
    for pair in 0..rows.div_ceil(2) {
        let row = |row: usize| {
            let from = row * width + columns.start;
            (row < rows).then(|| &values[from..][..columns.len()])
        };
        let (one, other) = (row(2 * pair), row(2 * pair + 1));
        for (vector, one) in one
            .into_iter()
            .flat_map(|one| one.chunks_exact(LANES))
            .enumerate()
        {
            let other = other.map_or(&zeros[..], |other| &other[vector * LANES..][..LANES]);
            isa.join(
                one,
                other,
                &mut out[vector * words + pair * LANES..][..LANES],
            );
        }
    }
}
