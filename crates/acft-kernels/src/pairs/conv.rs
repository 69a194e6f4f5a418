//! Convolution of pairs, as [`crate::conv`] does it of f32: a vector for every tap and pair of channels.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    check,
    conv::{Axis, Plan, Reach, Source, axes},
    geometry::{Activation, Conv2d, Part},
    isa::{Isa, Left, ROWS, Start, Tile, pair},
    lanes::LANES,
    pairs::pair_words,
};

/// A convolution of bf16 images, or its gradient, whose weights are kept as the product wants them.
#[derive(Debug)]
pub struct PairConvolution {
    isa: Isa,
    plan: Plan,
    panels: Vec<Panel>,
    /// `[panel][tap][pair of channels][row]`.
    weights: Vec<u32>,
    bias: Option<Vec<f32>>,
    activation: Activation,
    /// Words of a panel for a row: taps × pairs.
    terms: usize,
    source: Images,
    target: Images,
}

/// Channels of what is read or written, and positions of a plane.
#[derive(Clone, Copy, Debug)]
struct Images {
    channels: usize,
    plane: usize,
}

/// Rows that a tile computes together.
#[derive(Clone, Copy, Debug)]
struct Panel {
    /// The first, which is even: rows are written in pairs.
    first: usize,
    rows: usize,
    /// The first pair of channels that they read.
    from: usize,
}

/// What is multiplied with what: forward, or back to the input.
struct Direction {
    groups: usize,
    /// Channels of a group of the target, and of the source.
    rows: usize,
    channels: usize,
    kernel: [usize; 2],
    reach: [Vec<Reach>; 2],
    /// Height and width of the source, and of the target.
    sizes: [[usize; 2]; 2],
}

impl PairConvolution {
    /// Prepares `activation(x ⋆ weights + bias)`, weights rounded to bf16; the batch of `shape` does not matter.
    ///
    /// Where groups of channels are no whole pairs, a channel is also multiplied by the zeros of its neighbour's
    /// weights: what is not finite there spreads. Panics, naming the argument, if a slice has another length than
    /// [`conv2d`](crate::conv2d) wants.
    pub fn new(
        isa: Isa,
        shape: &Conv2d,
        weights: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        shape.validate();
        check::length("weights", weights, shape.weight_len());
        if let Some(bias) = bias {
            check::length("bias", bias, shape.out_channels);
        }
        let (channels, taps) = (shape.in_group(), shape.kernel[0] * shape.kernel[1]);
        let direction = Direction {
            groups: shape.groups,
            rows: shape.out_group(),
            channels,
            kernel: shape.kernel,
            reach: axes(shape).map(Axis::forward),
            sizes: [shape.input, shape.output()],
        };
        let at = |row: usize, channel: usize| (row * channels + channel) * taps;
        Self {
            bias: bias.map(<[f32]>::to_vec),
            activation,
            ..Self::prepared(isa, &direction, weights, at)
        }
    }

    /// Prepares the gradient of the input of the convolution that [`PairConvolution::new`] prepares, before its
    /// activation: what then runs reads the gradient of the output, and gives that of the input.
    ///
    /// Weights are rounded to bf16; the batch of `shape` does not matter, and groups are as in
    /// [`PairConvolution::new`]. Panics, naming the argument, if `weights` has another length than
    /// [`conv2d`](crate::conv2d) wants.
    pub fn backward_data(isa: Isa, shape: &Conv2d, weights: &[f32]) -> Self {
        shape.validate();
        check::length("weights", weights, shape.weight_len());
        let (rows, channels) = (shape.in_group(), shape.out_group());
        let taps = shape.kernel[0] * shape.kernel[1];
        let direction = Direction {
            groups: shape.groups,
            rows,
            channels,
            kernel: shape.kernel,
            reach: axes(shape).map(Axis::backward),
            sizes: [shape.output(), shape.input],
        };
        Self::prepared(isa, &direction, weights, |row, channel| {
            let (group, row) = (row / rows, row % rows);
            ((group * channels + channel) * rows + row) * taps
        })
    }

