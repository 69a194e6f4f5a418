//! CPU kernels for small convolutional networks: convolution, linear layers, pooling and Adam, forward and
//! backward, in `f32`; and in bf16 what networks need to score and to train ([`PairConvolution`]).
//!
//! Tensors are plain slices. Images are *interleaved*: [`LANES`] of them lie side by side,
//! `[block][channel][height][width][LANES]` ([`interleave`] and [`separate`] convert), so that a vector holds the
//! same element of sixteen images. Nothing needs to be packed or padded then, whatever the size of an image, the
//! stride or the dilation, and small images cost no more than large ones. One micro-kernel multiplies small tiles;
//! forward, backward-data and backward-weights differ only in what they point it at.
//!
//! # Determinism
//! A result depends on the inputs, the shapes and the [`Isa`], never on the number of threads or on which of
//! them ran first: every sum has a fixed order, and is cut at places that depend on shapes alone.
//! Different [`Isa`]s may differ in the last bits, because they fuse additions differently.
//!
//! # Safety
//! This crate is the workspace's only home of `unsafe`, and `unsafe` lives in [`isa`] alone: SIMD intrinsics, assembly for
//! what has none, and the calls to functions compiled for a processor feature. Everything above it is safe code that goes
//! through wrappers which check bounds. All public functions are safe; they panic, naming the argument, if a
//! slice has not the length that the shapes call for.

mod adam;
mod check;
mod conv;
mod geometry;
pub mod isa;
mod lanes;
mod linear;
mod norm;
mod pairs;
mod pool;
mod relu;
mod scratch;
mod window;

pub use adam::{Adam, Moments};
pub use conv::{
    Convolution, conv2d, conv2d_backward_data, conv2d_backward_data_of, conv2d_backward_weights,
    conv2d_backward_weights_of, conv2d_into,
};
pub use geometry::{Activation, Conv2d, Linear, Part, Pool2d};
pub use isa::Isa;
pub use lanes::{LANES, blocks, interleave, separate};
pub use linear::{linear, linear_backward_data, linear_backward_weights};
pub use norm::{
    Norm, NormGradients, Statistics, batch_norm, batch_norm_backward, batch_norm_backward_of_pairs,
    batch_norm_of_pairs, batch_statistics, batch_statistics_of_pairs,
};
pub use pairs::{
    PairConvolution, PairLinear, conv2d_backward_weights_of_pairs, from_pairs,
    global_avg_pool_of_pairs, linear_backward_data_in_bf16, linear_backward_weights_in_bf16,
    linear_in_bf16, max_pool2d_backward_of_pairs, max_pool2d_block_of_pairs,
    max_pool2d_with_taps_of_pairs, pair_words, relu_backward_of_pairs, to_pairs,
};
pub use pool::{
    AdaptivePool2d, Divisor, NOBODY, Summary, adaptive_avg_pool2d, adaptive_avg_pool2d_backward,
    avg_pool2d, avg_pool2d_backward, global_avg_pool, global_avg_pool_backward,
    max_pool2d_backward, max_pool2d_block, max_pool2d_with_taps, summarize_block,
    summarize_block_of_pairs,
};
pub use relu::{add_relu, add_relu_of_pairs, multiply, relu_backward};
