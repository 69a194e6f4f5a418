//! What a convolution of pairs multiplies with what: forward, or back to its input.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    conv::{Plan, Reach, Source},
    isa::pair,
    lanes::LANES,
};

/// What is multiplied with what: forward, or back to the input.
pub(super) struct Direction {
    pub(super) groups: usize,
    /// Channels of a group of the target, and of the source.
    pub(super) rows: usize,
    pub(super) channels: usize,
    pub(super) kernel: [usize; 2],
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

    /// Packs weights, of which `at(row, channel)` is the index of the first tap and whose taps are neighbours. Rows are
    /// counted over all groups, channels within one. A panel takes `len(rows)` of what the weights are packed in, where
    /// `put` is given a row, a term (tap × pairs + pair) and the word.
    pub(super) fn pack<T: Copy + Default + Send>(
        &self,
        Panels { panels, pairs }: &Panels,
        weights: &[f32],
        at: impl Fn(usize, usize) -> usize + Sync,
        len: impl Fn(usize) -> usize,
        put: impl Fn(&mut [T], [usize; 3], u32) + Sync,
    ) -> Vec<T> {
        let taps = self.taps();
        let zeros = vec![0.0; taps];
        let taps_of = |row: usize, channel: usize| {
            // A pair can have a channel of another group, or none.
            match channel.checked_sub(row / self.rows * self.channels) {
                Some(channel) if channel < self.channels => &weights[at(row, channel)..][..taps],
                _ => &zeros[..],
            }
        };
        let lens = panels.iter().map(|panel| len(panel.rows));
        let mut packed = vec![T::default(); lens.sum()];
        let (mut jobs, mut rest) = (Vec::new(), &mut *packed);
        for &panel in panels {
            let (now, later) = rest.split_at_mut(len(panel.rows));
            jobs.push((panel, now));
            rest = later;
        }
        jobs.into_par_iter().for_each(|(panel, packed)| {
            for pair_of in 0..*pairs {
                let channel = 2 * (panel.from + pair_of);
                for row in 0..panel.rows {
                    let [one, other] =
                        [channel, channel + 1].map(|channel| taps_of(panel.first + row, channel));
                    for (tap, (&one, &other)) in one.iter().zip(other).enumerate() {
                        let place = [panel.rows, row, tap * pairs + pair_of];
                        put(packed, place, pair(one, other));
                    }
                }
            }
        });
        packed
    }
}
