//! The mean over windows: for networks of others, as those of this workspace pool with maxima and over whole planes.

use std::ops::Range;

use super::{
    mean::{self, Windows},
    planes,
};
use crate::{geometry::Pool2d, isa::Isa, window::windows};

/// What the sum over a window is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// The elements of the window that lie in the plane or its border: PyTorch's default, `count_include_pad`.
    WithBorder,
    /// Those that lie in the plane.
    Within,
}

/// `out`, the mean over each window of `x`, in which the border is 0.
///
/// `x` is `[planes][height][width][LANES]`; see [`Pool2d`] for the output's size. Panics, naming the argument, if a slice
/// has another length.
pub fn avg_pool2d(isa: Isa, shape: &Pool2d, divisor: Divisor, x: &[f32], out: &mut [f32]) {
    let lengths = planes(shape, [x, out], ["x", "out"]);
    mean::forward(isa, &Average { shape, divisor }, lengths, x, out);
}

/// `dx`, the gradient of the input of [`avg_pool2d`], from that of its output.
///
/// Panics, naming the argument, if a slice has another length.
pub fn avg_pool2d_backward(isa: Isa, shape: &Pool2d, divisor: Divisor, dy: &[f32], dx: &mut [f32]) {
    let lengths = planes(shape, [dx, dy], ["dx", "dy"]);
    mean::backward(isa, &Average { shape, divisor }, lengths, dy, dx);
}

struct Average<'a> {
    shape: &'a Pool2d,
    divisor: Divisor,
}

impl Windows for Average<'_> {
    fn width(&self) -> usize {
        self.shape.input[1]
    }

    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut([Range<usize>; 2], usize)) {
        windows(self.shape, std::iter::repeat(()), |(), window| {
            let held = [0, 1].map(|axis| window.inside(axis));
            let divisor = match self.divisor {
                Divisor::WithBorder => window.with_border(),
                Divisor::Within => held[0].len() * held[1].len(),
            };
            visit(held, divisor);
        });
    }
}
