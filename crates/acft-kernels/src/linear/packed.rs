//! Products of two matrices that are copied first, into the order in which tiles read them.
//!
//! Rows of some thousand elements lie at multiples of 4096 bytes, or nearly: read in place, the terms of a tile would all
//! want the same few lines of the cache.

use std::ops::Range;

use rayon::prelude::*;

use super::panels;
use crate::{
    isa::{COLUMNS, Isa, Left, ROWS, Start, Terms, Tile},
    lanes::LANES,
    scratch,
};

/// Columns of a panel of the right factor.
pub(super) const WIDTH: usize = COLUMNS * LANES;
/// Terms that are worked on at once: a panel of them, of the right factor, stays in the first-level cache.
const DEPTH: usize = 128;

/// The ranges of a sum's terms that are worked on one after the other.
pub(super) fn depths(terms: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = terms.div_ceil(DEPTH).max(1);
    (0..parts).map(move |i| i * terms / parts..(i + 1) * terms / parts)
}

/// The left factor, as `[panel][term][row]`; the panels are those of [`panels`].
pub(super) struct LeftFactor<'a> {
    values: &'a [f32],
    terms: usize,
}

impl<'a> LeftFactor<'a> {
    /// Copies `rows` × `terms` elements of `a`, which are `steps` apart.
    pub(super) fn new(
        a: &[f32],
        [rows, terms]: [usize; 2],
        steps: [usize; 2],
        buffer: &'a mut Vec<f32>,
    ) -> Self {
        let values = scratch::reserve(buffer, rows * terms);
        values
            .par_chunks_mut((ROWS * terms).max(1))
            .enumerate()
            .for_each(|(i, values)| {
                // Of the last rows, there may be several panels.
                for (first, height) in panels(values.len() / terms) {
                    let to = values[first * terms..][..height * terms].chunks_exact_mut(height);
                    for (term, to) in to.enumerate() {
                        let from = &a[(i * ROWS + first) * steps[0] + term * steps[1]..];
                        let from = from.iter().step_by(steps[0]);
                        to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
                    }
                }
            });
        Self { values, terms }
    }

    /// Rows `rows`, which begin with a panel, times `right`, to the upper left of `out`, whose rows are `out_row`
    /// apart: in place of what is there if the terms are the first, or else in addition.
    pub(super) fn times(
        &self,
        isa: Isa,
        rows: Range<usize>,
        right: &RightFactor<'_>,
        out: &mut [f32],
        out_row: usize,
    ) {
        let depth = right.terms.len();
        let terms = Terms::first(WIDTH, depth);
        let start = match right.terms.start {
            0 => Start::Zero,
            _ => Start::Output,
        };
        let rows: Vec<_> = panels(rows.len())
            .map(|(first, height)| (first, height, rows.start + first))
            .collect();
        for (panel, values) in right.values.chunks_exact(depth * WIDTH).enumerate() {
            let width = WIDTH.min(right.columns - panel * WIDTH);
            for &(first, height, row) in &rows {
                let tile = |vectors: Range<usize>, out: &mut [f32], out_row| {
                    isa.tile(
                        &Tile {
                            rows: height,
                            left: Left::Packed,
                            a: &self.values[row * self.terms + right.terms.start * height..],
                            b: values,
                            columns: &OFFSETS[vectors.clone()],
                            terms: &terms,
                            start,
                            relu: false,
                            out_row,
                            out_columns: &OFFSETS[..vectors.len()],
                        },
                        out,
                    );
                };
                let out = &mut out[first * out_row + panel * WIDTH..];
                let whole = width / LANES;
                if whole > 0 {
                    tile(0..whole, out, out_row);
                }
                // A vector must not reach beyond a row.
                let (at, rest) = (whole * LANES, width % LANES);
                if rest > 0 {
                    let mut edge = [0.0; ROWS * LANES];
                    let of_out = |row: usize| row * out_row + at..row * out_row + at + rest;
                    let of_edge = |row: usize| row * LANES..row * LANES + rest;
                    for row in 0..height {
                        edge[of_edge(row)].copy_from_slice(&out[of_out(row)]);
                    }
                    tile(whole..whole + 1, &mut edge, LANES);
                    for row in 0..height {
                        out[of_out(row)].copy_from_slice(&edge[of_edge(row)]);
                    }
                }
            }
        }
    }
}

/// Where the vectors of a panel begin.
const OFFSETS: [usize; COLUMNS] = [0, LANES, 2 * LANES];

/// Some terms and columns of the right factor, as `[panel][term][WIDTH]`.
pub(super) struct RightFactor<'a> {
    values: &'a [f32],
    terms: Range<usize>,
    columns: usize,
}

impl<'a> RightFactor<'a> {
    /// Copies them from `b`, whose terms are rows of `row` elements.
    pub(super) fn new(
        b: &[f32],
        row: usize,
        terms: Range<usize>,
        columns: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> Self {
        let values = Self::room(&terms, &columns, buffer);
        for (i, term) in terms.clone().enumerate() {
            let from = b[term * row..][columns.clone()].chunks(WIDTH);
            for (panel, from) in from.enumerate() {
                let at = (panel * terms.len() + i) * WIDTH;
                copy(from, &mut values[at..at + WIDTH]);
            }
        }
        Self {
            values,
            terms,
            columns: columns.len(),
        }
    }

    /// The same by all threads, of all columns.
    pub(super) fn whole(
        b: &[f32],
        row: usize,
        terms: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> Self {
        let values = Self::room(&terms, &(0..row), buffer);
        values
            .par_chunks_exact_mut(terms.len() * WIDTH)
            .enumerate()
            .for_each(|(panel, values)| {
                let columns = panel * WIDTH..row.min((panel + 1) * WIDTH);
                for (to, term) in values.chunks_exact_mut(WIDTH).zip(terms.clone()) {
                    copy(&b[term * row..][columns.clone()], to);
                }
            });
        Self {
            values,
            terms,
            columns: row,
        }
    }

    fn room<'b>(
        terms: &Range<usize>,
        columns: &Range<usize>,
        buffer: &'b mut Vec<f32>,
    ) -> &'b mut [f32] {
        scratch::reserve(buffer, columns.len().div_ceil(WIDTH) * terms.len() * WIDTH)
    }
}

/// Part of a row to a row of a panel, whose rest becomes 0.
fn copy(from: &[f32], to: &mut [f32]) {
    let (values, rest) = to.split_at_mut(from.len());
    values.copy_from_slice(from);
    rest.fill(0.0);
}
