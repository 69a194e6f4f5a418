//! `f32` CPU kernels for small convolutional networks: convolution, linear layers, pooling and Adam,
//! forward and backward.
//!
//! Tensors are plain slices in row-major order, images in NCHW. Every convolution is an implicit matrix
//! product: a packer copies what a block of outputs needs into a panel that stays in cache, and one small
//! micro-kernel multiplies panels. Forward, backward-data and backward-weights differ only in what they pack.
//!
//! # Determinism
//! A result depends on the inputs, the shapes and the [`Isa`], never on the number of threads or on which of
//! them ran first: every sum has a fixed order, and is cut at places that depend on shapes alone.
//! Different [`Isa`]s may differ in the last bits, because they fuse and order additions differently.
//!
//! # Safety
//! This crate is the workspace's only home of `unsafe`, and `unsafe` lives in [`isa`] alone: SIMD intrinsics
//! and the calls to functions compiled for a processor feature. Everything above it is safe code that goes
//! through wrappers which check lengths. All public functions are safe; they panic, naming the argument, if a
//! slice has not the length that the shapes call for.

mod adam;
mod check;
mod conv;
mod geometry;
pub mod isa;
mod linear;
mod padded;
mod pool;
mod relu;
mod scratch;

pub use adam::{Adam, Moments};
pub use conv::{conv2d, conv2d_backward_data, conv2d_backward_weights};
pub use geometry::{Activation, Conv2d, Linear, Pool2d};
pub use isa::Isa;
pub use linear::{linear, linear_backward_data, linear_backward_weights};
pub use pool::{
    global_avg_pool, global_avg_pool_backward, max_pool2d, max_pool2d_backward,
    max_pool2d_with_taps,
};
pub use relu::relu_backward;
