//! Products of pairs by matrices of 16 × 16 words, on processors that multiply these: what such a product multiplies,
//! and where it goes.

use super::{Isa, tile::Start};
use crate::lanes::LANES;

/// Rows of a matrix, and words of each of them: pairs of the left factor, columns of the right one.
pub(crate) const SIDE: usize = LANES;
/// Words of a matrix.
pub(crate) const MATRIX: usize = SIDE * SIDE;
/// Matrices of rows that are multiplied together.
pub(crate) const BANDS: usize = 2;
/// Columns that are multiplied together, each a vector of [`LANES`] elements.
pub(crate) const STRIP: usize = 16;
/// In a list of rows: one of zeros.
pub(crate) const ZEROS: usize = usize::MAX;

/// A matrix that begins with a cache line: matrices that do not take several times as long to load.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Matrix(pub(crate) [[u32; SIDE]; SIDE]);

impl Matrix {
    /// All words, a matrix after the other.
    pub(crate) fn words(matrices: &[Self]) -> &[u32] {
        // SAFETY: a matrix is `MATRIX` words without anything between or after them.
        unsafe { std::slice::from_raw_parts(matrices.as_ptr().cast(), matrices.len() * MATRIX) }
    }
}

const _: () = assert!(size_of::<Matrix>() == MATRIX * size_of::<u32>());

/// Neighbouring terms of a sum, multiplied at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Slab {
    /// Where the terms begin in the left factor, relative to a row.
    pub(crate) a: usize,
    /// Where the first of them begins in the right factor, relative to a column.
    pub(crate) b: usize,
}

/// The terms of a sum. The left factor's are neighbours.
///
/// Fields are private: `reach_a` and `reach_b` are what the bounds of an access are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slabs {
    whole: Vec<Slab>,
    half: Vec<Slab>,
    step_b: usize,
    reach_a: usize,
    reach_b: usize,
}

impl Slabs {
    /// Slabs of [`SIDE`] terms, and of half as many, that are `step_b` words apart in the right factor.
    pub(crate) fn new(step_b: usize, whole: Vec<Slab>, half: Vec<Slab>) -> Self {
        let slabs = || {
            let whole = whole.iter().map(|slab| (slab, SIDE));
            whole.chain(half.iter().map(|slab| (slab, SIDE / 2)))
        };
        let reach_a = slabs().map(|(slab, terms)| slab.a + terms).max();
        let reach_b = slabs().map(|(slab, terms)| slab.b + (terms - 1) * step_b + LANES);
        Self {
            reach_a: reach_a.unwrap_or(0),
            reach_b: reach_b.max().unwrap_or(0),
            whole,
            half,
            step_b,
        }
    }

    /// Where the slabs begin in the left factor.
    pub(crate) fn lefts(&self) -> impl Iterator<Item = usize> {
        self.whole.iter().chain(&self.half).map(|slab| slab.a)
    }

    /// The same slabs of another left factor, where they begin at `lefts`.
    pub(crate) fn with_lefts(&self, lefts: impl Iterator<Item = usize>) -> Self {
        let slabs = self.whole.iter().chain(&self.half).zip(lefts);
        let mut whole: Vec<_> = slabs.map(|(&Slab { b, .. }, a)| Slab { a, b }).collect();
        let half = whole.split_off(self.whole.len());
        Self::new(self.step_b, whole, half)
    }

    pub(super) fn whole(&self) -> &[Slab] {
        &self.whole
    }

    pub(super) fn half(&self) -> &[Slab] {
        &self.half
    }

    /// Distance between neighbouring terms of the right factor.
    pub(super) fn step_b(&self) -> usize {
        self.step_b
    }
}

/// `out[row][column] = activation(start + Σ a[row][term] · b[term][column])` of pairs.
pub(crate) struct Product<'a> {
    /// At most [`BANDS`] × [`SIDE`].
    pub(crate) rows: usize,
    pub(crate) a: &'a [u32],
    /// The first word of every [`SIDE`] rows. Where there are two such bands, both are read to their last row.
    pub(crate) bands: &'a [usize],
    /// Distance between the rows of a band.
    pub(crate) row_a: usize,
    pub(crate) b: &'a [u32],
    /// The first word of each column, in `b`; 1 to [`STRIP`] of them.
    pub(crate) columns: &'a [usize],
    pub(crate) slabs: &'a Slabs,
    pub(crate) start: Start<'a>,
    pub(crate) relu: bool,
    /// Distance between the rows of the output, or between its pairs of rows.
    pub(crate) out_row: usize,
    /// The first element of each column in the first row of the output.
    pub(crate) out_columns: &'a [usize],
}