    /// Packs weights, of which `at(row, channel)` is the index of the first tap and whose taps are neighbours. Rows are
    /// counted over all groups, channels within one.
    fn prepared(
        isa: Isa,
        direction: &Direction,
        weights: &[f32],
        at: impl Fn(usize, usize) -> usize + Sync,
    ) -> Self {
        let Direction {
            groups,
            rows,
            channels,
            kernel,
            reach: [vertical, horizontal],
            sizes: [source, target],
        } = direction;
        let (panels, pairs) = direction.panels();
        let taps = kernel[0] * kernel[1];
        let terms = taps * pairs;
        let zeros = vec![0.0; taps];
        let taps_of = |row: usize, channel: usize| {
            // A pair can have a channel of another group, or none.
            match channel.checked_sub(row / rows * channels) {
                Some(channel) if channel < *channels => &weights[at(row, channel)..][..taps],
                _ => &zeros[..],
            }
        };
        let mut packed = vec![0; groups * rows * terms];
        let (mut jobs, mut rest) = (Vec::new(), &mut *packed);
        for &panel in &panels {
            let (now, later) = rest.split_at_mut(panel.rows * terms);
            jobs.push((panel, now));
            rest = later;
        }
        jobs.into_par_iter().for_each(|(panel, packed)| {
            for pair_of in 0..pairs {
                let channel = 2 * (panel.from + pair_of);
                for row in 0..panel.rows {
                    let [one, other] =
                        [channel, channel + 1].map(|channel| taps_of(panel.first + row, channel));
                    let to = packed[pair_of * panel.rows + row..].iter_mut();
                    let to = to.step_by(pairs * panel.rows);
                    for ((to, &one), &other) in to.zip(one).zip(other) {
                        *to = pair(one, other);
                    }
                }
            }
        });
        let images = |channels: usize, [height, width]: [usize; 2]| Images {
            channels: groups * channels,
            plane: height * width,
        };
        let read = Source {
            channels: pairs,
            size: *source,
        };
        Self {
            isa,
            plan: Plan::new(vertical, horizontal, read, kernel[1]),
            panels,
            weights: packed,
            bias: None,
            activation: Activation::Identity,
            terms,
            source: images(*channels, *source),
            target: images(*rows, *target),
        }
    }

    /// The convolution of blocks of images, on all threads: from some channels of `x` to some of `out`, whose others
    /// stay as they are. With `onto`, what `out` holds is added before the activation.
    ///
    /// Panics, naming the argument, if a slice is no whole blocks, or not as many as the other, or has no such
    /// channels; or if these begin or end within a pair.
    pub fn run(&self, (x, from): (&[u32], Part), (out, to): (&mut [u32], Part), onto: bool) {
        let (x_block, sources) = self.source.within("x", from);
        let (out_block, targets) = self.target.within("out", to);
        let blocks = x.len() / x_block;
        check::length("x", x, blocks * x_block);
        check::length("out", out, blocks * out_block);
        // Elements do not depend on how the work is cut, so the cut may follow the machine.
        let threads = rayon::current_num_threads();
        let parts = match blocks.is_multiple_of(threads) {
            true => 1,
            false => threads.min(self.panels.len()),
        };
        let mut jobs = Vec::new();
        let blocks = x.chunks_exact(x_block).zip(out.chunks_exact_mut(out_block));
        for (x, out) in blocks {
            let mut rest = &mut out[targets.clone()];
            for part in 0..parts {
                let cut = |part: usize| part * self.panels.len() / parts;
                let panels = &self.panels[cut(part)..cut(part + 1)];
                let rows: usize = panels.iter().map(|panel| panel.rows).sum();
                let words = pair_words(rows, self.target.plane) * LANES;
                let (now, later) = rest.split_at_mut(words);
                jobs.push((panels, &x[sources.clone()], now));
                rest = later;
            }
        }
        jobs.into_par_iter()
            .for_each(|(panels, x, out)| self.panels(panels, x, out, onto));
    }

