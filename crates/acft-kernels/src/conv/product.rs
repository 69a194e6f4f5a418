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
    pub(super) packed: Packed,
    pub(super) counts: Counts,
    /// Positions of a plane of the source, and of the target.
    pub(super) planes: [usize; 2],
}

/// Rows that a tile computes together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    group: usize,
    /// The first, counted over all groups.
    pub(super) first: usize,
    pub(super) rows: usize,
}

/// Weights in the order in which tiles read them: `[panel][tap][channel][row]`.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) panels: Vec<Panel>,
    pub(super) values: Vec<f32>,
}

/// What follows the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Activation,
    /// Whether the sums begin with what the target holds.
    pub(crate) onto: bool,
}

impl<'a> Epilogue<'a> {
    /// What sums of rows from `first` on begin with.
    pub(crate) fn start(self, first: usize) -> Start<'a> {
        match self.bias.map(|bias| &bias[first..]) {
            Some(bias) if self.onto => Start::OutputAndBias(bias),
            None if self.onto => Start::Output,
            Some(bias) => Start::Bias(bias),
            None => Start::Zero,
        }
    }

    pub(crate) fn relu(self) -> bool {
        self.activation == Activation::Relu
    }
}

impl Packed {
    /// Packs weights, of which `at(row, channel)` is the index of the first tap and whose taps are neighbours.
    /// Rows are counted over all groups, channels within one.
    pub(super) fn new(
        counts: Counts,
        weights: &[f32],
        at: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let Counts { channels, taps, .. } = counts;
        Self::filled(counts, |panel, to| {
            for row in 0..panel.rows {
                for channel in 0..channels {
                    let taps = &weights[at(panel.first + row, channel)..][..taps];
                    let to = to[channel * panel.rows + row..].iter_mut();
                    let to = to.step_by(channels * panel.rows);
                    to.zip(taps).for_each(|(to, &tap)| *to = tap);
                }
            }
        })
    }

    /// Weights of which `fill` writes a panel at a time.
    pub(super) fn filled(
        Counts {
            groups,
            rows,
            channels,
            taps,
        }: Counts,
        fill: impl Fn(Panel, &mut [f32]) + Sync,
    ) -> Self {
        let terms = taps * channels;
        let mut panels = Vec::new();
        for group in 0..groups {
            let (mut first, end) = (group * rows, (group + 1) * rows);
            while first < end {
                let rows = largest(end - first);
                panels.push(Panel { group, first, rows });
                first += rows;
            }
        }
        let mut values = vec![0.0; groups * rows * terms];
        let mut rest = &mut *values;
        let mut jobs = Vec::new();
        for &panel in &panels {
            let (part, after) = rest.split_at_mut(panel.rows * terms);
            jobs.push((panel, part));
            rest = after;
        }
        jobs.into_par_iter().for_each(|(panel, to)| fill(panel, to));
        Self { panels, values }
    }
}

impl Packed {
    /// Rows of all panels.
    pub(super) fn rows(&self) -> usize {
        self.panels.iter().map(|panel| panel.rows).sum()
    }
}

/// What a product has of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) groups: usize,
    /// Channels of a group of the target.
    pub(super) rows: usize,
    /// Channels of a group of the source.
    pub(super) channels: usize,
    pub(super) taps: usize,
}

impl Product {
    /// Elements of a block of the source.
    pub(super) fn source_len(&self) -> usize {
        self.counts.groups * self.counts.channels * self.planes[0] * LANES
    }

    /// Elements of a block of the target.
    pub(super) fn target_len(&self) -> usize {
        self.counts.groups * self.counts.rows * self.planes[1] * LANES
    }

    /// Some panels of one block; `target` begins with the first of them.
    pub(super) fn panels(
        &self,
        isa: Isa,
        panels: Range<usize>,
        source: &[f32],
        epilogue: Epilogue<'_>,
        target: &mut [f32],
    ) {
        let panels = &self.packed.panels[panels];
        let Some(start) = panels.first().map(|panel| panel.first) else {
            return;
        };
        let terms = self.counts.taps * self.counts.channels;
        let passes = self.plan.passes();
        let steps = self
            .plan
            .chunks
            .iter()
            .flat_map(|chunk| (0..passes).map(move |pass| (chunk, pass)));
        for (chunk, pass) in steps {
            for panel in panels {
                let a = &self.packed.values[panel.first * terms..][..panel.rows * terms];
                let b = &source[panel.group * self.counts.channels * self.planes[0] * LANES..];
                let out = &mut target[(panel.first - start) * self.planes[1] * LANES..];
                let start = match pass {
                    0 => epilogue.start(panel.first),
                    _ => Start::Output,
                };
                for columns in &self.plan.columns[chunk.clone()] {
                    let tile = Tile {
                        rows: panel.rows,
                        left: Left::Packed,
                        a,
                        b,
                        columns: self.plan.sources(columns),
                        terms: self.plan.terms(columns, pass),
                        start,
                        relu: epilogue.relu() && pass + 1 == passes,
                        out_row: self.planes[1] * LANES,
                        out_columns: self.plan.targets(columns),
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
