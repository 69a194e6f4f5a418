//! The product that forward and backward-data share: packed weights times panels of padded images.

use rayon::prelude::*;

use crate::{
    geometry::Activation,
    isa::{Isa, OutRun, Panel, Tile},
    padded::Padded,
    scratch::{self, Scratch},
};

/// Terms of the sum that are packed at once: a panel of them stays in the second-level cache.
const DEPTH: usize = 400;
/// Panels that are packed before they are multiplied with all weights.
const PANELS: usize = 4;

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

/// One task: some images, from some output channel on.
struct Block<'a> {
    product: &'a Product,
    isa: Isa,
    packed: &'a [Vec<f32>],
    epilogue: Epilogue<'a>,
}

impl Block<'_> {
    /// Fills `out`, which begins at channel `channel` of image `first`. It holds whole images, or a part of one.
    fn run(
        &self,
        scratch: &mut Scratch,
        src: &[f32],
        first: usize,
        channel: usize,
        out: &mut [f32],
    ) {
        let product = self.product;
        let count = out
            .len()
            .div_ceil(product.groups * product.channels * product.plane);
        let (from, to) = (product.padded.input_len(), product.padded.len());
        let src = &src[first * from..][..count * from];
        let Scratch {
            images,
            right,
            tiles,
            ..
        } = scratch;
        let images: &[f32] = if product.padded.is_identity() {
            src
        } else {
            let images = scratch::reserve(images, count * to);
            for (image, copy) in src.chunks_exact(from).zip(images.chunks_exact_mut(to)) {
                product.padded.fill(self.isa, image, 0.0, copy);
            }
            images
        };
        for (sweep, packed) in product.sweeps.iter().zip(self.packed) {
            let mut walk = Walk::new(
                sweep,
                count,
                to,
                product.groups * product.channels * product.plane,
            );
            let mut panels: Vec<_> = (0..PANELS)
                .map(|_| (self.isa.panel(), Vec::new()))
                .collect();
            loop {
                let filled = panels
                    .iter_mut()
                    .map_while(|panel| walk.fill(&mut panel.0, &mut panel.1).then_some(()))
                    .count();
                if filled == 0 {
                    break;
                }
                for group in 0..product.groups {
                    let images = &images[group * product.group_src..];
                    self.multiply(
                        sweep,
                        packed,
                        group,
                        channel,
                        &panels[..filled],
                        images,
                        right,
                        tiles,
                        out,
                    );
                }
            }
        }
    }

    /// Multiplies a few panels with all weights of a group that `out` has room for.
    #[allow(
        clippy::too_many_arguments,
        reason = "the innermost step of the product, called from one place"
    )]
    fn multiply(
        &self,
        sweep: &Sweep,
        packed: &[f32],
        group: usize,
        channel: usize,
        panels: &[(Panel, Vec<OutRun>)],
        images: &[f32],
        right: &mut Vec<f32>,
        tiles: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let (product, isa) = (self.product, self.isa);
        let (mr, nr) = (isa.mr(), isa.nr());
        let all = product.channels.div_ceil(mr);
        // A part of an image holds the channels from `channel` on, as many as fit.
        let end = product.channels.min(channel + out.len() / product.plane);
        let terms = sweep.taps.len();
        let depth = terms.div_ceil(terms.div_ceil(DEPTH).max(1));
        let right = scratch::reserve(right, PANELS * DEPTH * nr);
        let tiles = scratch::reserve(tiles, PANELS * all * mr * nr);
        let mut done = 0;
        loop {
            let taps = &sweep.taps[done..terms.min(done + depth)];
            for ((panel, _), right) in panels.iter().zip(right.chunks_exact_mut(DEPTH * nr)) {
                isa.gather(images, taps, panel, right);
            }
            let last = done + taps.len() == terms;
            for row in (channel..end).step_by(mr) {
                let weights = &packed[((group * all + row / mr) * terms + done) * mr..];
                for (i, (panel, runs)) in panels.iter().enumerate() {
                    let tile = &mut tiles[(row / mr * PANELS + i) * mr * nr..][..mr * nr];
                    isa.tile(
                        taps.len(),
                        panel.used(),
                        weights,
                        &right[i * DEPTH * nr..],
                        tile,
                        done == 0,
                    );
                    if last {
                        let spec = Tile {
                            rows: mr.min(end - row),
                            origin: (group * product.channels + row - channel) * product.plane,
                            row_stride: product.plane,
                            step: sweep.step,
                            runs,
                            bias: self
                                .epilogue
                                .bias
                                .map(|bias| &bias[group * product.channels + row..]),
                            activation: self.epilogue.activation,
                        };
                        isa.finish(tile, &spec, out);
                    }
                }
            }
            done += taps.len();
            if last {
                break;
            }
        }
    }
}

/// Hands out the outputs of a sweep, image by image, a panel at a time.
struct Walk<'a> {
    spans: &'a [Span],
    images: usize,
    image_src: usize,
    image_dst: usize,
    step: usize,
    image: usize,
    span: usize,
    offset: usize,
}

impl<'a> Walk<'a> {
    fn new(sweep: &'a Sweep, images: usize, image_src: usize, image_dst: usize) -> Self {
        let Sweep { spans, step, .. } = sweep;
        Self {
            spans,
            images,
            image_src,
            image_dst,
            step: *step,
            image: 0,
            span: 0,
            offset: 0,
        }
    }

    /// Fills a panel with the next outputs; false if none are left.
    fn fill(&mut self, panel: &mut Panel, runs: &mut Vec<OutRun>) -> bool {
        panel.clear();
        runs.clear();
        while panel.room() > 0 && self.image < self.images {
            let Some(span) = self.spans.get(self.span) else {
                (self.image, self.span) = (self.image + 1, 0);
                continue;
            };
            let len = panel.room().min(span.len - self.offset);
            let dst = self.image * self.image_dst + span.dst + self.offset * self.step;
            match runs.last_mut() {
                Some(OutRun {
                    len: before,
                    dst: at,
                    ..
                }) if *at + *before * self.step == dst => *before += len,
                _ => runs.push(OutRun {
                    lane: panel.used(),
                    len,
                    dst,
                }),
            }
            panel.push(self.image * self.image_src + span.src + self.offset, len);
            self.offset += len;
            if self.offset == span.len {
                (self.span, self.offset) = (self.span + 1, 0);
            }
        }
        panel.used() > 0
    }
}
