//! Convolution of pairs, as [`crate::conv`] does it of f32: a vector for every tap and pair of channels.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    direction::Direction,
    product::{Product, Target},
};
use crate::{
    check,
    conv::{Axis, Epilogue, axes},
    geometry::{Activation, Conv2d, Part},
    isa::Isa,
    lanes::LANES,
    pairs::pair_words,
};

/// A convolution of bf16 images, or its gradient, whose weights are kept as the product wants them.
#[derive(Debug)]
pub struct PairConvolution {
    isa: Isa,
    product: Product,
    bias: Option<Vec<f32>>,
    activation: Activation,
    source: Images,
    target: Images,
}

/// Channels of what is read or written, and positions of a plane.
#[derive(Clone, Copy, Debug)]
struct Images {
    channels: usize,
    plane: usize,
}

impl PairConvolution {
    /// Prepares `activation(x ⋆ weights + bias)`, weights rounded to bf16; the batch of `shape` does not matter.
    ///
    /// Where groups of channels are no whole pairs, a channel is also multiplied by the zeros of its neighbour's
    /// weights, and with `amx` a weight by zeros outside the image: what is not finite there spreads. Panics, naming the argument, if a slice has another length than
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
            steps: [channels * taps, taps],
            reach: axes(shape).map(Axis::forward),
            sizes: [shape.input, shape.output()],
        };
        Self {
            bias: bias.map(<[f32]>::to_vec),
            activation,
            ..Self::prepared(isa, &direction, weights)
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
            steps: [taps, rows * taps],
            reach: axes(shape).map(Axis::backward),
            sizes: [shape.output(), shape.input],
        };
        Self::prepared(isa, &direction, weights)
    }

    fn prepared(isa: Isa, direction: &Direction, weights: &[f32]) -> Self {
        let images = |channels: usize, [height, width]: [usize; 2]| Images {
            channels: direction.groups * channels,
            plane: height * width,
        };
        let [source, target] = direction.sizes;
        Self {
            isa,
            product: Product::new(isa, direction, weights),
            bias: None,
            activation: Activation::Identity,
            source: images(direction.channels, source),
            target: images(direction.rows, target),
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
            false => threads.min(self.product.panels().len()),
        };
        let mut jobs = Vec::new();
        let blocks = x.chunks_exact(x_block).zip(out.chunks_exact_mut(out_block));
        for (x, out) in blocks {
            let mut rest = &mut out[targets.clone()];
            for part in 0..parts {
                let all = self.product.panels();
                let cut = |part: usize| part * all.len() / parts;
                let panels = cut(part)..cut(part + 1);
                let rows: usize = all[panels.clone()].iter().map(|panel| panel.rows).sum();
                let words = pair_words(rows, self.target.plane) * LANES;
                let (now, later) = rest.split_at_mut(words);
                jobs.push((panels, &x[sources.clone()], now));
                rest = later;
            }
        }
        jobs.into_par_iter()
            .for_each(|(panels, x, out)| self.panels(panels, x, Target::Pairs(out), onto));
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
        check::length("x", x, self.source.len());
        check::length("out", out, self.target.channels * self.target.plane * LANES);
        self.panels(0..self.product.panels().len(), x, Target::Sums(out), false);
    }

    fn block(&self, x: &[u32], out: &mut [u32], onto: bool) {
        check::length("x", x, self.source.len());
        check::length("out", out, self.target.len());
        self.panels(0..self.product.panels().len(), x, Target::Pairs(out), onto);
    }

    /// Some panels of one block; `out` begins with the first of them.
    fn panels(&self, panels: Range<usize>, x: &[u32], out: Target<'_>, onto: bool) {
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            activation: self.activation,
            onto,
        };
        self.product.run(self.isa, panels, x, epilogue, out);
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
