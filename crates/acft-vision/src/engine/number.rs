//! What the engine's buffers are made of: f32, or words of two bf16 numbers.

use std::fmt::Debug;

use acft_kernels::{
    Conv2d, Convolution, Isa, PairConvolution, Pool2d, Summary, global_avg_pool,
    global_avg_pool_of_pairs, max_pool2d_block, max_pool2d_block_of_pairs, pair_words,
    summarize_block, summarize_block_of_pairs, to_pairs,
};

use super::builder::Layer;

/// A word of a buffer, and what is done with it.
pub(super) trait Number: Copy + Debug + Default + Send + Sync {
    /// A convolution with its weights packed.
    type Conv: Debug + Send + Sync;

    /// Words of so many channels, each of `plane` elements, for one image.
    fn words(channels: usize, plane: usize) -> usize;

    fn conv(isa: Isa, shape: &Conv2d, layer: &Layer) -> Self::Conv;

    /// One block; `onto` what `to` holds, where it is said.
    fn run_conv(conv: &Self::Conv, from: &[Self], to: &mut [Self], onto: bool);

    /// One block, to words that hold f32 numbers.
    fn run_conv_in_f32(conv: &Self::Conv, from: &[Self], to: &mut [Self]);

    fn max_pool(isa: Isa, shape: &Pool2d, from: &[Self], to: &mut [Self]);

    /// The mean of each channel.
    fn mean(channels: usize, plane: usize, from: &[Self], to: &mut [f32]);

    /// The mean of each channel, where the words hold f32 numbers.
    fn mean_of_f32(from: &[Self], to: &mut [f32]);

    /// The numbers that are kept of a map.
    fn summarize(isa: Isa, shape: &Summary, from: &[Self], to: &mut [f32]);

    /// A block of images, in `room` where they have to be made into something else.
    fn images<'a>(
        isa: Isa,
        channels: usize,
        plane: usize,
        pixels: &'a [f32],
        room: &'a mut [Self],
    ) -> &'a [Self];
}

impl Number for f32 {
    type Conv = Convolution;

    fn words(channels: usize, plane: usize) -> usize {
        channels * plane
    }

    fn conv(isa: Isa, shape: &Conv2d, layer: &Layer) -> Convolution {
        Convolution::new(
            isa,
            shape,
            &layer.weights,
            Some(&layer.bias),
            layer.activation,
        )
    }

    fn run_conv(conv: &Convolution, from: &[f32], to: &mut [f32], onto: bool) {
        if onto {
            conv.run_block_onto(from, to);
        } else {
            conv.run_block(from, to);
        }
    }

    fn run_conv_in_f32(conv: &Convolution, from: &[f32], to: &mut [f32]) {
        conv.run_block(from, to);
    }

    fn mean_of_f32(from: &[f32], to: &mut [f32]) {
        global_avg_pool(from, to);
    }

    fn max_pool(isa: Isa, shape: &Pool2d, from: &[f32], to: &mut [f32]) {
        max_pool2d_block(isa, shape, from, to);
    }

    fn mean(_channels: usize, _plane: usize, from: &[f32], to: &mut [f32]) {
        global_avg_pool(from, to);
    }

    fn summarize(isa: Isa, shape: &Summary, from: &[f32], to: &mut [f32]) {
        summarize_block(isa, shape, from, to);
    }

    fn images<'a>(
        _isa: Isa,
        _channels: usize,
        _plane: usize,
        pixels: &'a [f32],
        _room: &'a mut [f32],
    ) -> &'a [f32] {
        pixels
    }
}

/// A pair of bf16 numbers.
impl Number for u32 {
    type Conv = PairConvolution;

    fn words(channels: usize, plane: usize) -> usize {
        pair_words(channels, plane)
    }

    fn conv(isa: Isa, shape: &Conv2d, layer: &Layer) -> PairConvolution {
        PairConvolution::new(
            isa,
            shape,
            &layer.weights,
            Some(&layer.bias),
            layer.activation,
        )
    }

    fn run_conv(conv: &PairConvolution, from: &[u32], to: &mut [u32], onto: bool) {
        if onto {
            conv.run_block_onto(from, to);
        } else {
            conv.run_block(from, to);
        }
    }

    fn run_conv_in_f32(conv: &PairConvolution, from: &[u32], to: &mut [u32]) {
        let mut sums = vec![0.0; to.len()];
        conv.run_block_in_f32(from, &mut sums);
        to.iter_mut()
            .zip(sums)
            .for_each(|(to, sum)| *to = sum.to_bits());
    }

    fn mean_of_f32(from: &[u32], to: &mut [f32]) {
        let values: Vec<f32> = from.iter().copied().map(f32::from_bits).collect();
        global_avg_pool(&values, to);
    }

    fn max_pool(isa: Isa, shape: &Pool2d, from: &[u32], to: &mut [u32]) {
        max_pool2d_block_of_pairs(isa, shape, from, to);
    }

    fn mean(channels: usize, plane: usize, from: &[u32], to: &mut [f32]) {
        global_avg_pool_of_pairs(channels, plane, from, to);
    }

    fn summarize(isa: Isa, shape: &Summary, from: &[u32], to: &mut [f32]) {
        summarize_block_of_pairs(isa, shape, from, to);
    }

    fn images<'a>(
        isa: Isa,
        channels: usize,
        plane: usize,
        pixels: &'a [f32],
        room: &'a mut [u32],
    ) -> &'a [u32] {
        to_pairs(isa, channels, plane, pixels, room);
        room
    }
}