impl Product<'_> {
    /// Checks every access that the product makes; `out_rows` is how many rows of the output it writes, which has `len`
    /// elements.
    ///
    /// # Panics
    /// An access would be out of bounds, or the product has a size for which there is no code.
    pub(super) fn check(&self, len: usize, out_rows: usize) {
        let Self { rows, slabs, .. } = *self;
        let (bands, columns) = (self.bands.len(), self.columns.len());
        assert!(
            (1..=BANDS).contains(&bands)
                && rows.div_ceil(SIDE) == bands
                && (1..=STRIP).contains(&columns)
                && self.out_columns.len() == columns,
            "a product of a size that there is no code for"
        );
        let furthest = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        if slabs.reach_a > 0 {
            let read = if bands == 1 { rows } else { SIDE };
            assert!(
                furthest(self.bands) + (read - 1) * self.row_a + slabs.reach_a <= self.a.len(),
                "a product reaches beyond its left factor"
            );
            assert!(
                furthest(self.columns) + slabs.reach_b <= self.b.len(),
                "a product reaches beyond its right factor"
            );
        }
        assert!(
            (out_rows - 1) * self.out_row + furthest(self.out_columns) + LANES <= len,
            "a product reaches beyond its output"
        );
        if let Start::Bias(bias) | Start::OutputAndBias(bias) = self.start {
            assert!(bias.len() >= rows, "a product has more rows than biases");
        }
    }
}

/// Products of whole matrices.
pub(super) struct Matrices {
    /// A product whose rows become pairs. Trusts the product, and that the output is as large as it says.
    pub(super) pairs: unsafe fn(product: &Product<'_>, out: *mut u32),
    /// A product whose rows stay sums. Trusts the product, and that the output is as large as it says.
    pub(super) sums: unsafe fn(product: &Product<'_>, out: *mut f32),
    /// Rows from all over to matrices. Checks its slices itself.
    pub(super) collect: Collect,
}

/// See [`Isa::collect`].
type Collect = unsafe fn(b: &[u32], columns: &[usize], rows: &[usize], out: &mut [Matrix]);

impl Isa {
    /// Whether the processor multiplies whole matrices of pairs.
    pub(crate) fn has_matrices(self) -> bool {
        self.0.matrices.is_some()
    }

    /// Computes a product of matrices of pairs; two of its rows become one of pairs. The last, where it has no partner,
    /// gets 0 for one. Panics where there are no such products.
    #[inline]
    pub(crate) fn matrix_pairs(self, product: &Product<'_>, out: &mut [u32]) {
        product.check(out.len(), product.rows.div_ceil(2));
        // SAFETY: the features are there (see the module above), and every access was checked.
        unsafe { (self.matrices().pairs)(product, out.as_mut_ptr()) }
    }

    /// Computes a product of matrices of pairs, as sums. Panics where there are no such products.
    #[inline]
    pub(crate) fn matrix_sums(self, product: &Product<'_>, out: &mut [f32]) {
        product.check(out.len(), product.rows);
        // SAFETY: the features are there (see the module above), and every access was checked.
        unsafe { (self.matrices().sums)(product, out.as_mut_ptr()) }
    }

    /// The rows of a right factor as matrices, `[column][row / SIDE]`: a row begins in `b` so many words after its
    /// column, or is one of [`ZEROS`]. Panics where there are no products of matrices, or a row is beyond `b`.
    #[inline]
    pub(crate) fn collect(self, b: &[u32], columns: &[usize], rows: &[usize], out: &mut [Matrix]) {
        // SAFETY: the features are there (see the module above); the function indexes its slices with checks.
        unsafe { (self.matrices().collect)(b, columns, rows, out) }
    }

    fn matrices(self) -> &'static Matrices {
        let matrices = self.0.matrices.as_ref();
        matrices.expect("the instruction set has products of matrices")
    }
}
