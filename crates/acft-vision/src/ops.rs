//! The few tensor operations that all networks are made of.
//!
//! Networks call these and never Burn's own modules, so that this file alone
//! decides which kernels run: on the CPU those of `acft-kernels`, forward and
//! backward; on any other device Burn's. How images lie in memory is the
//! affair of [`Images`]; weights keep torchvision's layouts, so that a file of
//! weights is read without transposing anything.

mod adam;
mod autodiff;
mod buffers;
mod gradients;
mod images;
mod kernels;
mod pairs;
mod plain;
mod shapes;
mod tensors;
#[cfg(test)]
mod tests;

use std::ops::Range;

use acft_kernels::{Activation, LANES, blocks};
use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::module as burn_ops;
use burn::tensor::{DType, Device, Tensor, TensorData};

pub use self::adam::FusedAdam;
pub(crate) use self::buffers::{Circulation, take as buffer};
pub use self::images::Images;
pub(crate) use self::images::Layout;
use self::kernels::{Dense, KernelOps, Norm, Pool, Window};

/// A 2-D convolution (cross-correlation), optionally followed by a ReLU.
///
/// `weight` is out × in × kernel height × kernel width, `bias` has one value
/// per output channel; the same `stride` and zero `padding` apply to both axes.
pub fn conv2d(
    x: Images,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Images {
    if !x.interleaved() {
        return x.map(|x| plain::conv2d(x, weight, bias, stride, padding, relu));
    }
    // A bias of zeros costs nothing, and saves an operation of its own.
    let channels = weight.dims()[0];
    let bias = bias.unwrap_or_else(|| Tensor::zeros([channels], &weight.device()));
    let y = x.map(|x| {
        Tensor::from_dispatch(<Dispatch as KernelOps>::fused_conv2d(
            x.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            Window { stride, padding },
            activation(relu),
        ))
    });
    y.of_channels(channels)
}

/// The square windows of a max-pool.
#[derive(Clone, Copy, Debug)]
pub struct MaxPool {
    /// Their side.
    pub kernel: usize,
    /// The distance of neighbours.
    pub stride: usize,
    /// The width of a border that never wins.
    pub padding: usize,
    /// Whether the last window may reach over the edge, as in PyTorch's
    /// `ceil_mode`: it must still start inside. One window then covers an
    /// image that is smaller than it.
    pub ceil: bool,
}

/// Max pooling, optionally followed by a ReLU: the same as one before it, of
/// fewer values.
///
/// Panics if windows of 16 × 16, the largest, are followed by one on the CPU.
pub fn max_pool2d(x: Images, pool: MaxPool, relu: bool) -> Images {
    if !x.interleaved() {
        return x.map(|x| plain::max_pool2d(x, pool, relu));
    }
    let MaxPool {
        kernel,
        stride,
        padding,
        ceil,
    } = pool;
    let pool = Pool {
        kernel,
        window: Window { stride, padding },
        ceil,
        activation: activation(relu),
    };
    x.map(|x| {
        Tensor::from_dispatch(<Dispatch as KernelOps>::fused_max_pool2d(
            x.into_dispatch(),
            pool,
        ))
    })
}

/// One of two convolutions that read the same.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Out × in × kernel height × kernel width.
    pub weight: Tensor<4>,
    /// One value per output channel.
    pub bias: Tensor<1>,
    /// Zeros around the image, such that both outputs have its size.
    pub padding: usize,
}

