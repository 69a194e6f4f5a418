//! AVX2 with FMA: 12 accumulators of 8 lanes, three vectors of `b` and a broadcast of `a` fill the 16 registers.

use std::arch::x86_64::{
    __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_or_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{pad256, transpose};
use crate::{
    adam::{Chunk, Step},
    isa::{
        Primitives,
        panel::{LaneRun, Panel, Tile},
        shared,
    },
};

const MR: usize = 4;
const LANES: usize = 8;
const GROUPS: usize = 3;
const NR: usize = GROUPS * LANES;

pub(in crate::isa) static AVX2: Primitives = Primitives {
    name: "avx2",
    mr: MR,
    nr: NR,
    lanes: LANES,
    tile,
    gather,
    transpose: transpose::transpose,
    pad_rows: pad256::pad_rows,
    finish,
    pool,
    adam,
};

/// See [`Primitives::tile`].
#[target_feature(enable = "avx2,fma")]
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
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn vectors<const N: usize>(
    k: usize,
    mut a: *const f32,
    mut b: *const f32,
    tile: *mut f32,
    fresh: bool,
) {
    let mut sums = [[_mm256_setzero_ps(); N]; MR];
    // SAFETY: the caller promised that `a`, `b` and `tile` hold `k * MR`, `k * NR` and `MR * NR` elements. The
    // loop reads the `i`-th rows in its `i`-th round, and leaves the pointers one past the end at most.
    unsafe {
        for _ in 0..k {
            let columns: [__m256; N] = std::array::from_fn(|g| _mm256_loadu_ps(b.add(g * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = _mm256_set1_ps(*a.add(row));
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = _mm256_fmadd_ps(factor, column, *sum);
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
                    _mm256_add_ps(_mm256_loadu_ps(to), sum)
                };
                _mm256_storeu_ps(to, sum);
            }
        }
    }
}

/// A window of this table at `LANES - lane` has ones from `lane` on.
const ONES: [i32; 3 * LANES] = {
    let mut table = [0; 3 * LANES];
    let mut i = LANES;
    while i < 2 * LANES {
        table[i] = -1;
        i += 1;
    }
    table
};

/// Loads the lanes of a run at `row`, with zeros in the others.
///
/// # Safety
/// The run must lie within the source at that row.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load(src: *const f32, row: usize, run: &LaneRun) -> __m256 {
    let (from, to) = (
        &ONES[LANES - run.lane..][..LANES],
        &ONES[2 * LANES - run.lane - run.len..][..LANES],
    );
    // SAFETY: both windows are `LANES` long; lanes outside their intersection, which is the run, are not read,
    // so that the pointer, which may lie before the source, matters only for lanes inside it.
    unsafe {
        let from = _mm256_loadu_si256(from.as_ptr().cast());
        let to = _mm256_loadu_si256(to.as_ptr().cast());
        let mask = std::arch::x86_64::_mm256_and_si256(from, to);
        _mm256_maskload_ps(src.wrapping_add(row + run.src).wrapping_sub(run.lane), mask)
    }
}

/// See [`Primitives::gather`].
#[target_feature(enable = "avx2")]
unsafe fn gather(src: *const f32, rows: &[usize], panel: &Panel, dst: *mut f32) {
    for group in 0..GROUPS {
        let runs = panel.group(group);
        for (i, &row) in rows.iter().enumerate() {
            // SAFETY: the caller checked that `dst` holds `rows.len() * NR` elements and that no run, at any
            // row, reads beyond the source.
            unsafe {
                let vector = match runs {
                    [one] if one.len == LANES => _mm256_loadu_ps(src.add(row + one.src)),
                    _ => runs.iter().fold(_mm256_setzero_ps(), |v, run| {
                        _mm256_or_ps(v, load(src, row, run))
                    }),
                };
                _mm256_storeu_ps(dst.add(i * NR + group * LANES), vector);
            }
        }
    }
}

/// See [`shared::finish`].
#[target_feature(enable = "avx2,fma")]
unsafe fn finish(tile: &[f32], spec: &Tile<'_>, out: &mut [f32]) {
    shared::finish::<NR>(tile, spec, out);
}

/// See [`shared::pool`].
#[target_feature(enable = "avx2,fma")]
unsafe fn pool(taps: &[&[f32]], out: &mut [f32], winners: &mut [u8]) {
    shared::pool(taps, out, winners);
}

/// See [`shared::adam`].
#[target_feature(enable = "avx2,fma")]
unsafe fn adam(step: &Step, chunk: Chunk<'_>) {
    shared::adam(step, chunk);
}
