//! The product that forward and backward-data share.

use std::ops::Range;

use rayon::prelude::*;

use super::plan::Plan;
use crate::{
    geometry::Activation,
    isa::{Isa, Left, ROWS, Start, Tile},
    lanes::LANES,
};

/// `target[row][position] = Σ weights[row][tap][channel] · source[channel][position of tap]`, for every group.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) plan: Plan,
    pub(super) groups: usize,
    /// Channels of a group of the target.
    pub(super) rows: usize,
    /// Channels of a group of the source.
    pub(super) channels: usize,
    pub(super) taps: usize,
    /// Positions of a plane of the source, and of the target.
    pub(super) planes: [usize; 2],
}

/// Rows that a tile computes together.
#[derive(Clone, Copy, Debug)]
struct Panel {
    group: usize,
    /// The first, counted over all groups.
    first: usize,
    rows: usize,
}

/// Weights in the order in which tiles read them: `[panel][tap][channel][row]`.
#[derive(Debug)]
pub(super) struct Packed {
    panels: Vec<Panel>,
    values: Vec<f32>,
}

/// What follows the sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epilogue<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
    /// Whether the sums begin with what the target holds.
    pub(super) onto: bool,
}

impl Product {
    /// Packs weights, of which `at(row, channel)` is the index of the first tap and whose taps are neighbours.
    /// Rows are counted over all groups, channels within one.
    pub(super) fn pack(
        &self,
        weights: &[f32],
        at: impl Fn(usize, usize) -> usize + Sync,
    ) -> Packed {
        let terms = self.taps * self.channels;
        let mut panels = Vec::new();
        for group in 0..self.groups {
            let (mut first, end) = (group * self.rows, (group + 1) * self.rows);
            while first < end {
                let rows = largest(end - first);
                panels.push(Panel { group, first, rows });
                first += rows;
            }
        }
        let mut values = vec![0.0; self.groups * self.rows * terms];
        let mut rest = &mut *values;
        let mut jobs = Vec::new();
        for &panel in &panels {
            let (part, after) = rest.split_at_mut(panel.rows * terms);
            jobs.push((panel, part));
            rest = after;
        }
        jobs.into_par_iter().for_each(|(panel, to)| {
            for row in 0..panel.rows {
                for channel in 0..self.channels {
                    let taps = &weights[at(panel.first + row, channel)..][..self.taps];
                    let to = to[channel * panel.rows + row..].iter_mut();
                    let to = to.step_by(self.channels * panel.rows);
                    to.zip(taps).for_each(|(to, &tap)| *to = tap);
                }
            }
        });
        Packed { panels, values }
    }

    /// Computes all blocks, on all threads. Elements do not depend on how the work is cut, so the cut may
    /// follow the machine.
    pub(super) fn run(
        &self,
        isa: Isa,
        packed: &Packed,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        let [from, to] = [self.source_len(), self.target_len()];
        let blocks = target.len() / to;
        let threads = rayon::current_num_threads();
        let parts = if blocks.is_multiple_of(threads) {
            1
        } else {
            threads.min(packed.panels.len())
        };
        let mut jobs = Vec::new();
        for (source, mut target) in source.chunks_exact(from).zip(target.chunks_exact_mut(to)) {
            for part in 0..parts {
                let cut = |part: usize| part * packed.panels.len() / parts;
                let panels = cut(part)..cut(part + 1);
                let rows: usize = packed.panels[panels.clone()].iter().map(|p| p.rows).sum();
                let (now, later) = target.split_at_mut(rows * self.planes[1] * LANES);
                jobs.push((panels, source, now));
                target = later;
            }
        }
        jobs.into_par_iter().for_each(|(panels, source, target)| {
            self.panels(isa, packed, panels, source, epilogue, target);
        });
    }

    /// Computes one block, on the calling thread.
    pub(super) fn run_block(
        &self,
        isa: Isa,
        packed: &Packed,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        self.panels(
            isa,
            packed,
            0..packed.panels.len(),
            source,
            epilogue,
            target,
        );
    }

    /// Elements of a block of the source.
    pub(super) fn source_len(&self) -> usize {
        self.groups * self.channels * self.planes[0] * LANES
    }

    /// Elements of a block of the target.
    pub(super) fn target_len(&self) -> usize {
        self.groups * self.rows * self.planes[1] * LANES
    }

    /// Some panels of one block; `target` begins with the first of them.
    fn panels(
        &self,
        isa: Isa,
        packed: &Packed,
        panels: Range<usize>,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        let panels = &packed.panels[panels];
        let Some(start) = panels.first().map(|panel| panel.first) else {
            return;
        };
        let terms = self.taps * self.channels;
        let relu = epilogue.activation == Activation::Relu;
        for chunk in &self.plan.chunks {
            for panel in panels {
                let a = &packed.values[panel.first * terms..][..panel.rows * terms];
                let b = &source[panel.group * self.channels * self.planes[0] * LANES..];
                let out = &mut target[(panel.first - start) * self.planes[1] * LANES..];
                let start = match epilogue.bias.map(|bias| &bias[panel.first..]) {
                    Some(bias) if epilogue.onto => Start::OutputAndBias(bias),
                    None if epilogue.onto => Start::Output,
                    Some(bias) => Start::Bias(bias),
                    None => Start::Zero,
                };
                for columns in &self.plan.columns[chunk.clone()] {
                    let tile = Tile {
                        rows: panel.rows,
                        left: Left::Packed,
                        a,
                        b,
                        columns: columns.sources(),
                        terms: &self.plan.terms[columns.terms],
                        start,
                        relu,
                        out_row: self.planes[1] * LANES,
                        out_columns: columns.targets(),
                    };
                    isa.tile(&tile, out);
                }
            }
        }
    }
}

/// The rows of the largest tile of at most so many.
pub(super) fn largest(rows: usize) -> usize {
    [ROWS, 4, 2].into_iter().find(|&n| n <= rows).unwrap_or(1)
}