/// Two convolutions of stride 1, each optionally followed by a ReLU, with their outputs as the channels of one.
pub fn conv2d_side_by_side(x: Images, branches: [Branch; 2], relu: bool) -> Images {
    if !x.interleaved() {
        let branch = |x: Tensor<4>, branch: Branch| {
            plain::conv2d(x, branch.weight, Some(branch.bias), 1, branch.padding, relu)
        };
        let [first, second] = branches;
        return x.map(|x| Tensor::cat(vec![branch(x.clone(), first), branch(x, second)], 1));
    }
    let windows = [0, 1].map(|i| Window {
        stride: 1,
        padding: branches[i].padding,
    });
    let channels = branches.iter().map(|branch| branch.weight.dims()[0]).sum();
    let [first, second] = branches;
    let y = x.map(|x| {
        Tensor::from_dispatch(<Dispatch as KernelOps>::fused_side_by_side(
            x.into_dispatch(),
            first.weight.into_dispatch(),
            first.bias.into_dispatch(),
            second.weight.into_dispatch(),
            second.bias.into_dispatch(),
            windows,
            activation(relu),
        ))
    });
    y.of_channels(channels)
}

/// The sum of two layers' outputs, and a ReLU; in f32 if either is.
pub fn add_relu(a: Images, b: Images) -> Images {
    let (a, b) = match (a.in_pairs(), b.in_pairs()) {
        (true, true) | (false, false) => (a, b),
        _ => (a.in_f32(), b.in_f32()),
    };
    let interleaved = a.interleaved();
    let b = b.into_values();
    if !interleaved {
        return a.map(|a| burn::tensor::activation::relu(a + b));
    }
    a.map(|a| {
        Tensor::from_dispatch(<Dispatch as KernelOps>::fused_add_relu(
            a.into_dispatch(),
            b.into_dispatch(),
        ))
    })
}

/// `x · mask`, element by element, where `mask` has one factor a value of `x`
/// and no gradient: a dropout.
pub fn masked<const D: usize>(x: Tensor<D>, mask: Vec<f32>) -> Tensor<D> {
    let mask = Tensor::<D>::from_data(TensorData::new(mask, x.dims()), &x.device());
    if !has_kernels(&x) {
        return x * mask;
    }
    Tensor::from_dispatch(<Dispatch as KernelOps>::fused_mask(
        x.into_dispatch(),
        mask.detach().into_dispatch(),
    ))
}

/// `(x − mean) / √(variance + epsilon) · weight + bias`, channel by channel,
/// with the given statistics, optionally followed by a ReLU.
pub fn batch_norm(
    x: Images,
    [mean, variance]: [Tensor<1>; 2],
    [weight, bias]: [Tensor<1>; 2],
    epsilon: f64,
    relu: bool,
) -> Images {
    x.in_f32().map(|x| {
        let y = burn_ops::batch_norm(x, weight, bias, mean, variance, epsilon);
        if relu {
            burn::tensor::activation::relu(y)
        } else {
            y
        }
    })
}

/// As [`batch_norm`] with the statistics of `x` itself, which are returned as
/// mean and variance, the latter with n in the denominator.
pub fn batch_norm_training(
    x: Images,
    [weight, bias]: [Tensor<1>; 2],
    epsilon: f64,
    relu: bool,
) -> (Images, [Tensor<1>; 2]) {
    if !x.interleaved() {
        let mut statistics = None;
        let y = x.map(|x| {
            let normed = burn_ops::batch_norm_train(x, weight, bias, epsilon);
            statistics = Some([normed.mean, normed.variance]);
            if relu {
                burn::tensor::activation::relu(normed.output)
            } else {
                normed.output
            }
        });
        return (y, statistics.expect("the layer was called"));
    }
    let [batch, ..] = x.dims();
    let channels = weight.dims()[0];
    let norm = Norm {
        batch,
        channels,
        epsilon,
    };
    let mut statistics = None;
    let y = x.map(|x| {
        let inner = x.clone().detach();
        let found = Tensor::<2>::from_dispatch(<Dispatch as KernelOps>::batch_statistics(
            inner.into_dispatch(),
            norm,
        ));
        let y = Tensor::from_dispatch(<Dispatch as KernelOps>::fused_batch_norm(
            x.into_dispatch(),
            found.clone().into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            norm,
            activation(relu),
        ));
        statistics = Some([0, 1].map(|row| found.clone().narrow(0, row, 1).reshape([channels])));
        y
    });
    (y, statistics.expect("the layer was called"))
}

