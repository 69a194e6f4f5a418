//! AMX: as [`super::avx512bf16`], and products of matrices of bf16 pairs in eight registers of a matrix each. Denormals
//! count as 0, as there.

mod available;
mod multiply;

use std::{
    arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_or_si512,
        _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
    },
    mem::MaybeUninit,
};

use super::{
    avx512,
    avx512bf16::{self, first, rounded, second},
};
use crate::isa::{
    Primitives,
    matrices::{BANDS, MATRIX, Matrices, Matrix, Product, SIDE, STRIP, ZEROS},
    tile::Start,
};
pub(in crate::isa) use available::available;
use multiply::multiply;

pub(in crate::isa) static AMX: Primitives = Primitives {
    name: "amx",
    matrices: Some(Matrices {
        pairs,
        sums,
        collect,
    }),
    ..avx512bf16::PRIMITIVES
};

/// Sums of all columns and bands: `[column][band]`.
type Sums = [MaybeUninit<Matrix>; STRIP * BANDS];

/// See [`Matrices::pairs`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn pairs(product: &Product<'_>, out: *mut u32) {
    let mut sums: Sums = [MaybeUninit::uninit(); STRIP * BANDS];
    // SAFETY: promised by the caller; the first function computes what the second reads.
    unsafe {
        multiply(product, &mut sums);
        finish_pairs(product, &sums, out);
    }
}

/// See [`Matrices::sums`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn sums(product: &Product<'_>, out: *mut f32) {
    let mut sums: Sums = [MaybeUninit::uninit(); STRIP * BANDS];
    // SAFETY: promised by the caller; the first function computes what the second reads.
    unsafe {
        multiply(product, &mut sums);
        finish_sums(product, &sums, out);
    }
}

/// Where row `row` of column `column` begins in the sums.
fn at(product: &Product<'_>, row: usize, column: usize) -> usize {
    (column * product.bands.len() + row / SIDE) * MATRIX + row % SIDE * SIDE
}

/// What a row begins with besides what the output holds.
fn bias(start: Start<'_>, row: usize) -> f32 {
    match start {
        Start::Bias(bias) | Start::OutputAndBias(bias) => bias[row],
        Start::Zero | Start::Output => 0.0,
    }
}

fn is_onto(start: Start<'_>) -> bool {
    matches!(start, Start::Output | Start::OutputAndBias(_))
}

/// What becomes of a sum, of a row with such a bias, whose place in the output holds `held`.
#[target_feature(enable = "avx512f")]
#[inline]
fn finished(product: &Product<'_>, sum: __m512, bias: __m512, held: Option<__m512>) -> __m512 {
    let sum = _mm512_add_ps(sum, bias);
    let sum = held.map_or(sum, |held| _mm512_add_ps(sum, held));
    if product.relu {
        avx512::rectified(sum)
    } else {
        sum
    }
}

/// What follows the sums, to pairs. Neighbouring columns, which are neighbours in the output too, come one after the
/// other.
///
/// # Safety
/// As [`Matrices::pairs`]; and the rows of every column and band of `sums` are there.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
unsafe fn finish_pairs(product: &Product<'_>, sums: &Sums, out: *mut u32) {
    let sums = sums.as_ptr().cast::<f32>();
    let onto = is_onto(product.start);
    for row in (0..product.rows).step_by(2) {
        let both = row + 1 < product.rows;
        let bias = |row: usize| _mm512_set1_ps(bias(product.start, row));
        let bias = [bias(row), if both { bias(row + 1) } else { bias(row) }];
        for (i, column) in product.out_columns.iter().enumerate() {
            let at = at(product, row, i);
            // SAFETY: the caller promised that the rows are in the sums and in the output; a second row is read only
            // where there is one.
            unsafe {
                let out = out.add(row / 2 * product.out_row + column);
                let held = onto.then(|| _mm512_loadu_si512(out.cast()));
                let sum = _mm512_loadu_ps(sums.add(at));
                let one = held.map(|held| first(held));
                let mut words = rounded(finished(product, sum, bias[0], one));
                if both {
                    let sum = _mm512_loadu_ps(sums.add(at + SIDE));
                    let other = held.map(|held| second(held));
                    let other = rounded(finished(product, sum, bias[1], other));
                    words = _mm512_or_si512(words, _mm512_slli_epi32::<16>(other));
                }
                _mm512_storeu_si512(out.cast(), words);
            }
        }
    }
}

/// The same to f32.
///
/// # Safety
/// As [`finish_pairs`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn finish_sums(product: &Product<'_>, sums: &Sums, out: *mut f32) {
    let sums = sums.as_ptr().cast::<f32>();
    let onto = is_onto(product.start);
    for row in 0..product.rows {
        let bias = _mm512_set1_ps(bias(product.start, row));
        for (i, column) in product.out_columns.iter().enumerate() {
            // SAFETY: the caller promised that the rows are in the sums and in the output.
            unsafe {
                let out = out.add(row * product.out_row + column);
                let held = onto.then(|| _mm512_loadu_ps(out));
                let sum = _mm512_loadu_ps(sums.add(at(product, row, i)));
                _mm512_storeu_ps(out, finished(product, sum, bias, held));
            }
        }
    }
}

/// See [`Matrices::collect`].
#[target_feature(enable = "avx512f")]
unsafe fn collect(b: &[u32], columns: &[usize], rows: &[usize], out: &mut [Matrix]) {
    let rows = rows.as_chunks::<SIDE>().0;
    for (&column, out) in columns.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
        for (Matrix(out), rows) in out.iter_mut().zip(rows) {
            for (out, &row) in out.iter_mut().zip(rows) {
                // Each in its place: one assignment of either would go over the stack.
                match row {
                    ZEROS => out.fill(0),
                    row => out.copy_from_slice(&b[column + row..][..SIDE]),
                }
            }
        }
    }
}
