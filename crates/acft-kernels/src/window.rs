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

    /// Rows or columns of the plane that the window holds.
    #[inline(always)]
    pub(crate) fn inside(&self, axis: usize) -> Range<usize> {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        let end = (self.origin[axis] + kernel).saturating_sub(padding);
        self.origin[axis].saturating_sub(padding)..end.min(input[axis])
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
                let [row, column] = [y + padding - self.origin[0], x + padding - self.origin[1]];
                visit(row * kernel + column, y * input[1] + x);
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
