//! The few tensor operations that all networks are made of.
//!
//! Networks call these and never Burn's own modules, so that this file alone
//! decides which kernels run: on the CPU those of `acft-kernels`, forward and
//! backward; on any other device Burn's. Images are NCHW; weights keep
//! torchvision's layouts, so that a file of weights is read without
//! transposing anything.

mod adam;
mod autodiff;
mod kernels;
mod plain;
#[cfg(test)]
mod tests;

use acft_kernels::Activation;
use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor};

pub use self::adam::FusedAdam;
use self::kernels::{KernelOps, Pool, Window};

/// A 2-D convolution (cross-correlation), optionally followed by a ReLU.
///
/// `x` is batch × channels × height × width, `weight` is out × in × kernel
/// height × kernel width, `bias` has one value per output channel; the same
/// `stride` and zero `padding` apply to both axes.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    if !has_kernels(&x) {
        return plain::conv2d(x, weight, bias, stride, padding, relu);
    }
    // A bias of zeros costs nothing, and saves an operation of its own.
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &weight.device()));
    Tensor::from_dispatch(<Dispatch as KernelOps>::fused_conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        Window { stride, padding },
        activation(relu),
    ))
}

/// Max pooling with a square window. `ceil` lets the last window reach over
/// the edge, as PyTorch's `ceil_mode` does: it must still start inside.
pub fn max_pool2d(
    x: Tensor<4>,
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
) -> Tensor<4> {
    if !has_kernels(&x) {
        return plain::max_pool2d(x, kernel, stride, padding, ceil);
    }
    let pool = Pool {
        kernel,
        window: Window { stride, padding },
        ceil,
    };
    Tensor::from_dispatch(<Dispatch as KernelOps>::fused_max_pool2d(
        x.into_dispatch(),
        pool,
    ))
}

/// `x · weightᵀ + bias`, optionally followed by a ReLU.
///
/// `x` is batch × in, `weight` is out × in (torchvision's layout), `bias` has
/// one value per output.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    if !has_kernels(&x) {
        return plain::linear(x, weight, bias, relu);
    }
    Tensor::from_dispatch(<Dispatch as KernelOps>::fused_linear(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        activation(relu),
    ))
}

/// The mean over height and width: batch × channels × h × w to batch × channels.
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height * width])
        .mean_dim(2)
        .reshape([batch, channels])
}

/// Averages to a grid of `size` × `size`, whatever the input's, as PyTorch's
/// `AdaptiveAvgPool2d` does.
pub fn adaptive_avg_pool2d(x: Tensor<4>, size: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    if height == size && width == size {
        return x;
    }
    burn::tensor::module::adaptive_avg_pool2d(x, [size; 2])
}

/// Whether our kernels can take the tensor: 32-bit floats on the CPU.
fn has_kernels<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    let on_cpu = match device.as_dispatch() {
        DispatchDevice::Autodiff(device) => matches!(**device, DispatchDevice::Flex(_)),
        device => matches!(device, DispatchDevice::Flex(_)),
    };
    on_cpu && x.dtype() == DType::F32
}

fn activation(relu: bool) -> Activation {
    if relu {
        Activation::Relu
    } else {
        Activation::Identity
    }
}
