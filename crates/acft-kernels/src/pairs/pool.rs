//! Pooling of pairs.

use crate::{
    check,
    geometry::Pool2d,
    isa::{Isa, first, second},
    lanes::LANES,
    pairs::pair_words,
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
