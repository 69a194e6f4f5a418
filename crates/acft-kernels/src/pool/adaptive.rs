//! The mean over windows that divide a plane into as many as are asked for.

use std::ops::Range;

use super::mean::{self, Windows};
use crate::{check, isa::Isa, lanes::LANES};

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
    let lengths = shape.planes([x, out], ["x", "out"]);
    mean::forward(isa, shape, lengths, x, out);
}

/// `dx`, the gradient of the input of [`adaptive_avg_pool2d`], from that of its output.
///
/// Panics, naming the argument, if a slice has another length, and if a plane has no position or no window.
pub fn adaptive_avg_pool2d_backward(isa: Isa, shape: &AdaptivePool2d, dy: &[f32], dx: &mut [f32]) {
    let lengths = shape.planes([dx, dy], ["dx", "dy"]);
    mean::backward(isa, shape, lengths, dy, dx);
}

impl Windows for AdaptivePool2d {
    fn width(&self) -> usize {
        self.input[1]
    }

    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut([Range<usize>; 2], usize)) {
        for y in 0..self.output[0] {
            for x in 0..self.output[1] {
                let window = [self.window(0, y), self.window(1, x)];
                let count = window[0].len() * window[1].len();
                visit(window, count);
            }
        }
    }
}