/// `x · weightᵀ + bias`, optionally followed by a ReLU.
///
/// `x` is batch × in, `weight` is out × in (torchvision's layout), `bias` has
/// one value per output.
pub fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    dense(x, weight, bias, relu, false)
}

/// As [`linear`], with the factors of each product (and of those of the
/// gradients, where the inputs are a multiple of 16) rounded to bf16 if the
/// processor multiplies matrices of such numbers, and in f32 elsewhere.
pub fn linear_in_bf16(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    dense(x, weight, bias, relu, true)
}

fn dense(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool, rounded: bool) -> Tensor<2> {
    if !has_kernels(&x) {
        return plain::linear(x, weight, bias, relu);
    }
    let activation = activation(relu);
    Tensor::from_dispatch(<Dispatch as KernelOps>::fused_linear(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        Dense {
            activation,
            rounded,
        },
    ))
}

/// The mean over height and width: images to batch × channels.
pub fn global_avg_pool(x: Images) -> Tensor<2> {
    let x = x.in_f32();
    let [count, channels, height, width] = x.dims();
    let interleaved = x.interleaved();
    let x = x.into_values();
    if !interleaved {
        return x
            .reshape([count, channels, height * width])
            .mean_dim(2)
            .reshape([count, channels]);
    }
    x.reshape([blocks(count), channels, height * width, LANES])
        .mean_dim(2)
        .reshape([blocks(count), channels, LANES])
        .swap_dims(1, 2)
        .reshape([blocks(count) * LANES, channels])
        .narrow(0, 0, count)
}

/// The mean and the maximum over height and width, and the mean over the rows and columns of the centre if it is given:
/// images to batch × (2 or 3 × channels).
pub fn summarize(x: Images, centre: Option<[Range<usize>; 2]>) -> Tensor<2> {
    let [count, channels, height, width] = x.dims();
    let x = x.one_by_one();
    let rows = |x: Tensor<3>| x.reshape([count, channels]);
    let plane = x.clone().reshape([count, channels, height * width]);
    let mut parts = vec![rows(plane.clone().mean_dim(2)), rows(plane.max_dim(2))];
    if let Some([ys, xs]) = centre {
        let elements = ys.len() * xs.len();
        let inside = x.slice([0..count, 0..channels, ys, xs]);
        let inside = inside.reshape([count, channels, elements]);
        parts.push(rows(inside.mean_dim(2)));
    }
    Tensor::cat(parts, 1)
}

/// Averages to a grid of `size` × `size`, whatever the input's, as PyTorch's
/// `AdaptiveAvgPool2d` does: images to batch × (channels × size × size).
pub fn adaptive_avg_pool2d(x: Images, size: usize) -> Tensor<2> {
    let [_, _, height, width] = x.dims();
    let x = x.in_f32();
    if [height, width] == [size; 2] {
        return x.one_by_one().flatten(1, 3);
    }
    if !x.interleaved() {
        return burn_ops::adaptive_avg_pool2d(x.into_values(), [size; 2]).flatten(1, 3);
    }
    let x = x.map(|x| {
        let x = x.into_dispatch();
        Tensor::from_dispatch(<Dispatch as KernelOps>::fused_adaptive_avg_pool2d(x, size))
    });
    x.one_by_one().flatten(1, 3)
}

/// Whether our kernels can take the tensor: 32-bit floats on the CPU.
fn has_kernels<const D: usize>(x: &Tensor<D>) -> bool {
    on_cpu(&x.device()) && x.dtype() == DType::F32
}

/// Whether our kernels run on a device.
fn on_cpu(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Autodiff(device) => matches!(**device, DispatchDevice::Flex(_)),
        device => matches!(device, DispatchDevice::Flex(_)),
    }
}

fn activation(relu: bool) -> Activation {
    if relu {
        Activation::Relu
    } else {
        Activation::Identity
    }
}