    /// The convolution of one block of images, on the calling thread.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block(&self, x: &[u32], out: &mut [u32]) {
        self.block(x, out, false);
    }

    /// As [`PairConvolution::run_block`], but what `out` holds is added before the activation.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block_onto(&self, x: &[u32], out: &mut [u32]) {
        self.block(x, out, true);
    }

    /// As [`PairConvolution::run_block`], but not rounded: to a block of f32 images.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block_in_f32(&self, x: &[u32], out: &mut [f32]) {
        let plane = self.target.plane * LANES;
        check::length("x", x, self.source.len());
        check::length("out", out, self.target.channels * plane);
        self.tiles(&self.panels, x, false, |first, tile| {
            self.isa.pair_sums(tile, &mut out[first * plane..]);
        });
    }

    fn block(&self, x: &[u32], out: &mut [u32], onto: bool) {
        check::length("x", x, self.source.len());
        check::length("out", out, self.target.len());
        self.panels(&self.panels, x, out, onto);
    }

    /// Some panels of one block; `out` begins with the first of them.
    fn panels(&self, panels: &[Panel], x: &[u32], out: &mut [u32], onto: bool) {
        let start = panels.first().map_or(0, |panel| panel.first);
        self.tiles(panels, x, onto, |first, tile| {
            // Panels begin at even rows: only the last can have an odd number of them.
            let at = (first - start) / 2 * self.target.plane * LANES;
            self.isa.pair_tile(tile, &mut out[at..]);
        });
    }

    /// Calls `each` for every tile of some panels and the first of its rows.
    fn tiles(
        &self,
        panels: &[Panel],
        x: &[u32],
        onto: bool,
        mut each: impl FnMut(usize, &Tile<'_, u32>),
    ) {
        for chunk in &self.plan.chunks {
            for &Panel { first, rows, from } in panels {
                let start = match self.bias.as_deref().map(|bias| &bias[first..]) {
                    Some(bias) if onto => Start::OutputAndBias(bias),
                    None if onto => Start::Output,
                    Some(bias) => Start::Bias(bias),
                    None => Start::Zero,
                };
                for columns in &self.plan.columns[chunk.clone()] {
                    let tile = Tile {
                        rows,
                        left: Left::Packed,
                        a: &self.weights[first * self.terms..][..rows * self.terms],
                        b: &x[from * self.source.plane * LANES..],
                        columns: columns.sources(),
                        terms: &self.plan.terms[columns.terms],
                        start,
                        relu: self.activation == Activation::Relu,
                        out_row: self.target.plane * LANES,
                        out_columns: columns.targets(),
                    };
                    each(first, &tile);
                }
            }
        }
    }
}

impl Direction {
    /// Panels of all rows, and how many pairs of channels each of them reads: as many as the one that needs most.
    fn panels(&self) -> (Vec<Panel>, usize) {
        let end = self.groups * self.rows;
        let mut panels = Vec::new();
        let mut first = 0;
        while first < end {
            let left = end - first;
            // No rows beyond two that would make all of them read more pairs, of which their own are a part.
            let needed = self.read(first, left.min(2)).len();
            let rows = [ROWS, 4]
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
        (panels, most)
    }

    /// The pairs of channels that some rows read.
    fn read(&self, first: usize, rows: usize) -> Range<usize> {
        let (group, last) = (first / self.rows, (first + rows - 1) / self.rows);
        group * self.channels / 2..((last + 1) * self.channels).div_ceil(2)
    }
}

impl Images {
    /// Words of a block.
    fn len(self) -> usize {
        pair_words(self.channels, self.plane) * LANES
    }

    /// Words of a block of images of which these are a part, and where in it they lie.
    #[track_caller]
    fn within(self, name: &str, part: Part) -> (usize, Range<usize>) {
        let end = part.first + self.channels;
        assert!(
            part.first.is_multiple_of(2)
                && (end == part.of || (end < part.of && end.is_multiple_of(2))),
            "`{name}` has {} channels, of which channels {} to {end} are no part of whole pairs",
            part.of,
            part.first
        );
        let first = pair_words(part.first, self.plane) * LANES;
        (
            pair_words(part.of, self.plane) * LANES,
            first..first + self.len(),
        )
    }
}
