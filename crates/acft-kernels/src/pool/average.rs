//! The mean over windows: for networks of others, as those of this workspace pool with maxima and over whole planes.

use rayon::prelude::*;

use super::planes;
use crate::{
    geometry::Pool2d,
    isa::{Isa, Loops},
    lanes::LANES,
    window::{Window, windows},
};

/// What the sum over a window is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// The elements of the window that lie in the plane or its border: PyTorch's default, `count_include_pad`.
    WithBorder,
    /// Those that lie in the plane.
    Within,
}

impl Divisor {
    /// What an element weighs in the mean over a window.
    #[inline(always)]
    fn share(self, window: &Window<'_>) -> f32 {
        let elements = match self {
            Self::WithBorder => window.with_border(),
            Self::Within => window.within(),
        };
        1.0 / elements as f32
    }
}

/// `out`, the mean over each window of `x`, in which the border is 0.
///
/// `x` is `[planes][height][width][LANES]`; see [`Pool2d`] for the output's size. Panics, naming the argument, if a slice
/// has another length.
pub fn avg_pool2d(isa: Isa, shape: &Pool2d, divisor: Divisor, x: &[f32], out: &mut [f32]) {
    let [from, to] = planes(shape, x, out);
    out.par_chunks_mut(to)
        .zip(x.par_chunks(from))
        .for_each(|(out, x)| {
            isa.vectorized(Forward {
                shape,
                divisor,
                x,
                out,
            });
        });
}

/// `dx`, the gradient of the input of [`avg_pool2d`], from that of its output.
///
/// Panics, naming the argument, if a slice has another length.
pub fn avg_pool2d_backward(isa: Isa, shape: &Pool2d, divisor: Divisor, dy: &[f32], dx: &mut [f32]) {
    let [from, to] = planes(shape, dx, dy);
    dx.par_chunks_mut(from)
        .zip(dy.par_chunks(to))
        .for_each(|(dx, dy)| {
            isa.vectorized(Backward {
                shape,
                divisor,
                dy,
                dx,
            });
        });
}

/// The means of one plane.
struct Forward<'a> {
    shape: &'a Pool2d,
    divisor: Divisor,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Loops for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let x = self.x.as_chunks::<LANES>().0;
        let out = self.out.as_chunks_mut::<LANES>().0;
        windows(self.shape, out, |out, window| {
            let mut sums = [0.0; LANES];
            window.for_each(|_, at| sums.iter_mut().zip(&x[at]).for_each(|(sum, v)| *sum += v));
            let share = self.divisor.share(&window);
            *out = sums.map(|sum| sum * share);
        });
    }
}

/// The gradient of one plane.
struct Backward<'a> {
    shape: &'a Pool2d,
    divisor: Divisor,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Loops for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.dx.fill(0.0);
        let dx = self.dx.as_chunks_mut::<LANES>().0;
        let dy = self.dy.as_chunks::<LANES>().0;
        windows(self.shape, dy, |dy, window| {
            let share = self.divisor.share(&window);
            let give = |dx: &mut [f32; LANES]| {
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy * share);
            };
            window.for_each(|_, at| give(&mut dx[at]));
        });
    }
}
