//! AVX-512 with products of bf16 pairs: as [`super::avx512`], and tiles of pairs at twice the products an instruction.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_and_si512,
    _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_or_si512, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
};
use std::mem::transmute;

use super::avx512;
use crate::isa::{
    Primitives,
    tile::{Job, Left, Start},
};

pub(in crate::isa) static AVX512BF16: Primitives = PRIMITIVES;

pub(super) const PRIMITIVES: Primitives = Primitives {
    name: "avx512bf16",
    pair_tile,
    pair_sums,
    ..avx512::PRIMITIVES
};

/// See [`Primitives::pair_tile`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pair_tile(rows: usize, columns: usize, left: Left, job: &Job<'_, u32>) {
    // SAFETY: promised by the caller.
    unsafe {
        match left {
            Left::Packed => sized::<true, true>(rows, columns, job),
            Left::Rows { .. } => sized::<true, false>(rows, columns, job),
        }
    }
}

/// See [`Primitives::pair_sums`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pair_sums(rows: usize, columns: usize, left: Left, job: &Job<'_, u32>) {
    // SAFETY: promised by the caller.
    unsafe {
        match left {
            Left::Packed => sized::<false, true>(rows, columns, job),
            Left::Rows { .. } => sized::<false, false>(rows, columns, job),
        }
    }
}

/// # Safety
/// As [`Primitives::pair_tile`].
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
unsafe fn sized<const PAIRS: bool, const PACKED: bool>(
    rows: usize,
    columns: usize,
    job: &Job<'_, u32>,
) {
    // SAFETY: promised by the caller.
    unsafe {
        match (rows, columns) {
            (8, 3) => product::<PAIRS, PACKED, 8, 3>(job),
            (8, 2) => product::<PAIRS, PACKED, 8, 2>(job),
            (8, _) => product::<PAIRS, PACKED, 8, 1>(job),
            (4, 3) => product::<PAIRS, PACKED, 4, 3>(job),
            (4, 2) => product::<PAIRS, PACKED, 4, 2>(job),
            (4, _) => product::<PAIRS, PACKED, 4, 1>(job),
            (2, 3) => product::<PAIRS, PACKED, 2, 3>(job),
            (2, 2) => product::<PAIRS, PACKED, 2, 2>(job),
            (2, _) => product::<PAIRS, PACKED, 2, 1>(job),
            (_, 3) => product::<PAIRS, PACKED, 1, 3>(job),
            (_, 2) => product::<PAIRS, PACKED, 1, 2>(job),
            _ => product::<PAIRS, PACKED, 1, 1>(job),
        }
    }
}

/// # Safety
/// As [`Primitives::pair_tile`].
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
unsafe fn product<const PAIRS: bool, const PACKED: bool, const R: usize, const N: usize>(
    job: &Job<'_, u32>,
) {
    let step_a = if PACKED { R } else { job.step_a };
    let step_b = job.terms.step_b();
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    // SAFETY: the caller promised that every term of every row and column lies in the factors, and every row and
    // column in the output; a pointer moves past its last term, but is not read there. Vectors of words and of
    // pairs are the same bits.
    unsafe {
        let held = |row: usize, column: usize| -> __m512 {
            if !PAIRS {
                return _mm512_loadu_ps(job.out.add(row * job.out_row + column).cast());
            }
            let words = _mm512_loadu_si512(job.out.add(row / 2 * job.out_row + column).cast());
            if row.is_multiple_of(2) {
                first(words)
            } else {
                second(words)
            }
        };
        match job.start {
            Start::Zero => {}
            Start::Bias(bias) => {
                for (sums, &bias) in sums.iter_mut().zip(bias) {
                    *sums = [_mm512_set1_ps(bias); N];
                }
            }
            Start::Output | Start::OutputAndBias(_) => {
                for (row, sums) in sums.iter_mut().enumerate() {
                    let bias = match job.start {
                        Start::OutputAndBias(bias) => bias[row],
                        _ => 0.0,
                    };
                    for (sum, &column) in sums.iter_mut().zip(&job.out_columns) {
                        *sum = _mm512_add_ps(held(row, column), _mm512_set1_ps(bias));
                    }
                }
            }
        }
        for run in job.terms.runs() {
            let (mut a, mut b) = (job.a.add(run.a * step_a), job.b.add(run.b));
            for _ in 0..run.len {
                let columns: [__m512bh; N] = std::array::from_fn(|i| {
                    let words = _mm512_loadu_si512(b.wrapping_add(job.columns[i]).cast());
                    transmute::<__m512i, __m512bh>(words)
                });
                for (row, sums) in sums.iter_mut().enumerate() {
                    let at = if PACKED { row } else { job.rows[row] };
                    let factor = _mm512_set1_epi32((*a.wrapping_add(at)).cast_signed());
                    let factor = transmute::<__m512i, __m512bh>(factor);
                    for (sum, &column) in sums.iter_mut().zip(&columns) {
                        *sum = _mm512_dpbf16_ps(*sum, factor, column);
                    }
                }
                (a, b) = (a.wrapping_add(step_a), b.wrapping_add(step_b));
            }
        }
        if job.relu {
            for sum in sums.as_flattened_mut() {
                *sum = avx512::rectified(*sum);
            }
        }
        if !PAIRS {
            for (row, sums) in sums.iter().enumerate() {
                for (&sum, column) in sums.iter().zip(job.out_columns) {
                    _mm512_storeu_ps(job.out.add(row * job.out_row + column).cast(), sum);
                }
            }
            return;
        }
        for row in (0..R).step_by(2) {
            for (i, column) in job.out_columns.iter().enumerate().take(N) {
                let one = rounded(sums[row][i]);
                let word = if row + 1 < R {
                    let other = rounded(sums[row + 1][i]);
                    _mm512_or_si512(one, _mm512_slli_epi32::<16>(other))
                } else {
                    one
                };
                let out = job.out.add(row / 2 * job.out_row + column);
                _mm512_storeu_si512(out.cast(), word);
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn first(words: __m512i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn second(words: __m512i) -> __m512 {
    let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    _mm512_castsi512_ps(_mm512_and_si512(words, upper))
}

/// Each sum as a bf16 number in the lower half of a word.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
pub(super) fn rounded(sums: __m512) -> __m512i {
    // SAFETY: both are sixteen numbers of sixteen bits.
    let halves = unsafe { transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(sums)) };
    _mm512_cvtepu16_epi32(halves)
}
