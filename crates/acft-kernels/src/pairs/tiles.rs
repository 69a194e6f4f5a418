//! Convolution of pairs in small tiles of vectors.

use std::ops::Range;

use super::{
    direction::{Direction, Panel, Panels},
    product::Target,
};
use crate::{
    conv::{Epilogue, Plan},
    isa::{COLUMNS, Isa, Left, ROWS, Tile},
};

/// A convolution in tiles.
#[derive(Debug)]
pub(super) struct Tiles {
    plan: Plan,
    panels: Vec<Panel>,
    /// `[panel][tap][pair of channels][row]`.
    weights: Vec<u32>,
    /// Words of a panel for a row: taps × pairs.
    terms: usize,
    /// Words of a plane of the source, and of the target.
    planes: [usize; 2],
}

impl Tiles {
    /// Packs weights; see [`Direction::pack`].
    pub(super) fn new(isa: Isa, direction: &Direction, weights: &[f32]) -> Self {
        let panels = direction.panels(|_| [ROWS, ROWS / 2, ROWS / 4]);
        let terms = direction.taps() * panels.pairs;
        let put = |packed: &mut [u32], [rows, row]: [usize; 2], words: &[u32]| {
            let packed = packed[row..].iter_mut().step_by(rows);
            packed.zip(words).for_each(|(to, &word)| *to = word);
        };
        let weights = direction.pack(isa, &panels, weights, |rows| rows * terms, put);
        let Panels { panels, pairs } = panels;
        Self {
            plan: direction.plan(pairs, COLUMNS),
            panels,
            weights,
            terms,
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
        let panels = &self.panels[panels];
        let base = panels.first().map_or(0, |panel| panel.first);
        let [source, target] = self.planes;
        for chunk in &self.plan.chunks {
            for &Panel { first, rows, from } in panels {
                for columns in &self.plan.columns[chunk.clone()] {
                    let tile = Tile {
                        rows,
                        left: Left::Packed,
                        a: &self.weights[first * self.terms..][..rows * self.terms],
                        b: &x[from * source..],
                        columns: self.plan.sources(columns),
                        terms: self.plan.terms(columns, 0),
                        start: epilogue.start(first),
                        relu: epilogue.relu(),
                        out_row: target,
                        out_columns: self.plan.targets(columns),
                    };
                    // Panels begin at even rows: only the last can have an odd number of them.
                    match &mut out {
                        Target::Pairs(out) => {
                            isa.pair_tile(&tile, &mut out[(first - base) / 2 * target..]);
                        }
                        Target::Sums(out) => {
                            isa.pair_sums(&tile, &mut out[(first - base) * target..]);
                        }
                    }
                }
            }
        }
    }
}
