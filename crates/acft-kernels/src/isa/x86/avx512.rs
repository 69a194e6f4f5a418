//! AVX-512: up to 24 accumulators, one for each row and column of a tile.

use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_mov_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::transpose;
use crate::isa::{
    Primitives, Vectors, shared,
    tile::{Job, Left, Start},
};

pub(in crate::isa) static AVX512: Primitives = PRIMITIVES;

pub(super) const PRIMITIVES: Primitives = Primitives {
    name: "avx512",
    vectors: Vectors::Avx512,
    tile,
    transpose: transpose::transpose,
    pool,
    pool_taps,
    pool_back,
    adam,
    spread,
    gather,
    spread_back,
    pair_tile,
    pair_sums,
    join,
    pair_up,
    regroup,
    pool_pairs,
    matrices: None,
};

/// See [`Primitives::tile`].
#[target_feature(enable = "avx512f")]
unsafe fn tile(rows: usize, columns: usize, left: Left, job: &Job<'_, f32>) {
    // SAFETY: promised by the caller.
    unsafe {
        match left {
            Left::Packed => sized::<true>(rows, columns, job),
            Left::Rows { .. } => sized::<false>(rows, columns, job),
        }
    }
}

/// # Safety
/// As [`Primitives::tile`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn sized<const PACKED: bool>(rows: usize, columns: usize, job: &Job<'_, f32>) {
    // SAFETY: promised by the caller.
    unsafe {
        match (rows, columns) {
            (8, 3) => product::<PACKED, 8, 3>(job),
            (8, 2) => product::<PACKED, 8, 2>(job),
            (8, _) => product::<PACKED, 8, 1>(job),
            (4, 3) => product::<PACKED, 4, 3>(job),
            (4, 2) => product::<PACKED, 4, 2>(job),
            (4, _) => product::<PACKED, 4, 1>(job),
            (2, 3) => product::<PACKED, 2, 3>(job),
            (2, 2) => product::<PACKED, 2, 2>(job),
            (2, _) => product::<PACKED, 2, 1>(job),
            (_, 3) => product::<PACKED, 1, 3>(job),
            (_, 2) => product::<PACKED, 1, 2>(job),
            _ => product::<PACKED, 1, 1>(job),
        }
    }
}

/// # Safety
/// As [`Primitives::tile`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn product<const PACKED: bool, const R: usize, const N: usize>(job: &Job<'_, f32>) {
    let step_a = if PACKED { R } else { job.step_a };
    let step_b = job.terms.step_b();
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    // SAFETY: the caller promised that every term of every row and column lies in the factors, and every row and
    // column in the output; a pointer moves past its last term, but is not read there.
    unsafe {
        match job.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for (sums, &bias) in sums.iter_mut().zip(bias) {
                    *sums = [_mm512_set1_ps(bias); N];
                }
            }
            Start::Output | Start::OutputAndBias(_) => {
                let bias = |row: usize| match job.start {
                    Start::OutputAndBias(bias) => bias[row],
                    _ => 0.0,
                };
                for (row, sums) in sums.iter_mut().enumerate() {
                    let bias = _mm512_set1_ps(bias(row));
                    for (sum, column) in sums.iter_mut().zip(job.out_columns) {
                        let held = _mm512_loadu_ps(job.out.add(row * job.out_row + column));
                        *sum = _mm512_add_ps(held, bias);
                    }
                }
            }
        }
        for run in job.terms.runs() {
            let (mut a, mut b) = (job.a.add(run.a * step_a), job.b.add(run.b));
            for _ in 0..run.len {
                let columns: [__m512; N] =
                    std::array::from_fn(|i| _mm512_loadu_ps(b.wrapping_add(job.columns[i])));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let at = if PACKED { row } else { job.rows[row] };
                    let factor = _mm512_set1_ps(*a.wrapping_add(at));
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = _mm512_fmadd_ps(factor, column, *sum);
                    }
                }
                (a, b) = (a.wrapping_add(step_a), b.wrapping_add(step_b));
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (&sum, column) in sums.iter().zip(job.out_columns) {
                let sum = if job.relu { rectified(sum) } else { sum };
                _mm512_storeu_ps(job.out.add(row * job.out_row + column), sum);
            }
        }
    }
}

/// `max(0, v)` that keeps a NaN, which `maxps` would not.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn rectified(v: __m512) -> __m512 {
    let zero = _mm512_setzero_ps();
    _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask::<_CMP_LT_OQ>(v, zero), zero)
}

shared::instances!(#[target_feature(enable = "avx512f")]);
