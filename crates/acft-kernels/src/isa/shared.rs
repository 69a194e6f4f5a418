//! Primitives that need no intrinsics: plain loops, inlined into a function of each instruction set, where the
//! compiler turns them into that set's vectors.

use super::pairs;
use crate::{
    adam::{Chunk, Step},
    geometry::Pool2d,
    lanes::LANES,
    window::windows,
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
        unsafe fn pool_back(
            shape: &$crate::geometry::Pool2d,
            dy: &[f32],
            taps: &[u8],
            dx: &mut [f32],
        ) {
            $crate::isa::shared::pool_back(shape, dy, taps, dx);
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
        unsafe fn spread_back(form: $crate::isa::Form, y: &[f32], out: &mut [f32]) {
            $crate::isa::winograd::spread_back(form, y, out);
        }

        $(#[$features])?
        unsafe fn pair_tile(
            rows: usize,
            columns: usize,
            _: $crate::isa::Left,
            job: &$crate::isa::tile::Job<'_, u32>,
        ) {
            // SAFETY: promised by the caller.
            unsafe { $crate::isa::pairs::tile::<true>(rows, columns, job) }
        }

        $(#[$features])?
        unsafe fn pair_sums(
            rows: usize,
            columns: usize,
            _: $crate::isa::Left,
            job: &$crate::isa::tile::Job<'_, u32>,
        ) {
            // SAFETY: promised by the caller.
            unsafe { $crate::isa::pairs::tile::<false>(rows, columns, job) }
        }

        $(#[$features])?
        unsafe fn join(one: &[f32], other: &[f32], out: &mut [u32]) {
            $crate::isa::pairs::join(one, other, out);
        }

        $(#[$features])?
        unsafe fn pair_up(channels: &[f32], plane: usize, out: &mut [u32]) {
            $crate::isa::pairs::pair_up(channels, plane, out);
        }

        $(#[$features])?
        unsafe fn regroup(words: &[u32], one: &mut [u32], other: &mut [u32]) {
            $crate::isa::pairs::regroup(words, one, other);
        }

        $(#[$features])?
        unsafe fn pool_pairs(shape: &$crate::geometry::Pool2d, x: &[u32], out: &mut [u32]) {
            $crate::isa::shared::pool_pairs(shape, x, out);
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

/// As [`pool`], of pairs of bf16 numbers.
#[inline(always)]
pub(super) fn pool_pairs(shape: &Pool2d, x: &[u32], out: &mut [u32]) {
    let (x, out) = (x.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    windows(shape, out, |out, window| {
        let mut best = [[f32::NEG_INFINITY; LANES]; 2];
        window.for_each(|_, at| {
            for lane in 0..LANES {
                let (one, other) = (pairs::first(x[at][lane]), pairs::second(x[at][lane]));
                let [first, second] = &mut best;
                first[lane] = if wins(one, first[lane]) {
                    one
                } else {
                    first[lane]
                };
                second[lane] = if wins(other, second[lane]) {
                    other
                } else {
                    second[lane]
                };
            }
        });
        let [first, second] = best;
        // Both are bf16 numbers already.
        *out = std::array::from_fn(|lane| {
            (first[lane].to_bits() >> 16) | (second[lane].to_bits() & 0xffff_0000)
        });
    });
}

/// As [`pool`]; `taps` becomes the number (row × kernel + column) of the window's element that won: the first
/// of the largest, or the last NaN. Where all are −∞, tap 0 wins.
#[inline(always)]
pub(super) fn pool_taps(shape: &Pool2d, x: &[f32], out: &mut [f32], taps: &mut [u8]) {
    let (x, out) = (x.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let outputs = out.iter_mut().zip(taps.as_chunks_mut::<LANES>().0);
    windows(shape, outputs, |(out, taps), window| {
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut winner = [0u32; LANES];
        match window.whole() {
            // The windows of all the networks here, as loops of a known length.
            Some(first) if shape.kernel == 3 => {
                for row in 0..3 {
                    let x = &x[first + row * shape.input[1]..][..3];
                    meet(&mut best, &mut winner, row as u32 * 3, &x[0]);
                    meet(&mut best, &mut winner, row as u32 * 3 + 1, &x[1]);
                    meet(&mut best, &mut winner, row as u32 * 3 + 2, &x[2]);
                }
            }
            _ => window.for_each(|tap, at| meet(&mut best, &mut winner, tap as u32, &x[at])),
        }
        *out = best;
        *taps = winner.map(|tap| tap as u8);
    });
}

/// The gradient of one plane: `dy` of each window goes to the tap that won.
#[inline(always)]
pub(super) fn pool_back(shape: &Pool2d, dy: &[f32], taps: &[u8], dx: &mut [f32]) {
    dx.fill(0.0);
    let dx = dx.as_chunks_mut::<LANES>().0;
    let outputs = dy.as_chunks::<LANES>().0.iter();
    let outputs = outputs.zip(taps.as_chunks::<LANES>().0);
    windows(shape, outputs, |(dy, taps), window| {
        let winner = taps.map(u32::from);
        let give = |tap: usize, dx: &mut [f32; LANES]| {
            for lane in 0..LANES {
                let share = if winner[lane] == tap as u32 {
                    dy[lane]
                } else {
                    0.0
                };
                dx[lane] += share;
            }
        };
        match window.whole() {
            Some(first) if shape.kernel == 3 => {
                for row in 0..3 {
                    let dx = &mut dx[first + row * shape.input[1]..][..3];
                    (0..3).for_each(|column| give(row * 3 + column, &mut dx[column]));
                }
            }
            // A window that holds nothing above −∞ has no winner; its tap 0 may lie in the border.
            _ => window.for_each(|tap, at| give(tap, &mut dx[at])),
        }
    });
}

/// Lets a tap of a window meet the best so far.
#[inline(always)]
fn meet(best: &mut [f32; LANES], winner: &mut [u32; LANES], tap: u32, x: &[f32; LANES]) {
    // All ones where the tap wins: masks of numbers become vectors, branches do not.
    let wins: [u32; LANES] =
        std::array::from_fn(|lane| u32::from(wins(x[lane], best[lane])).wrapping_neg());
    for lane in 0..LANES {
        let (old, new) = (best[lane].to_bits(), x[lane].to_bits());
        best[lane] = f32::from_bits((old & !wins[lane]) | (new & wins[lane]));
        winner[lane] = (winner[lane] & !wins[lane]) | (tap & wins[lane]);
    }
}

#[inline(always)]
fn wins(v: f32, best: f32) -> bool {
    (v > best) | v.is_nan()
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
