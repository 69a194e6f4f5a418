//! The product that forward and backward-data share: packed weights times panels of padded images.

mod block;
mod walk;

use rayon::prelude::*;

use self::block::Block;
use crate::{geometry::Activation, isa::Isa, padded::Padded, scratch};

/// Neighbouring outputs of one image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// What the first output's first tap reads, in the padded image of a group.
    pub(super) src: usize,
    /// The first output, in its plane.
    pub(super) dst: usize,
    /// Number of outputs.
    pub(super) len: usize,
}

/// Outputs that share their taps.
pub(super) struct Sweep {
    /// The padded image's element for each term of the sum, relative to a span's `src`.
    pub(super) taps: Vec<usize>,
    /// The weight for each term, relative to the first weight of an output channel.
    pub(super) weights: Vec<usize>,
    /// The outputs of one image.
    pub(super) spans: Vec<Span>,
    /// Distance in the plane between the outputs of a span.
    pub(super) step: usize,
}

impl Sweep {
    /// Joins spans that follow each other in both source and target.
    pub(super) fn joined(mut self) -> Self {
        let step = self.step;
        self.spans.dedup_by(|next, last| {
            let follows = next.src == last.src + last.len && next.dst == last.dst + last.len * step;
            if follows {
                last.len += next.len;
            }
            follows
        });
        self
    }

    /// Outputs of one image.
    fn outputs(&self) -> usize {
        self.spans.iter().map(|s| s.len).sum()
    }
}

/// A product `out[image][group][channel][position] = Σ weights · padded images`.
pub(super) struct Product {
    pub(super) padded: Padded,
    pub(super) groups: usize,
    /// Distance between two groups' first planes in the padded image.
    pub(super) group_src: usize,
    /// Output channels of a group.
    pub(super) channels: usize,
    /// Elements of an output plane.
    pub(super) plane: usize,
    /// Distance between two output channels' weights, and between two groups'.
    pub(super) weight_strides: [usize; 2],
    pub(super) sweeps: Vec<Sweep>,
}

/// What follows the sums.
#[derive(Clone, Copy)]
pub(super) struct Epilogue<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) activation: Activation,
}

impl Product {
    /// Computes `out`. Its elements do not depend on how the work is cut, so the cut may follow the machine.
    pub(super) fn run(
        &self,
        isa: Isa,
        src: &[f32],
        weights: &[f32],
        epilogue: Epilogue<'_>,
        out: &mut [f32],
    ) {
        let packed: Vec<Vec<f32>> = self
            .sweeps
            .iter()
            .map(|sweep| self.pack_weights(isa, sweep, weights))
            .collect();
        let image = self.groups * self.channels * self.plane;
        let batch = out.len() / image;
        let threads = rayon::current_num_threads();
        let work = |first: usize, channel: usize, out: &mut [f32]| {
            scratch::with(|s| {
                Block {
                    product: self,
                    isa,
                    packed: &packed,
                    epilogue,
                }
                .run(s, src, first, channel, out)
            });
        };
        if batch < threads && self.groups == 1 {
            // Too few images to go round: share out the channels of each.
            let share = self
                .channels
                .div_ceil(isa.mr())
                .div_ceil(threads.div_ceil(batch))
                * isa.mr();
            out.par_chunks_mut(image).enumerate().for_each(|(i, out)| {
                out.par_chunks_mut(share * self.plane)
                    .enumerate()
                    .for_each(|(j, out)| work(i, j * share, out));
            });
        } else {
            let images = self.images_a_task(isa, batch, threads);
            out.par_chunks_mut(images * image)
                .enumerate()
                .for_each(|(i, out)| work(i * images, 0, out));
        }
    }

    /// The number of images that lets the last thread finish earliest, if a panel takes one unit of time.
    fn images_a_task(&self, isa: Isa, batch: usize, threads: usize) -> usize {
        let panels = |images: usize| -> usize {
            self.sweeps
                .iter()
                .map(|s| (images * s.outputs()).div_ceil(isa.nr()))
                .sum()
        };
        // Quarters of a panel, so that a task's own cost can be counted as one of them.
        let span =
            |images: usize| batch.div_ceil(images).div_ceil(threads) * (4 * panels(images) + 1);
        (1..=batch).min_by_key(|&images| span(images)).unwrap_or(1)
    }

    /// Weights as `[group][panel][term][mr]`, with zeros for the channels that the last panel lacks.
    fn pack_weights(&self, isa: Isa, sweep: &Sweep, weights: &[f32]) -> Vec<f32> {
        let (mr, terms) = (isa.mr(), sweep.weights.len());
        let panels = self.channels.div_ceil(mr);
        let mut packed = vec![0.0; self.groups * panels * terms * mr];
        if terms == 0 {
            return packed;
        }
        packed
            .par_chunks_mut(terms * mr)
            .enumerate()
            .for_each(|(i, panel)| {
                let (group, first) = (i / panels, i % panels * mr);
                let rows = mr.min(self.channels - first);
                let weights =
                    &weights[group * self.weight_strides[1] + first * self.weight_strides[0]..];
                for (to, &at) in panel.chunks_exact_mut(mr).zip(&sweep.weights) {
                    for (row, to) in to[..rows].iter_mut().enumerate() {
                        *to = weights[row * self.weight_strides[0] + at];
                    }
                }
            });
        packed
    }
}
