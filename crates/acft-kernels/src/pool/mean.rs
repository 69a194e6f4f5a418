//! Means over windows, whatever says where these lie.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    isa::{Isa, Loops},
    lanes::LANES,
};

/// Windows of a plane.
pub(super) trait Windows: Sync {
    /// Columns of the plane.
    fn width(&self) -> usize;

    /// Calls `visit`, for every output in order, with the rows and columns of the plane that its window holds, and with
    /// what their sum is divided by.
    fn for_each(&self, visit: impl FnMut([Range<usize>; 2], usize));
}

/// The mean over each window of `x`, whose planes are `from` elements long; those of `out` are `to`.
pub(super) fn forward(
    isa: Isa,
    windows: &impl Windows,
    [from, to]: [usize; 2],
    x: &[f32],
    out: &mut [f32],
) {
    out.par_chunks_mut(to)
        .zip(x.par_chunks(from))
        .for_each(|(out, x)| isa.vectorized(Forward { windows, x, out }));
}

/// The gradient `dx` of what [`forward`] reads, from that of what it writes.
pub(super) fn backward(
    isa: Isa,
    windows: &impl Windows,
    [from, to]: [usize; 2],
    dy: &[f32],
    dx: &mut [f32],
) {
    dx.par_chunks_mut(from)
        .zip(dy.par_chunks(to))
        .for_each(|(dx, dy)| isa.vectorized(Backward { windows, dy, dx }));
}

/// The means of one plane.
struct Forward<'a, W> {
    windows: &'a W,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<W: Windows> Loops for Forward<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (x, width) = (self.x.as_chunks::<LANES>().0, self.windows.width());
        let mut outputs = self.out.as_chunks_mut::<LANES>().0.iter_mut();
        self.windows.for_each(|[rows, columns], divisor| {
            let mut sums = [0.0; LANES];
            for y in rows {
                for x in &x[y * width..][columns.clone()] {
                    sums.iter_mut().zip(x).for_each(|(sum, v)| *sum += v);
                }
            }
            let out = outputs.next().expect("an output a window");
            *out = sums.map(|sum| sum / divisor as f32);
        });
    }
}

/// The gradient of one plane.
struct Backward<'a, W> {
    windows: &'a W,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl<W: Windows> Loops for Backward<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.dx.fill(0.0);
        let (dx, width) = (self.dx.as_chunks_mut::<LANES>().0, self.windows.width());
        let mut gradients = self.dy.as_chunks::<LANES>().0.iter();
        self.windows.for_each(|[rows, columns], divisor| {
            let dy = gradients.next().expect("a gradient a window");
            let share = dy.map(|dy| dy / divisor as f32);
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
