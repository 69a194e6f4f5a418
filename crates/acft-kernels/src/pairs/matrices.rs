//! Convolution of pairs in matrices: sixteen rows, and sixteen terms of their sums, at once.
//!
//! Terms are numbered tap by tap, and cut into slabs of sixteen. Where a tap's pairs are whole slabs, images are
//! multiplied as they lie; otherwise the vectors of some columns are collected first, zeros for taps that lie outside,
//! and all rows pass over them.

use std::ops::Range;

use super::{
    direction::{Direction, Panel, Panels},
    product::Target,
};
use crate::{
    conv::{Columns, Epilogue, Plan},
    isa::{BANDS, Isa, MATRIX, Matrix, Product, SIDE, STRIP, Slab, Slabs, Terms, ZEROS},
    lanes::LANES,
    scratch::{self, Scratch},
};

/// Bytes that are collected at once: they stay in the second-level cache while all rows pass over them.
const COLLECTED: usize = 512 << 10;

/// With fewer terms than this in the rows of a panel, most of a matrix would be left over (fitted to times).
const LEAST: usize = 128;

/// A convolution in matrices.
#[derive(Debug)]
pub(super) struct Matrices {
    plan: Plan,
    panels: Vec<Panel>,
    /// Where the weights of each panel begin.
    starts: Vec<usize>,
    /// `[panel][band][slab][row][term]`, with zeros for rows and terms that lack.
    weights: Vec<Matrix>,
    /// Slabs of all terms.
    slabs: usize,
    right: Right,
    /// Words of a plane of the source, and of the target.
    planes: [usize; 2],
}

/// The right factor, for each of the plan's terms.
#[derive(Debug)]
enum Right {
    /// As it lies.
    Images(Vec<Slabs>),
    /// Collected: the rows to collect, and what is multiplied then.
    Collected(Vec<(Vec<usize>, Slabs)>),
}

impl Matrices {
    /// Whether matrices are faster than tiles: nearly always, but not for the few rows and terms of narrow groups.
    pub(super) fn pays(direction: &Direction) -> bool {
        let Panels { panels, pairs } = panels(direction);
        let rows = direction.groups * direction.rows;
        rows * direction.taps() * pairs >= LEAST * panels.len()
    }

    /// Packs weights; see [`Direction::pack`].
    pub(super) fn new(isa: Isa, direction: &Direction, weights: &[f32]) -> Self {
        let panels = panels(direction);
        let terms = direction.taps() * panels.pairs;
        let slabs = terms.div_ceil(SIDE);
        let len = |rows: usize| rows.div_ceil(SIDE) * slabs;
        let put = |packed: &mut [Matrix], [_, row]: [usize; 2], words: &[u32]| {
            let packed = packed[row / SIDE * slabs..].iter_mut();
            for (Matrix(matrix), words) in packed.zip(words.chunks(SIDE)) {
                matrix[row % SIDE][..words.len()].copy_from_slice(words);
            }
        };
        let weights = direction.pack(isa, &panels, weights, len, put);
        let Panels { panels, pairs } = panels;
        let mut end = 0;
        let starts = panels.iter().map(|panel| {
            let start = end;
            end += len(panel.rows);
            start
        });
        let starts = starts.collect();
        let whole = pairs.is_multiple_of(SIDE);
        let at_once = match whole {
            true => STRIP,
            false => (COLLECTED / (slabs * size_of::<Matrix>())).clamp(4, STRIP),
        };
        let plan = direction.plan(pairs, at_once);
        let right = match whole {
            true => Right::Images(plan.of_pass(0).iter().map(as_they_lie).collect()),
            false => Right::Collected(
                plan.of_pass(0)
                    .iter()
                    .map(|t| collected(t, slabs))
                    .collect(),
            ),
        };
        Self {
            plan,
            panels,
            starts,
            weights,
            slabs,
            right,
            planes: direction.planes(),
        }
    }

