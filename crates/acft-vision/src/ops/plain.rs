//! The operations as Burn composes them, for every device; also what the
//! kernels are tested against.

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::module as burn_ops;
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

use super::MaxPool;

/// See [`super::conv2d`].
pub(super) fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    let y = burn_ops::conv2d(x, weight, bias, options);
    if relu { activation::relu(y) } else { y }
}

/// See [`super::max_pool2d`].
pub(super) fn max_pool2d(x: Tensor<4>, pool: MaxPool, relu: bool) -> Tensor<4> {
    let MaxPool {
        kernel,
        stride,
        padding,
        ceil,
    } = pool;
    let [_, _, height, width] = x.dims();
    let y = if ceil && height.max(width) <= kernel {
        x.max_dim(2).max_dim(3)
    } else {
        let options = MaxPoolOptions::new([kernel; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2])
            .with_ceil_mode(ceil);
        burn_ops::max_pool2d(x, options)
    };
    if relu { activation::relu(y) } else { y }
}

/// See [`super::linear`].
pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    let y = x.matmul(weight.transpose()) + bias.unsqueeze::<2>();
    if relu { activation::relu(y) } else { y }
}
