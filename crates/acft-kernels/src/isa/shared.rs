//! Primitives that need no intrinsics: plain loops, inlined into a function of each instruction set, where the
//! compiler turns them into that set's vectors.

use crate::{
    adam::{Chunk, Step},
    geometry::Pool2d,
    lanes::LANES,
};

/// The functions of an instruction set that are no more than the plain loops, compiled for its features.
macro_rules! instances {
    ($(#[$features:meta])?) => {
        $(#[$features])?
        unsafe fn pool(shape: &$crate::geometry::Pool2d, x: &[f32], out: &mut [f32]) {
            $crate::isa::shared::pool(shape, x, out);
        }

        $(#[$features])?
        unsafe fn pool_taps(
            shape: &$crate::geometry::Pool2d,
            x: &[f32],
            out: &mut [f32],
            taps: &mut [u8],
        ) {
            $crate::isa::shared::pool_taps(shape, x, out, taps);
        }

        $(#[$features])?
        unsafe fn adam(step: &$crate::adam::Step, chunk: $crate::adam::Chunk<'_>) {
            $crate::isa::shared::adam(step, chunk);
        }

        $(#[$features])?
        unsafe fn spread(
            tiling: &$crate::isa::Tiling,
            tiles: std::ops::Range<usize>,
            plane: &[f32],
            out: &mut [f32],
            step: usize,
        ) {
            $crate::isa::winograd::spread(tiling, tiles, plane, out, step);
        }

        $(#[$features])?
        unsafe fn gather(
            tiling: &$crate::isa::Tiling,
            tiles: std::ops::Range<usize>,
            sums: &[f32],
            step: usize,
            finish: $crate::isa::Finish,
            plane: &mut [f32],
        ) {
            $crate::isa::winograd::gather(tiling, tiles, sums, step, finish, plane);
        }

        $(#[$features])?
        unsafe fn spread_back(y: [&[f32]; 4], out: &mut [f32]) {
            $crate::isa::winograd::spread_back(y, out);
        }
    };
}
pub(super) use instances;

/// The maximum over each window of one plane of `[height][width][LANES]`.
#[inline(always)]
pub(super) fn pool(shape: &Pool2d, x: &[f32], out: &mut [f32]) {
    let (x, out) = (x.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    windows(shape, out, |out, window| {
        let mut best = [f32::NEG_INFINITY; LANES];
        window.for_each(|_, at| {
            for (best, &v) in best.iter_mut().zip(&x[at]) {
                *best = if wins(v, *best) { v } else { *best };
            }
        });
        *out = best;
    });
}

/// As [`pool`]; `taps` becomes the number (row × kernel + column) of the window's element that won: the first
/// of the largest, or the first NaN. Where all are −∞, tap 0 wins.
#[inline(always)]
pub(super) fn pool_taps(shape: &Pool2d, x: &[f32], out: &mut [f32], taps: &mut [u8]) {
    let (x, out) = (x.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let taps = taps.as_chunks_mut::<LANES>().0;
    let mut both: Vec<_> = out.iter_mut().zip(taps).collect();
    windows(shape, &mut both, |(out, taps), window| {
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut winner = [0u32; LANES];
        window.for_each(|tap, at| {
            for ((best, winner), &v) in best.iter_mut().zip(&mut winner).zip(&x[at]) {
                let wins = wins(v, *best);
                *best = if wins { v } else { *best };
                *winner = if wins { tap as u32 } else { *winner };
            }
        });
        **out = best;
        **taps = winner.map(|tap| tap as u8);
    });
}

/// Once a NaN has won, nothing replaces it.
#[inline(always)]
fn wins(v: f32, best: f32) -> bool {
    (v > best) | (v.is_nan() & !best.is_nan())
}

/// The part of a window that lies in the plane.
struct Window<'a> {
    shape: &'a Pool2d,
    /// First row and column, counted with the border.
    origin: [usize; 2],
}

impl Window<'_> {
    /// Calls `visit(tap, position)` for every element.
    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let Pool2d {
            input,
            kernel,
            padding,
            ..
        } = *self.shape;
        let inside = |axis: usize| {
            let first = self.origin[axis].max(padding);
            first..(self.origin[axis] + kernel).min(input[axis] + padding)
        };
        for y in inside(0) {
            for x in inside(1) {
                let tap = (y - self.origin[0]) * kernel + x - self.origin[1];
                visit(tap, (y - padding) * input[1] + x - padding);
            }
        }
    }
}

/// Calls `work` for every output and its window.
#[inline(always)]
fn windows<T>(shape: &Pool2d, out: &mut [T], mut work: impl FnMut(&mut T, Window<'_>)) {
    let [_, width] = shape.output();
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        for (x, out) in row.iter_mut().enumerate() {
            let origin = [y * shape.stride, x * shape.stride];
            work(out, Window { shape, origin });
        }
    }
}

/// Adam on one chunk; the formula is in [`mod@crate::adam`].
#[inline(always)]
pub(super) fn adam(step: &Step, chunk: Chunk<'_>) {
    let Chunk { p, g, m, v } = chunk;
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = step.beta1 * *m + (1.0 - step.beta1) * g;
        *v = step.beta2 * *v + (1.0 - step.beta2) * (g * g);
        *p -= step.rate * (*m / step.correction1) / ((*v / step.correction2).sqrt() + step.epsilon);
    }
}
