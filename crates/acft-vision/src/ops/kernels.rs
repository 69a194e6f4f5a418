//! Burn's CPU tensors through our kernels: the operations, without their gradients
//! ([`super::gradients`]) and the bookkeeping of automatic differentiation.
//!
//! Images lie side by side; see [`super::Images`] for the axes of their tensors.

use acft_kernels::{self as kernels, Activation, Isa, LANES, Statistics};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};

use super::{
    buffers, pairs,
    shapes::{Branches, adaptive_shape, conv_shape, linear_shape, norm_shape, pool_shape},
    tensors::{contiguous, dims, like, statistics_of, tensor, values},
};

/// Distances that are the same along both axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) stride: usize,
    pub(super) padding: usize,
}

/// A max-pooling step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    pub(super) kernel: usize,
    pub(super) window: Window,
    pub(super) ceil: bool,
    /// What follows.
    pub(super) activation: Activation,
}

/// A fully connected layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dense {
    pub(super) activation: Activation,
    /// Whether factors are rounded to bf16, where that is faster.
    pub(super) rounded: bool,
}

/// A batch normalisation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    /// Images in the batch, which may not fill the last block.
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) epsilon: f64,
}

/// What the kernels add to a backend. Only the CPU has them, so that callers
/// ask for the device first.
#[backend_extension(Autodiff, Flex)]
pub(super) trait KernelOps: Backend {
    /// A convolution with bias and activation.
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// A fully connected layer with bias and activation.
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Dense,
    ) -> FloatTensor<Self>;

    /// A max-pool.
    fn fused_max_pool2d(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self>;

    /// An average over `size` × `size` windows, whatever the size of the images.
    fn fused_adaptive_avg_pool2d(x: FloatTensor<Self>, size: usize) -> FloatTensor<Self>;

    /// Two convolutions of the same input, each with the activation, with their
    /// outputs as the channels of one.
    fn fused_side_by_side(
        x: FloatTensor<Self>,
        first_weight: FloatTensor<Self>,
        first_bias: FloatTensor<Self>,
        second_weight: FloatTensor<Self>,
        second_bias: FloatTensor<Self>,
        windows: [Window; 2],
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// Mean and variance of each channel, as the two rows of a matrix; without
    /// a gradient of their own.
    fn batch_statistics(x: FloatTensor<Self>, norm: Norm) -> FloatTensor<Self>;

    /// A batch normalisation of `x` by the statistics of `x`; its gradient
    /// knows that they are.
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        norm: Norm,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// The sum of two layers' outputs, and a ReLU.
    fn fused_add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Images rounded to bf16: see [`pairs`].
    fn to_bf16(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The same of so many channels back in f32.
    fn to_f32(x: FloatTensor<Self>, channels: usize) -> FloatTensor<Self>;

    /// The product with a mask that has no gradient.
    fn fused_mask(x: FloatTensor<Self>, mask: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl KernelOps for Flex {
    fn fused_conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        window: Window,
        activation: Activation,
    ) -> FlexTensor {
        if pairs::holds(&x) {
            return pairs::conv2d(x, [weight, bias], window, activation);
        }
        let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
        let shape = conv_shape(&x, &weight, window);
        let mut y = buffers::take(shape.output_len());
        kernels::conv2d(
            Isa::best(),
            &shape,
            values(&x),
            values(&weight),
            Some(values(&bias)),
            activation,
            &mut y,
        );
        let [height, width] = shape.output();
        tensor(
            y,
            [
                kernels::blocks(shape.batch),
                shape.out_channels,
                height,
                width * LANES,
            ],
        )
    }

    fn fused_linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        layer: Dense,
    ) -> FlexTensor {
        let (isa, activation) = (Isa::best(), layer.activation);
        let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
        let shape = linear_shape(&x, &weight);
        let mut y = buffers::take(shape.batch * shape.outputs);
        let (x, w, b) = (values(&x), values(&weight), values(&bias));
        if layer.rounded {
            kernels::linear_in_bf16(isa, &shape, x, w, b, activation, &mut y);
        } else {
            kernels::linear(isa, &shape, x, w, Some(b), activation, &mut y);
        }
        tensor(y, [shape.batch, shape.outputs])
    }

    fn fused_max_pool2d(x: FlexTensor, pool: Pool) -> FlexTensor {
        max_pool2d_with_taps(x, pool).0
    }

    fn fused_adaptive_avg_pool2d(x: FlexTensor, size: usize) -> FlexTensor {
        let x = contiguous(x);
        let (shape, dims) = adaptive_shape(&dims(&x), size);
        let mut y = buffers::take(dims.iter().product());
        kernels::adaptive_avg_pool2d(Isa::best(), &shape, values(&x), &mut y);
        buffers::give(x);
        tensor(y, dims)
    }

    fn fused_side_by_side(
        x: FlexTensor,
        first_weight: FlexTensor,
        first_bias: FlexTensor,
        second_weight: FlexTensor,
        second_bias: FlexTensor,
        windows: [Window; 2],
        activation: Activation,
    ) -> FlexTensor {
        let (weights, biases) = ([first_weight, second_weight], [first_bias, second_bias]);
        if pairs::holds(&x) {
            return pairs::side_by_side(x, weights, biases, windows, activation);
        }
        let (x, weights, biases) = (
            contiguous(x),
            weights.map(contiguous),
            biases.map(contiguous),
        );
        let both = Branches::new(&x, &weights, windows);
        let mut y = buffers::take(both.len());
        for (i, (shape, part)) in both.0.iter().enumerate() {
            kernels::conv2d_into(
                Isa::best(),
                shape,
                values(&x),
                values(&weights[i]),
                Some(values(&biases[i])),
                activation,
                (&mut y, *part),
            );
        }
        tensor(y, both.dims())
    }

    fn batch_statistics(x: FlexTensor, norm: Norm) -> FlexTensor {
        let x = contiguous(x);
        let shape = norm_shape(&x, norm);
        let Statistics { mut mean, variance } = if pairs::holds(&x) {
            pairs::batch_statistics(&x, &shape)
        } else {
            kernels::batch_statistics(Isa::best(), &shape, values(&x))
        };
        mean.extend(variance);
        tensor(mean, [2, shape.channels])
    }

    fn fused_batch_norm(
        x: FlexTensor,
        statistics: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        norm: Norm,
        activation: Activation,
    ) -> FlexTensor {
        let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
        let (shape, statistics) = (norm_shape(&x, norm), statistics_of(statistics));
        let parameters = [values(&weight), values(&bias)];
        if pairs::holds(&x) {
            return pairs::batch_norm(&x, &shape, &statistics, parameters, activation);
        }
        let mut y = buffers::take(shape.len());
        kernels::batch_norm(
            Isa::best(),
            &shape,
            values(&x),
            &statistics,
            parameters,
            activation,
            &mut y,
        );
        tensor(y, dims::<4>(&x))
    }

    fn fused_add_relu(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let (a, b) = (contiguous(a), contiguous(b));
        if pairs::holds(&a) {
            return pairs::add_relu(&a, &b);
        }
        let mut y = buffers::take(values(&a).len());
        kernels::add_relu(Isa::best(), values(&a), values(&b), &mut y);
        tensor(y, dims::<4>(&a))
    }

    fn to_bf16(x: FlexTensor) -> FlexTensor {
        pairs::from_f32(x)
    }

    fn to_f32(x: FlexTensor, channels: usize) -> FlexTensor {
        pairs::to_f32(x, channels)
    }

    fn fused_mask(x: FlexTensor, mask: FlexTensor) -> FlexTensor {
        let (x, mask) = (contiguous(x), contiguous(mask));
        let mut y = buffers::take(values(&x).len());
        kernels::multiply(values(&x), values(&mask), &mut y);
        like(y, &x)
    }
}

/// A max-pool, and the elements that won.
pub(super) fn max_pool2d_with_taps(x: FlexTensor, pool: Pool) -> (FlexTensor, Vec<u8>) {
    if pairs::holds(&x) {
        return pairs::max_pool2d_with_taps(x, pool);
    }
    let x = contiguous(x);
    let (shape, dims) = pool_shape(&dims(&x), pool);
    let (mut y, mut taps) = (
        buffers::take(shape.output_len()),
        vec![0; shape.output_len()],
    );
    kernels::max_pool2d_with_taps(
        Isa::best(),
        &shape,
        pool.activation,
        values(&x),
        &mut y,
        &mut taps,
    );
    buffers::give(x);
    (tensor(y, dims), taps)
}
