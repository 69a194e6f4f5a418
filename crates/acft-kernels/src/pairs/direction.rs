//! What a convolution of pairs multiplies with what: forward, or back to its input.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    conv::{Plan, Reach, Source},
    isa::Isa,
    lanes::LANES,
    scratch::{self, Scratch},
};

/// What is multiplied with what: forward, or back to the input.
pub(super) struct Direction {
    pub(super) groups: usize,
    /// Channels of a group of the target, and of the source.
    pub(super) rows: usize,
    pub(super) channels: usize,
    pub(super) kernel: [usize; 2],
    /// Distance of neighbouring rows, and of neighbouring channels, in the weights of a group. Taps are neighbours.
    pub(super) steps: [usize; 2],
    pub(super) reach: [Vec<Reach>; 2],
    /// Height and width of the source, and of the target.
    pub(super) sizes: [[usize; 2]; 2],
}

/// Rows that are computed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    /// The first, which is even: rows are written in pairs.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// The first pair of channels that they read.
    pub(super) from: usize,
}

/// Panels of all rows, and how many pairs of channels each of them reads: as many as the one that needs most.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) panels: Vec<Panel>,
    pub(super) pairs: usize,
}

impl Direction {
    /// All rows in panels of `sizes`, largest first, or of two; the last may be smaller.
    pub(super) fn panels(&self, sizes: impl Fn(usize) -> [usize; 3]) -> Panels {
        let end = self.groups * self.rows;
        let mut panels = Vec::new();
        let mut first = 0;
        while first < end {
            let left = end - first;
            // No rows beyond two that would make all of them read more pairs, of which their own are a part.
            let needed = self.read(first, left.min(2)).len();
            let rows = sizes(left)
                .into_iter()
                .find(|&rows| rows <= left && self.read(first, rows).len() == needed)
                .unwrap_or(left.min(2));
            let from = self.read(first, rows).start;
            panels.push(Panel { first, rows, from });
            first += rows;
        }
        let most = panels
            .iter()
            .map(|panel| self.read(panel.first, panel.rows).len())
            .max()
            .unwrap_or(0);
        let pairs = (self.groups * self.channels).div_ceil(2);
        for panel in &mut panels {
            panel.from = panel.from.min(pairs - most);
        }
        Panels {
            panels,
            pairs: most,
        }
    }

    /// The pairs of channels that some rows read.
    fn read(&self, first: usize, rows: usize) -> Range<usize> {
        let (group, last) = (first / self.rows, (first + rows - 1) / self.rows);
        group * self.channels / 2..((last + 1) * self.channels).div_ceil(2)
    }

    /// Taps of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Words of a plane of the source, and of the target.
    pub(super) fn planes(&self) -> [usize; 2] {
        self.sizes.map(|[height, width]| height * width * LANES)
    }

    /// The tiles of panels that read so many pairs of channels.
    pub(super) fn plan(&self, pairs: usize, at_once: usize) -> Plan {
        let [vertical, horizontal] = &self.reach;
        let [size, _] = self.sizes;
        let source = Source {
            channels: pairs,
            size,
        };
        Plan::new(vertical, horizontal, source, self.kernel[1], at_once)
    }

    /// Packs weights. A panel takes `len(rows)` of what they are packed in, where `put` is given the number of rows, the
    /// row, and its words: `[tap][pair]`.
    pub(super) fn pack<T: Copy + Default + Send>(
        &self,
        isa: Isa,
        Panels { panels, pairs }: &Panels,
        weights: &[f32],
        len: impl Fn(usize) -> usize,
        put: impl Fn(&mut [T], [usize; 2], &[u32]) + Sync,
    ) -> Vec<T> {
        let terms = self.taps() * pairs;
        let lens = panels.iter().map(|panel| len(panel.rows));
        let mut packed = vec![T::default(); lens.sum()];
        let (mut jobs, mut rest) = (Vec::new(), &mut *packed);
        for &panel in panels {
            let (now, later) = rest.split_at_mut(len(panel.rows));
            jobs.push((panel, now));
            rest = later;
        }
        jobs.into_par_iter().for_each(|(panel, packed)| {
            scratch::with(
                |Scratch {
                     padded,
                     turned_pairs,
                     ..
                 }| {
                    let planes = scratch::reserve(padded, 2 * terms);
                    let words = scratch::reserve(turned_pairs, terms);
                    for row in 0..panel.rows {
                        let (one, other) = planes.split_at_mut(terms);
                        self.turn(isa, panel, row, weights, [&mut *one, &mut *other]);
                        isa.join(one, other, words);
                        put(packed, [panel.rows, row], words);
                    }
                },
            );
        });
        packed
    }

    /// The weights of a row of a panel, as `[tap][pair]` of the first of pairs and of the second: 0 where a pair has a
    /// channel of another group, or none.
    fn turn(&self, isa: Isa, panel: Panel, row: usize, weights: &[f32], planes: [&mut [f32]; 2]) {
        let (taps, [step, channel_step]) = (self.taps(), self.steps);
        let (group, row) = (
            (panel.first + row) / self.rows,
            (panel.first + row) % self.rows,
        );
        let weights = &weights[group * self.rows * self.channels * taps + row * step..];
        let start = group * self.channels - 2 * panel.from;
        for (half, plane) in planes.into_iter().enumerate() {
            let pairs = plane.len() / taps;
            // The first of the group's channels that are in this half of their pairs.
            let first = (start + half) % 2;
            let count = self.channels.saturating_sub(first).div_ceil(2);
            if count < pairs {
                plane.fill(0.0);
            }
            if count > 0 {
                isa.transpose(
                    &weights[first * channel_step..],
                    [count, taps],
                    2 * channel_step,
                    &mut plane[(start + first) / 2..],
                    pairs,
                );
            }
        }
    }
}
