//! AVX-512: 24 accumulators of 16 lanes, three vectors of `b` and a broadcast of `a`.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_loadu_ps,
    _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{pad512, transpose};
use crate::{
    adam::{Chunk, Step},
    isa::{
        Primitives,
        panel::{LaneRun, Panel, Tile},
        shared,
    },
};

const MR: usize = 8;
const LANES: usize = 16;
const GROUPS: usize = 3;
const NR: usize = GROUPS * LANES;

pub(in crate::isa) static AVX512: Primitives = Primitives {
    name: "avx512",
    mr: MR,
    nr: NR,
    lanes: LANES,
    tile,
    gather,
    transpose: transpose::transpose,
    pad_rows: pad512::pad_rows,
    finish,
    pool,
    adam,
};

/// See [`Primitives::tile`].
#[target_feature(enable = "avx512f")]
unsafe fn tile(
    k: usize,
    columns: usize,
    a: *const f32,
    b: *const f32,
    tile: *mut f32,
    fresh: bool,
) {
    // SAFETY: promised by the caller.
    unsafe {
        match columns.div_ceil(LANES) {
            0 => {}
            1 => vectors::<1>(k, a, b, tile, fresh),
            2 => vectors::<2>(k, a, b, tile, fresh),
            _ => vectors::<GROUPS>(k, a, b, tile, fresh),
        }
    }
}

/// The first `N` vectors of each row of a tile.
///
/// # Safety
/// As [`Primitives::tile`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn vectors<const N: usize>(
    k: usize,
    mut a: *const f32,
    mut b: *const f32,
    tile: *mut f32,
    fresh: bool,
) {
    let mut sums = [[_mm512_setzero_ps(); N]; MR];
    // SAFETY: the caller promised that `a`, `b` and `tile` hold `k * MR`, `k * NR` and `MR * NR` elements. The
    // loop reads the `i`-th rows in its `i`-th round, and leaves the pointers one past the end at most.
    unsafe {
        for _ in 0..k {
            let columns: [__m512; N] = std::array::from_fn(|g| _mm512_loadu_ps(b.add(g * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = _mm512_set1_ps(*a.add(row));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = _mm512_fmadd_ps(factor, column, *sum);
                }
            }
            a = a.add(MR);
            b = b.add(NR);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (group, &sum) in sums.iter().enumerate() {
                let to = tile.add(row * NR + group * LANES);
                let sum = if fresh {
                    sum
                } else {
                    _mm512_add_ps(_mm512_loadu_ps(to), sum)
                };
                _mm512_storeu_ps(to, sum);
            }
        }
    }
}

/// The vector mask of a run, and its source as if it began at lane 0.
#[inline(always)]
fn masked(src: *const f32, run: &LaneRun) -> (u16, *const f32) {
    let mask = (((1u32 << run.len) - 1) << run.lane) as u16;
    // The pointer may lie before the source, but lanes outside the mask are never read.
    (mask, src.wrapping_add(run.src).wrapping_sub(run.lane))
}

/// See [`Primitives::gather`].
#[target_feature(enable = "avx512f")]
unsafe fn gather(src: *const f32, rows: &[usize], panel: &Panel, dst: *mut f32) {
    for group in 0..GROUPS {
        let runs = panel.group(group);
        // SAFETY: the caller checked that `dst` holds `rows.len() * NR` elements and that no run, at any row,
        // reads beyond the source; masks keep the other lanes from being read.
        unsafe {
            let to = dst.add(group * LANES);
            match runs {
                [] => each_row(rows, to, |_| _mm512_setzero_ps()),
                [one] => {
                    let (mask, src) = masked(src, one);
                    each_row(rows, to, |row| {
                        _mm512_maskz_loadu_ps(mask, src.wrapping_add(row))
                    });
                }
                [one, two] => {
                    let ((mask1, src1), (mask2, src2)) = (masked(src, one), masked(src, two));
                    each_row(rows, to, |row| {
                        let first = _mm512_maskz_loadu_ps(mask1, src1.wrapping_add(row));
                        _mm512_mask_loadu_ps(first, mask2, src2.wrapping_add(row))
                    });
                }
                _ => {
                    let mut parts = [(0, src); LANES];
                    for (part, run) in parts.iter_mut().zip(runs) {
                        *part = masked(src, run);
                    }
                    let parts = &parts[..runs.len()];
                    each_row(rows, to, |row| {
                        parts
                            .iter()
                            .fold(_mm512_setzero_ps(), |vector, &(mask, src)| {
                                _mm512_mask_loadu_ps(vector, mask, src.wrapping_add(row))
                            })
                    });
                }
            }
        }
    }
}

/// Stores one vector for every row, `NR` elements apart.
///
/// # Safety
/// `to` must hold a vector for every row.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn each_row(rows: &[usize], to: *mut f32, vector: impl Fn(usize) -> __m512) {
    for (i, &row) in rows.iter().enumerate() {
        // SAFETY: promised by the caller.
        unsafe { _mm512_storeu_ps(to.add(i * NR), vector(row)) }
    }
}

/// See [`shared::finish`].
#[target_feature(enable = "avx512f")]
unsafe fn finish(tile: &[f32], spec: &Tile<'_>, out: &mut [f32]) {
    shared::finish::<NR>(tile, spec, out);
}

/// See [`shared::pool`].
#[target_feature(enable = "avx512f")]
unsafe fn pool(taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]) {
    shared::pool(taps, out, winners);
}

/// See [`shared::adam`].
#[target_feature(enable = "avx512f")]
unsafe fn adam(step: &Step, chunk: Chunk<'_>) {
    shared::adam(step, chunk);
}
