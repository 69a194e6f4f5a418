//! Networks in bf16: images, convolutions with their gradients, pooling and linear layers over pairs of channels; and
//! linear layers in f32 that are multiplied as pairs.
//!
//! A bf16 number is an f32 without the lower half of its bits: as large a range, two to three digits. Two of them,
//! the same element of two neighbouring channels, share a word: `[block][channel / 2][height][width][LANES]` of `u32`,
//! the even channel in the lower half, and 0 in place of a channel that an odd number lacks. Products are summed in
//! f32; what a layer makes is rounded to the nearest bf16 number, of two the even one. A layer takes half the memory of
//! f32; on a processor with products of such pairs (`avx512bf16`) half the instructions, which need not be half the
//! time; and where it multiplies whole matrices of them (`amx`) a small part of the time. These are loaded fastest from
//! slices that begin at a multiple of 64 bytes.

mod conv;
mod dense;
mod direction;
mod factor;
mod linear;
mod matrices;
mod pool;
mod product;
mod relu;
mod tiles;
mod weights;

pub use conv::PairConvolution;
pub use dense::{linear_backward_data_in_bf16, linear_backward_weights_in_bf16, linear_in_bf16};
pub use linear::PairLinear;
pub use pool::{
    global_avg_pool_of_pairs, max_pool2d_backward_of_pairs, max_pool2d_block_of_pairs,
    max_pool2d_with_taps_of_pairs,
};
pub use relu::relu_backward_of_pairs;
pub use weights::conv2d_backward_weights_of_pairs;

use crate::{
    Isa, LANES, check,
    isa::{Loops, first, second},
};

/// Words of a block of images, for one image.
pub fn pair_words(channels: usize, plane: usize) -> usize {
    channels.div_ceil(2) * plane
}

/// One block of interleaved images, `[channels][plane][LANES]`, to pairs.
///
/// Panics, naming the argument, if a slice has another length.
pub fn to_pairs(isa: Isa, channels: usize, plane: usize, x: &[f32], out: &mut [u32]) {
    check::length("x", x, channels * plane * LANES);
    check::length("out", out, pair_words(channels, plane) * LANES);
    if out.is_empty() {
        return;
    }
    let zeros = vec![0.0; plane * LANES];
    let planes = x.chunks(2 * plane * LANES);
    for (out, planes) in out.chunks_exact_mut(plane * LANES).zip(planes) {
        let (one, other) = planes.split_at(plane * LANES);
        isa.join(one, if other.is_empty() { &zeros } else { other }, out);
    }
}

/// The inverse of [`to_pairs`], up to the rounding.
///
/// Panics, naming the argument, if a slice has another length.
pub fn from_pairs(isa: Isa, channels: usize, plane: usize, pairs: &[u32], out: &mut [f32]) {
    check::length("pairs", pairs, pair_words(channels, plane) * LANES);
    check::length("out", out, channels * plane * LANES);
    if out.is_empty() {
        return;
    }
    let planes = out.chunks_mut(2 * plane * LANES);
    for (planes, pairs) in planes.zip(pairs.chunks_exact(plane * LANES)) {
        let (one, other) = planes.split_at_mut(plane * LANES);
        isa.vectorized(Halves { pairs, one, other });
    }
}

/// Pairs to the planes of both channels, of which the second may be missing.
struct Halves<'a> {
    pairs: &'a [u32],
    one: &'a mut [f32],
    other: &'a mut [f32],
}

impl Loops for Halves<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (one, word) in self.one.iter_mut().zip(self.pairs) {
            *one = first(*word);
        }
        for (other, word) in self.other.iter_mut().zip(self.pairs) {
            *other = second(*word);
        }
    }
}
