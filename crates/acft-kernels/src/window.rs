//! The windows of a pool, one after the other.

use std::ops::Range;

use crate::geometry::Pool2d;

/// The part of a window that lies in the plane.
pub(crate) struct Window<'a> {
    shape: &'a Pool2d,
    /// First row and column, counted with the border.
    origin: [usize; 2],
}

impl Window<'_> {
    /// The position of its first element, where all of it lies in the plane.
    #[inline(always)]
    pub(crate) fn whole(&self) -> Option<usize> {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        let inside = |axis: usize| {
            self.origin[axis] >= padding && self.origin[axis] + kernel <= input[axis] + padding
        };
        (inside(0) && inside(1))
            .then(|| (self.origin[0] - padding) * input[1] + self.origin[1] - padding)
    }

    /// How many elements of the window lie in the plane or in its border, as PyTorch counts them.
    #[inline(always)]
    pub(crate) fn with_border(&self) -> usize {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        let count = |axis: usize| kernel.min(input[axis] + 2 * padding - self.origin[axis]);
        count(0) * count(1)
    }

    /// How many elements of the window lie in the plane.
    #[inline(always)]
    pub(crate) fn within(&self) -> usize {
        self.inside(0).len() * self.inside(1).len()
    }

    /// Rows or columns of the window that lie in the plane, counted with the border.
    #[inline(always)]
    fn inside(&self, axis: usize) -> Range<usize> {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        let first = self.origin[axis].max(padding);
        first..(self.origin[axis] + kernel).min(input[axis] + padding)
    }

    /// Calls `visit(tap, position)` for every element.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        for y in self.inside(0) {
            for x in self.inside(1) {
                let tap = (y - self.origin[0]) * kernel + x - self.origin[1];
                visit(tap, (y - padding) * input[1] + x - padding);
            }
        }
    }
}

/// Calls `work` for every output, in order, and its window.
#[inline(always)]
pub(crate) fn windows<T>(
    shape: &Pool2d,
    outputs: impl IntoIterator<Item = T>,
    mut work: impl FnMut(T, Window<'_>),
) {
    let [height, width] = shape.output();
    let mut outputs = outputs.into_iter();
    for y in 0..height {
        for (x, output) in (0..width).zip(&mut outputs) {
            let origin = [y * shape.stride, x * shape.stride];
            work(output, Window { shape, origin });
        }
    }
}
