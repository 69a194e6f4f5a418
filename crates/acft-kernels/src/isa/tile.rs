//! What a tile of a product multiplies, and where it goes.

use crate::lanes::LANES;

/// Rows of the largest tile.
pub(crate) const ROWS: usize = 8;
/// Columns of the largest tile, each a vector of [`LANES`] elements.
pub(crate) const COLUMNS: usize = 3;

/// Terms of a sum that are evenly spaced in both factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first term in the left factor, in steps of it.
    pub(crate) a: usize,
    /// The first element of the first term's vector in the right factor, relative to the column.
    pub(crate) b: usize,
    /// Number of terms.
    pub(crate) len: usize,
}

/// The terms of a sum.
///
/// Fields are private: `reach_a` and `reach_b` are what the bounds of an access are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    runs: Vec<Run>,
    step_b: usize,
    reach_a: usize,
    reach_b: usize,
}

impl Terms {
    /// Runs whose terms are `step_b` elements apart in the right factor.
    pub(crate) fn new(step_b: usize, mut runs: Vec<Run>) -> Self {
        runs.retain(|run| run.len > 0);
        let reach = |end: &dyn Fn(&Run) -> usize| runs.iter().map(end).max().unwrap_or(0);
        Self {
            reach_a: reach(&|run| run.a + run.len),
            reach_b: reach(&|run| run.b + (run.len - 1) * step_b + LANES),
            runs,
            step_b,
        }
    }

    /// `len` terms from the start on.
    pub(crate) fn first(step_b: usize, len: usize) -> Self {
        Self::new(step_b, vec![Run { a: 0, b: 0, len }])
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Distance between neighbouring terms of the right factor.
    pub(crate) fn step_b(&self) -> usize {
        self.step_b
    }

    /// Steps of the left factor up to the end of the furthest run.
    pub(crate) fn reach_a(&self) -> usize {
        self.reach_a
    }

    /// Elements of the right factor, from the column on, up to the end of the furthest vector; 0 without runs.
    pub(crate) fn reach_b(&self) -> usize {
        self.reach_b
    }
}

/// How the left factor lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// `[term][rows]`: neighbouring terms are as far apart as there are rows.
    Packed,
    /// Row `r` begins at `rows[r]`, and its terms are `step` apart.
    Rows { rows: [usize; ROWS], step: usize },
}

/// What a tile begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// Zeros.
    Zero,
    /// A value a row.
    Bias(&'a [f32]),
    /// What the output holds.
    Output,
    /// What the output holds, and a value a row.
    OutputAndBias(&'a [f32]),
}

/// `out[row][column] = activation(start + Σ a[row][term] · b[term][column])`, where the factors are numbers, or pairs of
/// bf16 numbers: words, whose product is the sum of two.
pub(crate) struct Tile<'a, T> {
    /// 1, 2, 4 or 8.
    pub(crate) rows: usize,
    pub(crate) left: Left,
    pub(crate) a: &'a [T],
    pub(crate) b: &'a [T],
    /// The first element of each column, in `b`; 1 to [`COLUMNS`] of them.
    pub(crate) columns: &'a [usize],
    pub(crate) terms: &'a Terms,
    pub(crate) start: Start<'a>,
    pub(crate) relu: bool,
    /// Distance between the rows of the output, or between its pairs of rows.
    pub(crate) out_row: usize,
    /// The first element of each column in the first row of the output.
    pub(crate) out_columns: &'a [usize],
}

/// The same for the functions that trust it.
pub(crate) struct Job<'a, T> {
    pub(crate) a: *const T,
    pub(crate) b: *const T,
    pub(crate) rows: [usize; ROWS],
    pub(crate) step_a: usize,
    pub(crate) columns: [usize; COLUMNS],
    pub(crate) terms: &'a Terms,
    pub(crate) start: Start<'a>,
    pub(crate) relu: bool,
    /// As wide as the factors; where these are pairs, the words are pairs too, or sums.
    pub(crate) out: *mut T,
    pub(crate) out_row: usize,
    pub(crate) out_columns: [usize; COLUMNS],
}

impl<'a, T> Tile<'a, T> {
    /// Checks every access that the tile makes, and gives what the primitives take. `out_rows` is how many rows of the
    /// output it writes, which has `len` elements.
    ///
    /// # Panics
    /// An access would be out of bounds, or the tile has a size for which there is no code.
    #[inline]
    pub(super) fn job(&self, out: *mut T, len: usize, out_rows: usize) -> Job<'a, T> {
        let Self { rows, terms, .. } = *self;
        let (n, packed) = (self.columns.len(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(
            matches!(rows, 1 | 2 | 4 | 8)
                && (1..=COLUMNS).contains(&n)
                && self.out_columns.len() == n,
            "a tile of a size that there is no code for"
        );
        let (left, step_a) = match self.left {
            Left::Packed => (packed, rows),
            Left::Rows { rows, step } => (rows, step),
        };
        let furthest = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        if terms.reach_a() > 0 {
            let last = furthest(&left[..rows]) + (terms.reach_a() - 1) * step_a;
            assert!(last < self.a.len(), "a tile reaches beyond its left factor");
            assert!(
                furthest(self.columns) + terms.reach_b() <= self.b.len(),
                "a tile reaches beyond its right factor"
            );
        }
        assert!(
            (out_rows - 1) * self.out_row + furthest(self.out_columns) + LANES <= len,
            "a tile reaches beyond its output"
        );
        if let Start::Bias(bias) | Start::OutputAndBias(bias) = self.start {
            assert!(bias.len() >= rows, "a tile has more rows than biases");
        }
        let offsets = |from: &[usize]| {
            let mut to = [0; COLUMNS];
            to[..n].copy_from_slice(from);
            to
        };
        Job {
            a: self.a.as_ptr(),
            b: self.b.as_ptr(),
            rows: left,
            step_a,
            columns: offsets(self.columns),
            terms,
            start: self.start,
            relu: self.relu,
            out,
            out_row: self.out_row,
            out_columns: offsets(self.out_columns),
        }
    }
}
