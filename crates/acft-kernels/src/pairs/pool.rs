//! Pooling of pairs.

use rayon::prelude::*;

use crate::{
    check,
    geometry::{Activation, Pool2d},
    isa::{Isa, first, second},
    lanes::LANES,
    pairs::pair_words,
    pool::{Rectify, assert_nobody},
    scratch::{self, Scratch},
};

/// The maximum over each window of one block of pairs, on the calling thread; the planes of `shape` are channels. As
/// [`max_pool2d_block`](crate::max_pool2d_block).
///
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d_block_of_pairs(isa: Isa, shape: &Pool2d, x: &[u32], out: &mut [u32]) {
    shape.validate();
    let [height, width] = shape.output();
    let [from, to] = [shape.input[0] * shape.input[1], height * width];
    check::length("x", x, pair_words(shape.planes, from) * LANES);
    check::length("out", out, pair_words(shape.planes, to) * LANES);
    let planes = x.chunks_exact(from * LANES);
    for (out, x) in out.chunks_exact_mut(to * LANES).zip(planes) {
        isa.pool_pairs(shape, x, out);
    }
}

/// The mean of each channel of one block of pairs, as f32: `[channel / 2][plane][LANES]` to `[channel][LANES]`.
///
/// Panics, naming the argument, if a slice has another length.
pub fn global_avg_pool_of_pairs(channels: usize, plane: usize, x: &[u32], out: &mut [f32]) {
    check::length("x", x, pair_words(channels, plane) * LANES);
    check::length("out", out, channels * LANES);
    let outs = out.chunks_mut(2 * LANES);
    for (out, x) in outs.zip(x.chunks_exact(plane * LANES)) {
        let mut sums = [[0.0_f32; LANES]; 2];
        for words in x.as_chunks::<LANES>().0 {
            let [one, other] = &mut sums;
            for lane in 0..LANES {
                one[lane] += first(words[lane]);
                other[lane] += second(words[lane]);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums.as_flattened()) {
            *out = sum / plane as f32;
        }
    }
}

/// The maximum over each window of blocks of pairs, on all threads, with an activation, and the number (row × kernel +
/// column) of the element that won, as in [`max_pool2d_with_taps`](crate::max_pool2d_with_taps).
///
/// The planes of `shape` are the channels of an image, of which an odd number has one more that is 0. `taps` is
/// `[block][channel][height][width][LANES]`, with as many channels. Panics, naming the argument, if a slice has another
/// length.
pub fn max_pool2d_with_taps_of_pairs(
    isa: Isa,
    shape: &Pool2d,
    activation: Activation,
    x: &[u32],
    out: &mut [u32],
    taps: &mut [u8],
) {
    let [from, to] = planes(shape, [x, out], ["x", "out"]);
    check::length("taps", taps, 2 * out.len());
    assert_nobody(shape, activation);
    out.par_chunks_mut(to)
        .zip(taps.par_chunks_mut(2 * to))
        .zip(x.par_chunks(from))
        .for_each(|((out, taps), x)| {
            scratch::with(|Scratch { padded, sums, .. }| {
                let x = separated(x, padded);
                let maxima = scratch::reserve(sums, 2 * to);
                for ((maxima, taps), x) in maxima
                    .chunks_exact_mut(to)
                    .zip(taps.chunks_exact_mut(to))
                    .zip(x.chunks_exact(from))
                {
                    isa.pool_taps(shape, x, maxima, taps);
                    if activation == Activation::Relu {
                        isa.vectorized(Rectify { out: maxima, taps });
                    }
                }
                let (one, other) = maxima.split_at(to);
                isa.join(one, other, out);
            });
        });
}

/// `dx`, the gradient of the input of [`max_pool2d_with_taps_of_pairs`], from that of its output and the taps that won,
/// on all threads. The shares of an element are summed in f32, and the sum is rounded.
///
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d_backward_of_pairs(
    isa: Isa,
    shape: &Pool2d,
    dy: &[u32],
    taps: &[u8],
    dx: &mut [u32],
) {
    let [from, to] = planes(shape, [dx, dy], ["dx", "dy"]);
    check::length("taps", taps, 2 * dy.len());
    dx.par_chunks_mut(from)
        .zip(dy.par_chunks(to).zip(taps.par_chunks(2 * to)))
        .for_each(|(dx, (dy, taps))| {
            scratch::with(|Scratch { padded, sums, .. }| {
                let dy = separated(dy, padded);
                let shares = scratch::reserve(sums, 2 * from);
                for ((shares, taps), dy) in shares
                    .chunks_exact_mut(from)
                    .zip(taps.chunks_exact(to))
                    .zip(dy.chunks_exact(to))
                {
                    isa.pool_back(shape, dy, taps, shares);
                }
                let (one, other) = shares.split_at(from);
                isa.join(one, other, dx);
            });
        });
}

/// A plane of pairs as two of numbers.
fn separated<'a>(words: &[u32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    let planes = scratch::reserve(buffer, 2 * words.len());
    let (one, other) = planes.split_at_mut(words.len());
    for ((&word, one), other) in words.iter().zip(one).zip(other) {
        (*one, *other) = (first(word), second(word));
    }
    planes
}

/// Checks that both slices, which have names, are as many blocks of pairs, and gives the words of a plane of each.
#[track_caller]
fn planes(shape: &Pool2d, [x, out]: [&[u32]; 2], names: [&str; 2]) -> [usize; 2] {
    shape.validate();
    let [height, width] = shape.output();
    let planes = [shape.input[0] * shape.input[1], height * width];
    let [from, to] = planes.map(|plane| pair_words(shape.planes, plane) * LANES);
    let blocks = x.len().checked_div(from).unwrap_or(0);
    check::length(names[0], x, blocks * from);
    check::length(names[1], out, blocks * to);
    planes.map(|plane| plane * LANES)
}
