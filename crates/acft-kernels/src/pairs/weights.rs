//! The gradients of the weights and bias of a convolution of pairs.
//!
//! They are sums over images, so that the two numbers of a word, whose products are summed, must be of one channel and
//! two images: both factors are regrouped. What follows is as in f32, with half the terms.

use rayon::prelude::*;

use super::factor::IMAGES;
use crate::{
    check,
    conv::{Gradient, OutputGradient},
    geometry::{Conv2d, Part},
    isa::{Isa, first, second},
    lanes::{LANES, blocks},
    pairs::pair_words,
    scratch::{self, Scratch},
};

/// `dw` and, if asked for, `db`: the gradients of the weights and bias of a
/// [`PairConvolution`](crate::PairConvolution), in f32 and not rounded, from its input and the gradient of its output
/// before the activation, which is some channels of `dy`.
///
/// `x` and `dy` are blocks of pairs, `[block][channel / 2][height][width][LANES]`; `dw` is as [`Conv2d`] has weights, and
/// `db` has one value an output channel. Lanes that hold no image must be 0 in `dy`, and finite in `x`. Panics, naming
/// the argument, if a slice has another length, or if `dy` has no such channels or they begin within a pair.
pub fn conv2d_backward_weights_of_pairs(
    isa: Isa,
    shape: &Conv2d,
    x: &[u32],
    (dy, part): (&[u32], Part),
    dw: &mut [f32],
    db: Option<&mut [f32]>,
) {
    shape.validate();
    let [height, width] = shape.output();
    let dy = Pairs {
        isa,
        shape,
        dy,
        block: pair_words(part.of, height * width) * LANES,
        first: part.first / 2 * height * width * LANES,
    };
    let blocks = blocks(shape.batch);
    let source = pair_words(shape.in_channels, shape.input[0] * shape.input[1]);
    check::length("x", x, blocks * source * LANES);
    check::length("dy", dy.dy, blocks * dy.block);
    assert!(
        part.first.is_multiple_of(2) && part.first + shape.out_channels <= part.of,
        "`dy` has {} channels, of which {} from {} on are no part that begins with a pair",
        part.of,
        shape.out_channels,
        part.first
    );
    check::length("dw", dw, shape.weight_len());
    if let Some(db) = &db {
        check::length("db", db, shape.out_channels);
    }
    let gradient = Gradient::new(isa, shape);
    scratch::with(|Scratch { image_pairs, .. }| {
        let x = regrouped(isa, shape, gradient.margin(), x, image_pairs);
        gradient.run(x, &dy, dw, db);
    });
}

/// The input as pairs of images, `[block][channel][height][width][IMAGES]`, with a margin of zeros.
fn regrouped<'a>(
    isa: Isa,
    shape: &Conv2d,
    margin: [usize; 2],
    x: &[u32],
    buffer: &'a mut Vec<u32>,
) -> &'a [u32] {
    let [height, width] = shape.input;
    let [padded_h, padded_w] = [0, 1].map(|a| shape.input[a] + 2 * margin[a]);
    let (plane, padded) = (height * width * LANES, padded_h * padded_w * IMAGES);
    let (channels, pairs) = (shape.in_channels, shape.in_channels.div_ceil(2));
    // A slab that is collected is read as if it were whole: after the last position another may be read.
    let all = blocks(shape.batch) * channels * padded;
    let buffer = scratch::reserve(buffer, all + IMAGES);
    buffer[..all]
        .par_chunks_exact_mut(channels * padded)
        .zip(x.par_chunks_exact(pairs * plane))
        .for_each(|(to, x)| {
            to.par_chunks_mut(2 * padded)
                .zip(x.par_chunks_exact(plane))
                .for_each(|(to, x)| {
                    if margin != [0, 0] {
                        to.fill(0);
                    }
                    let (one, other) = to.split_at_mut(padded);
                    for (y, x) in x.chunks_exact(width * LANES).enumerate() {
                        let at = ((margin[0] + y) * padded_w + margin[1]) * IMAGES;
                        // A last channel without a second has no room for one.
                        let other = other.get_mut(at..).unwrap_or_default();
                        isa.regroup(x, &mut one[at..], other);
                    }
                });
        });
    buffer
}

/// The gradient of the output, among other channels.
struct Pairs<'a> {
    isa: Isa,
    shape: &'a Conv2d,
    dy: &'a [u32],
    /// Words of a block, and the first of them that is the output's.
    block: usize,
    first: usize,
}

impl OutputGradient<u32> for Pairs<'_> {
    /// As `[position][pair of images][channel]`.
    fn turn(&self, group: usize, [block, y]: [usize; 2], to: &mut [u32]) {
        let Self { isa, shape, .. } = *self;
        let (channels, [height, width]) = (shape.out_group(), shape.output());
        let plane = height * width * LANES;
        // A group may begin within a pair, whose other channel is then left out.
        let (from, until) = (group * channels, (group + 1) * channels);
        let pairs = from / 2..until.div_ceil(2);
        let row = width * IMAGES;
        scratch::with(|Scratch { image_pairs, .. }| {
            let rows = scratch::reserve(image_pairs, 2 * pairs.len() * row);
            for (pair, rows) in pairs.zip(rows.chunks_exact_mut(2 * row)) {
                let words = block * self.block + self.first + pair * plane + y * width * LANES;
                let (one, other) = rows.split_at_mut(row);
                isa.regroup(&self.dy[words..][..width * LANES], one, other);
            }
            let rows = &rows[from % 2 * row..];
            let position = to.len() / width;
            for (x, to) in to.chunks_exact_mut(position).enumerate() {
                if channels < position / IMAGES {
                    to.fill(0);
                }
                let shape = [channels, IMAGES];
                isa.transpose(&rows[x * IMAGES..], shape, row, to, position / IMAGES);
            }
        });
    }

    fn bias(&self, db: &mut [f32]) {
        let [height, width] = self.shape.output();
        let plane = height * width * LANES;
        db.par_chunks_mut(2).enumerate().for_each(|(pair, db)| {
            let mut sums = [[0.0; LANES]; 2];
            for block in self.dy.chunks_exact(self.block) {
                let words = &block[self.first + pair * plane..][..plane];
                for words in words.as_chunks::<LANES>().0 {
                    let [one, other] = &mut sums;
                    for lane in 0..LANES {
                        one[lane] += first(words[lane]);
                        other[lane] += second(words[lane]);
                    }
                }
            }
            for (db, sums) in db.iter_mut().zip(sums) {
                *db = sums.iter().sum();
            }
        });
    }
}
