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
pub(super) const DEPTH: usize = 128;

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
    /// apart: in place of what is there if the terms are the first, or else in addition. A panel meets so many panels of
    /// the right factor, `together`, before the next one does.
    pub(super) fn times(
        &self,
        isa: Isa,
        rows: Range<usize>,
        (right, together): (&RightFactor<'_>, usize),
        out: &mut [f32],
        out_row: usize,
    ) {
        for some in right.panels(together) {
            for (first, height) in panels(rows.len()) {
                for panel in some.clone() {
                    let row = (rows.start + first, height);
                    let out = &mut out[first * out_row + panel * WIDTH..];
                    self.meet(isa, row, (right, panel), out, out_row);
                }
            }
        }
    }

    /// The panel of `height` rows from `row` on, times one of `right`.
    fn meet(
        &self,
        isa: Isa,
        (row, height): (usize, usize),
        (right, panel): (&RightFactor<'_>, usize),
        out: &mut [f32],
        out_row: usize,
    ) {
        let width = WIDTH.min(right.columns - panel * WIDTH);
        let size = right.depth.len() * WIDTH;
        let tile = |vectors: Range<usize>, out: &mut [f32], out_row| {
            let tile = Tile {
                rows: height,
                left: Left::Packed,
                a: &self.values[row * self.terms + right.depth.start * height..],
                b: &right.values[panel * size..][..size],
                columns: &OFFSETS[vectors.clone()],
                terms: &right.terms,
                start: match right.depth.start {
                    0 => Start::Zero,
                    _ => Start::Output,
                },
                relu: false,
                out_row,
                out_columns: &OFFSETS[..vectors.len()],
            };
            isa.tile(&tile, out);
        };
        let (whole, rest) = (width / LANES, width % LANES);
        if whole > 0 {
            tile(0..whole, out, out_row);
        }
        if rest > 0 {
            // A vector must not reach beyond a row.
            let mut edge = [0.0; ROWS * LANES];
            let of_edge = |row: usize| row * LANES..row * LANES + rest;
            let of_out = |row: usize| {
                let first = row * out_row + whole * LANES;
                first..first + rest
            };
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

/// Where the vectors of a panel begin.
const OFFSETS: [usize; COLUMNS] = [0, LANES, 2 * LANES];

/// Some terms and columns of the right factor, as `[panel][term][WIDTH]`.
pub(super) struct RightFactor<'a> {
    values: &'a [f32],
    depth: Range<usize>,
    columns: usize,
    /// Those of a panel.
    terms: Terms,
}

impl<'a> RightFactor<'a> {
    /// Copies them from `b`, whose terms are rows of `row` elements.
    pub(super) fn new(
        b: &[f32],
        row: usize,
        depth: Range<usize>,
        columns: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> Self {
        let values = room(depth.len(), columns.len(), buffer);
        for (i, term) in depth.clone().enumerate() {
            let from = b[term * row..][columns.clone()].chunks(WIDTH);
            for (panel, from) in from.enumerate() {
                let at = (panel * depth.len() + i) * WIDTH;
                copy(from, &mut values[at..at + WIDTH]);
            }
        }
        Self::of(values, depth, columns.len())
    }

    /// The same by all threads, of all columns.
    pub(super) fn whole(
        b: &[f32],
        row: usize,
        depth: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> Self {
        let values = room(depth.len(), row, buffer);
        values
            .par_chunks_exact_mut(depth.len() * WIDTH)
            .enumerate()
            .for_each(|(panel, values)| {
                let columns = panel * WIDTH..row.min((panel + 1) * WIDTH);
                for (to, term) in values.chunks_exact_mut(WIDTH).zip(depth.clone()) {
                    copy(&b[term * row..][columns.clone()], to);
                }
            });
        Self::of(values, depth, row)
    }

    fn of(values: &'a [f32], depth: Range<usize>, columns: usize) -> Self {
        Self {
            values,
            terms: Terms::first(WIDTH, depth.len()),
            depth,
            columns,
        }
    }

    /// Its panels, so many of them together.
    fn panels(&self, together: usize) -> impl Iterator<Item = Range<usize>> {
        let all = self.columns.div_ceil(WIDTH);
        (0..all)
            .step_by(together)
            .map(move |first| first..all.min(first + together))
    }
}

/// Room for panels of so many terms and columns.
fn room(terms: usize, columns: usize, buffer: &mut Vec<f32>) -> &mut [f32] {
    scratch::reserve(buffer, columns.div_ceil(WIDTH) * terms * WIDTH)
}

/// Part of a row to a row of a panel, whose rest becomes 0.
fn copy(from: &[f32], to: &mut [f32]) {
    let (values, rest) = to.split_at_mut(from.len());
    values.copy_from_slice(from);
    rest.fill(0.0);
}
