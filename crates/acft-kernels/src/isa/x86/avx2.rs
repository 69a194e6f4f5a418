//! AVX2 with FMA: a column is two vectors, and four rows of it are summed at a time.

use std::arch::x86_64::{
    __m256, _CMP_LT_OQ, _mm256_add_ps, _mm256_andnot_ps, _mm256_cmp_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::transpose;
use crate::{
    isa::{
        Primitives, Vectors, shared,
        tile::{Job, Left, Start},
    },
    lanes::LANES,
};

/// Elements of a vector.
const HALF: usize = LANES / 2;

pub(in crate::isa) static AVX2: Primitives = Primitives {
    name: "avx2",
    vectors: Vectors::Avx2,
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
#[target_feature(enable = "avx2,fma")]
unsafe fn tile(rows: usize, columns: usize, _: Left, job: &Job<'_, f32>) {
    for column in 0..columns {
        // SAFETY: promised by the caller; the rows that are summed are rows of the tile.
        unsafe {
            match rows {
                8 => {
                    product::<4>(job, 0, column);
                    product::<4>(job, 4, column);
                }
                4 => product::<4>(job, 0, column),
                2 => product::<2>(job, 0, column),
                _ => product::<1>(job, 0, column),
            }
        }
    }
}

/// `R` rows from `first` on of one column.
///
/// # Safety
/// As [`Primitives::tile`], for rows and columns that the tile has.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn product<const R: usize>(job: &Job<'_, f32>, first: usize, column: usize) {
    let step_b = job.terms.step_b();
    let rows: [usize; R] = std::array::from_fn(|row| job.rows[first + row]);
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    // SAFETY: the caller promised that every term of every row and column lies in the factors, and every row and
    // column in the output; a pointer moves past its last term, but is not read there.
    unsafe {
        let out = job.out.add(first * job.out_row + job.out_columns[column]);
        match job.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for (sums, &bias) in sums.iter_mut().zip(&bias[first..]) {
                    *sums = [_mm256_set1_ps(bias); 2];
                }
            }
            Start::Output | Start::OutputAndBias(_) => {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let bias = match job.start {
                        Start::OutputAndBias(bias) => bias[first + row],
                        _ => 0.0,
                    };
                    let held = pair(out.add(row * job.out_row));
                    *sums = held.map(|held| _mm256_add_ps(held, _mm256_set1_ps(bias)));
                }
            }
        }
        for run in job.terms.runs() {
            let (mut a, mut b) = (
                job.a.add(run.a * job.step_a),
                job.b.add(run.b + job.columns[column]),
            );
            for _ in 0..run.len {
                let [low, high] = pair(b);
                for (sums, &row) in sums.iter_mut().zip(&rows) {
                    let factor = _mm256_set1_ps(*a.wrapping_add(row));
                    sums[0] = _mm256_fmadd_ps(factor, low, sums[0]);
                    sums[1] = _mm256_fmadd_ps(factor, high, sums[1]);
                }
                (a, b) = (a.wrapping_add(job.step_a), b.wrapping_add(step_b));
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (half, &sum) in sums.iter().enumerate() {
                let sum = if job.relu { rectified(sum) } else { sum };
                _mm256_storeu_ps(out.add(row * job.out_row + half * HALF), sum);
            }
        }
    }
}

/// # Safety
/// [`LANES`] elements must be readable.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn pair(from: *const f32) -> [__m256; 2] {
    // SAFETY: promised by the caller.
    unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(HALF))] }
}

/// `max(0, v)` that keeps a NaN, which `maxps` would not.
#[target_feature(enable = "avx2")]
#[inline]
fn rectified(v: __m256) -> __m256 {
    _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(v, _mm256_setzero_ps()), v)
}

shared::instances!(#[target_feature(enable = "avx2,fma")]);
