//! Tiles of products of bf16 numbers that lie in pairs: a word holds the same element of two neighbouring channels,
//! the first in its lower half, so that one term of a sum is two products.

use super::tile::{COLUMNS, ROWS, Start, Terms};
use crate::lanes::LANES;

/// `out[row][column] = activation(start + Σ a[row][term] · b[term][column])`, where each product is that of two pairs,
/// summed in f32.
pub(crate) struct PairTile<'a> {
    /// 1, 2, 4 or 8.
    pub(crate) rows: usize,
    /// `[term][rows]`.
    pub(crate) a: &'a [u32],
    pub(crate) b: &'a [u32],
    /// The first word of each column, in `b`; 1 to [`COLUMNS`] of them.
    pub(crate) columns: &'a [usize],
    /// Over pairs.
    pub(crate) terms: &'a Terms,
    pub(crate) start: Start<'a>,
    pub(crate) relu: bool,
    /// Distance between the rows of the output, or between its pairs of rows.
    pub(crate) out_row: usize,
    /// The first element of each column in the first row of the output.
    pub(crate) out_columns: &'a [usize],
}

/// The same for the functions that trust it.
pub(crate) struct PairJob<'a> {
    pub(crate) a: *const u32,
    pub(crate) b: *const u32,
    pub(crate) columns: [usize; COLUMNS],
    pub(crate) terms: &'a Terms,
    pub(crate) start: Start<'a>,
    pub(crate) relu: bool,
    /// Words that hold f32 numbers, or pairs.
    pub(crate) out: *mut u32,
    pub(crate) out_row: usize,
    pub(crate) out_columns: [usize; COLUMNS],
}

impl<'a> PairTile<'a> {
    /// Checks every access that the tile makes, and gives what the primitives take. `out_rows` is how many rows of the
    /// output it writes, of `len` words.
    ///
    /// # Panics
    /// An access would be out of bounds, or the tile has a size for which there is no code.
    #[inline]
    pub(super) fn job(&self, out: *mut u32, len: usize, out_rows: usize) -> PairJob<'a> {
        let Self { rows, terms, .. } = *self;
        let n = self.columns.len();
        assert!(
            matches!(rows, 1 | 2 | 4 | 8)
                && (1..=COLUMNS).contains(&n)
                && self.out_columns.len() == n,
            "a tile of a size that there is no code for"
        );
        let furthest = |offsets: &[usize]| offsets.iter().copied().max().unwrap_or(0);
        if terms.reach_a() > 0 {
            assert!(
                terms.reach_a() * rows <= self.a.len(),
                "a tile reaches beyond its left factor"
            );
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
        PairJob {
            a: self.a.as_ptr(),
            b: self.b.as_ptr(),
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

/// The nearest bf16 number, of two the even one; a NaN stays one.
#[inline(always)]
pub(crate) fn round(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    // Rounding could carry a NaN's payload into infinity.
    let quiet = (bits >> 16) | 0x40;
    if value.is_nan() { quiet } else { rounded }
}

/// Two numbers as a pair.
#[inline(always)]
pub(crate) fn pair(first: f32, second: f32) -> u32 {
    round(first) | (round(second) << 16)
}

/// The first of a pair.
#[inline(always)]
pub(crate) fn first(word: u32) -> f32 {
    f32::from_bits(word << 16)
}

/// The second of a pair.
#[inline(always)]
pub(crate) fn second(word: u32) -> f32 {
    f32::from_bits(word & 0xffff_0000)
}

/// A tile by plain loops, where the processor has no products of pairs: a column and two rows at a time.
///
/// # Safety
/// Every access of the job lies within its slices, and nobody else reads or writes the output.
#[inline(always)]
pub(super) unsafe fn tile<const PAIRS: bool>(rows: usize, columns: usize, job: &PairJob<'_>) {
    for column in 0..columns {
        for row in (0..rows).step_by(2) {
            // SAFETY: promised by the caller.
            unsafe { two_rows::<PAIRS>(rows, row, column, job) }
        }
    }
}

/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn two_rows<const PAIRS: bool>(rows: usize, row: usize, column: usize, job: &PairJob<'_>) {
    let both = row + 1 < rows;
    let bias = |bias: &[f32]| [bias[row], if both { bias[row + 1] } else { 0.0 }];
    // SAFETY: promised by the caller; a second row is neither read nor written where there is none.
    unsafe {
        let at = if PAIRS { row / 2 } else { row };
        let out = job.out.add(at * job.out_row + job.out_columns[column]);
        let held = |of: usize| -> [f32; LANES] {
            match (PAIRS, of) {
                (true, _) => {
                    let words = *out.cast::<[u32; LANES]>();
                    words.map(if of == 0 { first } else { second })
                }
                (false, 1) if !both => [0.0; LANES],
                _ => (*out.add(of * job.out_row).cast::<[u32; LANES]>()).map(f32::from_bits),
            }
        };
        let mut sums = match job.start {
            Start::Zero => [[0.0; LANES]; 2],
            Start::Bias(of) => bias(of).map(|bias| [bias; LANES]),
            Start::Output => [held(0), held(1)],
            Start::OutputAndBias(of) => {
                let bias = bias(of);
                [
                    held(0).map(|held| held + bias[0]),
                    held(1).map(|held| held + bias[1]),
                ]
            }
        };
        for run in job.terms.runs() {
            for term in 0..run.len {
                let a = job.a.add((run.a + term) * rows + row);
                let a = [*a, if both { *a.add(1) } else { 0 }];
                let b = run.b + term * job.terms.step_b() + job.columns[column];
                let b = &*job.b.add(b).cast::<[u32; LANES]>();
                for (sums, a) in sums.iter_mut().zip(a) {
                    for (sum, &b) in sums.iter_mut().zip(b) {
                        *sum += first(a) * first(b);
                        *sum += second(a) * second(b);
                    }
                }
            }
        }
        if job.relu {
            // `max` would turn a NaN into 0.
            for sum in sums.as_flattened_mut() {
                *sum = if *sum < 0.0 { 0.0 } else { *sum };
            }
        }
        if PAIRS {
            let second = if both { sums[1] } else { [0.0; LANES] };
            let words = std::array::from_fn(|lane| pair(sums[0][lane], second[lane]));
            *out.cast::<[u32; LANES]>() = words;
        } else {
            for (of, sums) in sums.iter().enumerate().take(1 + usize::from(both)) {
                *out.add(of * job.out_row).cast::<[u32; LANES]>() = sums.map(f32::to_bits);
            }
        }
    }
}

/// f32 to pairs: planes of the first and of the second channel.
#[inline(always)]
pub(super) fn join(one: &[f32], other: &[f32], out: &mut [u32]) {
    for ((out, &one), &other) in out.iter_mut().zip(one).zip(other) {
        *out = pair(one, other);
    }
}

const _: () = assert!(ROWS.is_multiple_of(2), "rows are written in pairs");
