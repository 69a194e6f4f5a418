//! The mean over windows that divide a plane into as many as are asked for.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    check,
    isa::{Isa, Loops},
    lanes::LANES,
};

/// Means over as many windows as are asked for, whatever the size of the plane: PyTorch's `AdaptiveAvgPool2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptivePool2d {
    /// Blocks times channels.
    pub planes: usize,
    /// Height and width of a plane.
    pub input: [usize; 2],
    /// Windows of a plane, vertically and horizontally.
    pub output: [usize; 2],
}

impl AdaptivePool2d {
    /// The positions of a window along an axis: windows overlap where their number does not divide that of positions.
    fn window(&self, axis: usize, at: usize) -> Range<usize> {
        let (positions, windows) = (self.input[axis], self.output[axis]);
        at * positions / windows..((at + 1) * positions).div_ceil(windows)
    }

    /// Calls `visit(output, positions, how many)` for every window.
    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut(usize, [Range<usize>; 2], usize)) {
        let [height, width] = self.output;
        for y in 0..height {
            for x in 0..width {
                let window = [self.window(0, y), self.window(1, x)];
                let count = window[0].len() * window[1].len();
                visit(y * width + x, window, count);
            }
        }
    }

    /// Checks the slices, which have names, and gives the elements of a plane of each.
    #[track_caller]
    fn planes(&self, [x, out]: [&[f32]; 2], names: [&str; 2]) -> [usize; 2] {
        let [from, to] = [self.input, self.output].map(|[height, width]| height * width * LANES);
        assert!(from > 0 && to > 0, "a plane without positions: {self:?}");
        check::length(names[0], x, self.planes * from);
        check::length(names[1], out, self.planes * to);
        [from, to]
    }
}

/// `out`, the mean over each window of `x`: `[planes][height][width][LANES]`.
///
/// Panics, naming the argument, if a slice has another length, and if a plane has no position or no window.
pub fn adaptive_avg_pool2d(isa: Isa, shape: &AdaptivePool2d, x: &[f32], out: &mut [f32]) {
    let [from, to] = shape.planes([x, out], ["x", "out"]);
    out.par_chunks_mut(to)
        .zip(x.par_chunks(from))
        .for_each(|(out, x)| isa.vectorized(Forward { shape, x, out }));
}

/// `dx`, the gradient of the input of [`adaptive_avg_pool2d`], from that of its output.
///
/// Panics, naming the argument, if a slice has another length, and if a plane has no position or no window.
pub fn adaptive_avg_pool2d_backward(isa: Isa, shape: &AdaptivePool2d, dy: &[f32], dx: &mut [f32]) {
    let [from, to] = shape.planes([dx, dy], ["dx", "dy"]);
    dx.par_chunks_mut(from)
        .zip(dy.par_chunks(to))
        .for_each(|(dx, dy)| isa.vectorized(Backward { shape, dy, dx }));
}

/// The means of one plane.
struct Forward<'a> {
    shape: &'a AdaptivePool2d,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loops for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (x, out) = (
            self.x.as_chunks::<LANES>().0,
            self.out.as_chunks_mut::<LANES>().0,
        );
        let width = self.shape.input[1];
        self.shape.for_each(|output, [rows, columns], count| {
            let mut sums = [0.0; LANES];
            for y in rows {
                for x in &x[y * width..][columns.clone()] {
                    sums.iter_mut().zip(x).for_each(|(sum, v)| *sum += v);
                }
            }
            out[output] = sums.map(|sum| sum / count as f32);
        });
    }
}

/// The gradient of one plane.
struct Backward<'a> {
    shape: &'a AdaptivePool2d,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Loops for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.dx.fill(0.0);
        let (dy, dx) = (
            self.dy.as_chunks::<LANES>().0,
            self.dx.as_chunks_mut::<LANES>().0,
        );
        let width = self.shape.input[1];
        self.shape.for_each(|output, [rows, columns], count| {
            let share = dy[output].map(|dy| dy / count as f32);
            for y in rows {
                for dx in &mut dx[y * width..][columns.clone()] {
                    dx.iter_mut()
                        .zip(share)
                        .for_each(|(dx, share)| *dx += share);
                }
            }
        });
    }
}