    pub(super) fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// Some panels of one block; `out` begins with the first of them.
    pub(super) fn run(
        &self,
        isa: Isa,
        panels: Range<usize>,
        x: &[u32],
        epilogue: Epilogue<'_>,
        mut out: Target<'_>,
    ) {
        let base = panels
            .clone()
            .next()
            .map_or(0, |first| self.panels[first].first);
        for chunk in &self.plan.chunks {
            let all = &self.plan.columns[chunk.clone()];
            match &self.right {
                Right::Images(slabs) => {
                    for panel in panels.clone() {
                        let x = &x[self.panels[panel].from * self.planes[0]..];
                        for columns in all {
                            let factor = (x, self.plan.sources(columns), &slabs[columns.kind]);
                            self.multiply(
                                isa,
                                (panel, columns),
                                factor,
                                epilogue,
                                (base, &mut out),
                            );
                        }
                    }
                }
                Right::Collected(rows) => scratch::with(|Scratch { matrices, .. }| {
                    for columns in all {
                        let sources = self.plan.sources(columns);
                        let (rows, slabs) = &rows[columns.kind];
                        let each = rows.len() / SIDE;
                        let collected = scratch::reserve(matrices, sources.len() * each);
                        let starts: [usize; STRIP] = std::array::from_fn(|i| i * each * MATRIX);
                        let mut from = None;
                        for panel in panels.clone() {
                            let needed = self.panels[panel].from;
                            if from.replace(needed) != Some(needed) {
                                let x = &x[needed * self.planes[0]..];
                                isa.collect(x, sources, rows, collected);
                            }
                            let factor =
                                (Matrix::words(collected), &starts[..sources.len()], slabs);
                            self.multiply(
                                isa,
                                (panel, columns),
                                factor,
                                epilogue,
                                (base, &mut out),
                            );
                        }
                    }
                }),
            }
        }
    }

    /// Some columns of a panel; the target begins with row `base`.
    fn multiply(
        &self,
        isa: Isa,
        (panel, target): (usize, &Columns),
        (b, columns, slabs): (&[u32], &[usize], &Slabs),
        epilogue: Epilogue<'_>,
        (base, out): (usize, &mut Target<'_>),
    ) {
        let Panel { first, rows, .. } = self.panels[panel];
        let bands = [0, 1].map(|band| band * self.slabs * MATRIX);
        let plane = self.planes[1];
        let product = Product {
            rows,
            a: Matrix::words(&self.weights[self.starts[panel]..]),
            bands: &bands[..rows.div_ceil(SIDE)],
            row_a: SIDE,
            b,
            columns,
            slabs,
            start: epilogue.start(first),
            relu: epilogue.relu(),
            out_row: plane,
            out_columns: self.plan.targets(target),
        };
        // Panels begin at even rows: only the last can have an odd number of them.
        match out {
            Target::Pairs(out) => {
                isa.matrix_pairs(&product, &mut out[(first - base) / 2 * plane..]);
            }
            Target::Sums(out) => isa.matrix_sums(&product, &mut out[(first - base) * plane..]),
        }
    }
}

fn panels(direction: &Direction) -> Panels {
    direction.panels(|left| [left.min(BANDS * SIDE), SIDE, SIDE / 2])
}

/// The slabs of terms whose runs are whole ones.
fn as_they_lie(terms: &Terms) -> Slabs {
    let slabs = terms.runs().iter().flat_map(|run| {
        (0..run.len).step_by(SIDE).map(|done| Slab {
            a: (run.a + done) / SIDE * MATRIX,
            b: run.b + done * terms.step_b(),
        })
    });
    Slabs::new(terms.step_b(), slabs.collect(), Vec::new())
}

/// The rows that terms are collected from, and their slabs: of so many those that have a term.
fn collected(terms: &Terms, slabs: usize) -> (Vec<usize>, Slabs) {
    let mut rows = vec![ZEROS; slabs * SIDE];
    for run in terms.runs() {
        for (i, row) in rows[run.a..][..run.len].iter_mut().enumerate() {
            *row = run.b + i * terms.step_b();
        }
    }
    let (mut kept, mut whole) = (Vec::new(), Vec::new());
    for (slab, rows) in rows.chunks_exact(SIDE).enumerate() {
        if rows.iter().any(|&row| row != ZEROS) {
            whole.push(Slab {
                a: slab * MATRIX,
                b: kept.len() * LANES,
            });
            kept.extend_from_slice(rows);
        }
    }
    (kept, Slabs::new(LANES, whole, Vec::new()))
}
