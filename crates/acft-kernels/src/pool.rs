//! Pooling: the maximum and the mean over windows, and the mean over a whole plane.

mod adaptive;
mod average;
mod mean;
mod summary;

use rayon::prelude::*;

use crate::{
    check,
    geometry::{Activation, Pool2d},
    isa::{Isa, Loops},
    lanes::LANES,
};

pub use adaptive::{AdaptivePool2d, adaptive_avg_pool2d, adaptive_avg_pool2d_backward};
pub use average::{Divisor, avg_pool2d, avg_pool2d_backward};
pub use summary::{Summary, summarize_block, summarize_block_of_pairs};

/// `out`, the maximum over each window of `x`, on the calling thread.
///
/// `x` is `[planes][height][width][LANES]`; see [`Pool2d`] for the output's size. A NaN in a window is its maximum.
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d_block(isa: Isa, shape: &Pool2d, x: &[f32], out: &mut [f32]) {
    let [from, to] = planes(shape, [x, out], ["x", "out"]);
    for (out, x) in out.chunks_exact_mut(to).zip(x.chunks_exact(from)) {
        isa.pool(shape, x, out);
    }
}

/// As [`max_pool2d_block`], on all threads and with an activation, and `taps` becomes the number (row × kernel + column) of
/// the element of each window that won: the first of the largest, or the last NaN; or [`NOBODY`] where the activation
/// passes nothing on. [`max_pool2d_backward`] wants it.
///
/// A ReLU behind the pool is the same as one before it, for fewer numbers. Panics also if a window of 16 × 16, which has a
/// tap of that number, is followed by one.
pub fn max_pool2d_with_taps(
    isa: Isa,
    shape: &Pool2d,
    activation: Activation,
    x: &[f32],
    out: &mut [f32],
    taps: &mut [u8],
) {
    let [from, to] = planes(shape, [x, out], ["x", "out"]);
    check::length("taps", taps, out.len());
    assert_nobody(shape, activation);
    out.par_chunks_mut(to)
        .zip(taps.par_chunks_mut(to))
        .zip(x.par_chunks(from))
        .for_each(|((out, taps), x)| {
            isa.pool_taps(shape, x, out, taps);
            if activation == Activation::Relu {
                isa.vectorized(Rectify { out, taps });
            }
        });
}

/// The tap of a window of which nothing is passed on.
pub const NOBODY: u8 = u8::MAX;

/// Panics if a tap of a window is [`NOBODY`].
#[track_caller]
pub(crate) fn assert_nobody(shape: &Pool2d, activation: Activation) {
    assert!(
        activation == Activation::Identity || shape.kernel * shape.kernel <= usize::from(NOBODY),
        "a window so large cannot be followed by a ReLU: {shape:?}"
    );
}

/// A ReLU of maxima.
pub(crate) struct Rectify<'a> {
    pub(crate) out: &'a mut [f32],
    pub(crate) taps: &'a mut [u8],
}

impl Loops for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, tap) in self.out.iter_mut().zip(self.taps) {
            // A NaN stays one.
            let dead = *out <= 0.0;
            *out = if dead { 0.0 } else { *out };
            *tap = if dead { NOBODY } else { *tap };
        }
    }
}

/// `dx`, the gradient of the input of [`max_pool2d_with_taps`], from that of its output and the taps that won.
///
/// Panics, naming the argument, if a slice has another length.
pub fn max_pool2d_backward(isa: Isa, shape: &Pool2d, dy: &[f32], taps: &[u8], dx: &mut [f32]) {
    let [from, to] = planes(shape, [dx, dy], ["dx", "dy"]);
    check::length("taps", taps, dy.len());
    dx.par_chunks_mut(from)
        .zip(dy.par_chunks(to).zip(taps.par_chunks(to)))
        .for_each(|(dx, (dy, taps))| isa.pool_back(shape, dy, taps, dx));
}

/// Checks the slices, which have names, and gives the elements of a plane of each.
#[track_caller]
fn planes(shape: &Pool2d, [x, out]: [&[f32]; 2], names: [&str; 2]) -> [usize; 2] {
    shape.validate();
    check::length(names[0], x, shape.input_len());
    check::length(names[1], out, shape.output_len());
    let [height, width] = shape.output();
    [
        shape.input[0] * shape.input[1] * LANES,
        height * width * LANES,
    ]
}

/// `out`, the mean of each plane of `x`: `[planes][positions][LANES]` to `[planes][LANES]`.
///
/// Panics if the planes of `x` have not all the same, positive, number of positions.
pub fn global_avg_pool(x: &[f32], out: &mut [f32]) {
    let plane = plane_len(x.len(), out.len());
    let planes = x.chunks_exact(plane * LANES);
    for (out, x) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(planes) {
        // Two sums, which is faster and more exact than one.
        let mut sums = [[0.0; LANES]; 2];
        for (i, x) in x.as_chunks::<LANES>().0.iter().enumerate() {
            sums[i % 2].iter_mut().zip(x).for_each(|(sum, v)| *sum += v);
        }
        let [a, b] = sums;
        *out = std::array::from_fn(|lane| (a[lane] + b[lane]) / plane as f32);
    }
}

/// `dx`, the gradient of the input of [`global_avg_pool`], from that of its output.
///
/// Panics if the planes of `dx` have not all the same, positive, number of positions.
pub fn global_avg_pool_backward(dy: &[f32], dx: &mut [f32]) {
    let plane = plane_len(dx.len(), dy.len());
    let planes = dx.chunks_exact_mut(plane * LANES);
    for (dx, dy) in planes.zip(dy.as_chunks::<LANES>().0) {
        let share = dy.map(|v| v / plane as f32);
        dx.as_chunks_mut::<LANES>().0.fill(share);
    }
}

#[track_caller]
fn plane_len(elements: usize, outputs: usize) -> usize {
    assert!(
        outputs > 0
            && outputs.is_multiple_of(LANES)
            && elements >= outputs
            && elements.is_multiple_of(outputs),
        "{elements} elements do not divide into {outputs} means"
    );
    elements / outputs
}
