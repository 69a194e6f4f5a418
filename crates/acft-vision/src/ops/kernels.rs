//! Burn's CPU tensors through our kernels: the operations and their gradients,
//! without the bookkeeping of automatic differentiation.
//!
//! Images lie side by side; see [`super::Images`] for the axes of their tensors.

use acft_kernels::{
    self as kernels, Activation, Conv2d, Isa, LANES, Linear, NormGradients, Pool2d, Statistics,
};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape};
use rayon::prelude::*;

use super::buffers;

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
}

/// A batch normalisation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    /// Images in the batch, which may not fill the last block.
    pub(super) batch: usize,
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
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// A max-pool.
    fn fused_max_pool2d(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self>;

    /// Two layers' outputs as the channels of one.
    fn fused_cat_channels(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;

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
        activation: Activation,
    ) -> FlexTensor {
        let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
        let shape = linear_shape(&x, &weight);
        let mut y = buffers::take(shape.batch * shape.outputs);
        kernels::linear(
            Isa::best(),
            &shape,
            values(&x),
            values(&weight),
            Some(values(&bias)),
            activation,
            &mut y,
        );
        tensor(y, [shape.batch, shape.outputs])
    }

    fn fused_max_pool2d(x: FlexTensor, pool: Pool) -> FlexTensor {
        let x = contiguous(x);
        let (shape, dims) = pool_shape(&dims(&x), pool);
        let mut y = buffers::take(shape.output_len());
        kernels::max_pool2d(Isa::best(), &shape, values(&x), &mut y);
        tensor(y, dims)
    }

    fn fused_cat_channels(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let (a, b) = (contiguous(a), contiguous(b));
        let ([blocks, first, height, width], [_, second, ..]) = (dims(&a), dims::<4>(&b));
        let plane = height * width;
        let mut y = buffers::take(blocks * (first + second) * plane);
        y.par_chunks_exact_mut((first + second) * plane)
            .zip(values(&a).par_chunks_exact(first * plane))
            .zip(values(&b).par_chunks_exact(second * plane))
            .for_each(|((y, a), b)| {
                y[..first * plane].copy_from_slice(a);
                y[first * plane..].copy_from_slice(b);
            });
        tensor(y, [blocks, first + second, height, width])
    }

    fn batch_statistics(x: FlexTensor, norm: Norm) -> FlexTensor {
        let x = contiguous(x);
        let shape = norm_shape(&x, norm);
        let Statistics { mut mean, variance } = kernels::batch_statistics(&shape, values(&x));
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
        let shape = norm_shape(&x, norm);
        let mut y = buffers::take(shape.len());
        kernels::batch_norm(
            &shape,
            values(&x),
            &statistics_of(statistics),
            values(&weight),
            values(&bias),
            activation,
            &mut y,
        );
        tensor(y, dims::<4>(&x))
    }

    fn fused_add_relu(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let (a, b) = (contiguous(a), contiguous(b));
        let mut y = buffers::take(values(&a).len());
        kernels::add_relu(values(&a), values(&b), &mut y);
        tensor(y, dims::<4>(&a))
    }

    fn fused_mask(x: FlexTensor, mask: FlexTensor) -> FlexTensor {
        let (x, mask) = (contiguous(x), contiguous(mask));
        let mut y = buffers::take(values(&x).len());
        kernels::multiply(values(&x), values(&mask), &mut y);
        like(y, &x)
    }
}

/// Which inputs of a layer want a gradient: its input, weights and bias.
pub(super) type Wanted = [bool; 3];

/// The gradients of [`KernelOps::fused_conv2d`] that are wanted, from its
/// input, weights and output, and the gradient of its output.
pub(super) fn conv2d_gradients(
    [x, weight, y, dy]: [FlexTensor; 4],
    window: Window,
    activation: Activation,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let (x, weight) = (contiguous(x), contiguous(weight));
    let shape = conv_shape(&x, &weight, window);
    let dy = before_activation(y, dy, activation);
    let dx = wanted[0].then(|| {
        let mut dx = buffers::take(shape.input_len());
        kernels::conv2d_backward_data(Isa::best(), &shape, values(&dy), values(&weight), &mut dx);
        tensor(dx, dims::<4>(&x))
    });
    let parameters = (wanted[1] || wanted[2]).then(|| {
        let (mut dw, mut db) = (
            buffers::take(shape.weight_len()),
            vec![0.0; shape.out_channels],
        );
        kernels::conv2d_backward_weights(
            Isa::best(),
            &shape,
            values(&x),
            values(&dy),
            &mut dw,
            Some(&mut db),
        );
        (
            tensor(dw, dims::<4>(&weight)),
            tensor(db, [shape.out_channels]),
        )
    });
    let (dw, db) = parameters.unzip();
    buffers::give(dy);
    buffers::give(x);
    [dx, dw, db]
}

/// The gradients of [`KernelOps::fused_linear`] that are wanted, from its
/// input, weights and output, and the gradient of its output.
pub(super) fn linear_gradients(
    [x, weight, y, dy]: [FlexTensor; 4],
    activation: Activation,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let (x, weight) = (contiguous(x), contiguous(weight));
    let shape = linear_shape(&x, &weight);
    let dy = before_activation(y, dy, activation);
    let dx = wanted[0].then(|| {
        let mut dx = buffers::take(shape.batch * shape.inputs);
        kernels::linear_backward_data(Isa::best(), &shape, values(&dy), values(&weight), &mut dx);
        tensor(dx, [shape.batch, shape.inputs])
    });
    let parameters = (wanted[1] || wanted[2]).then(|| {
        let (mut dw, mut db) = (
            buffers::take(shape.outputs * shape.inputs),
            vec![0.0; shape.outputs],
        );
        kernels::linear_backward_weights(
            Isa::best(),
            &shape,
            values(&x),
            values(&dy),
            &mut dw,
            Some(&mut db),
        );
        (
            tensor(dw, [shape.outputs, shape.inputs]),
            tensor(db, [shape.outputs]),
        )
    });
    let (dw, db) = parameters.unzip();
    buffers::give(dy);
    buffers::give(x);
    [dx, dw, db]
}

/// A max-pool, and the elements that won.
pub(super) fn max_pool2d_with_taps(x: FlexTensor, pool: Pool) -> (FlexTensor, Vec<u8>) {
    let x = contiguous(x);
    let (shape, dims) = pool_shape(&dims(&x), pool);
    let (mut y, mut taps) = (
        buffers::take(shape.output_len()),
        vec![0; shape.output_len()],
    );
    kernels::max_pool2d_with_taps(Isa::best(), &shape, values(&x), &mut y, &mut taps);
    (tensor(y, dims), taps)
}

/// The gradient of a max-pool's input, whose sizes are `input`.
pub(super) fn max_pool2d_gradient(
    dy: FlexTensor,
    input: [usize; 4],
    pool: Pool,
    taps: &[u8],
) -> FlexTensor {
    let dy = contiguous(dy);
    let (shape, _) = pool_shape(&input, pool);
    let mut dx = buffers::take(shape.input_len());
    kernels::max_pool2d_backward(&shape, values(&dy), taps, &mut dx);
    buffers::give(dy);
    tensor(dx, input)
}

/// The gradients of the two inputs of [`KernelOps::fused_cat_channels`], of
/// which the first has `first` channels, from that of its output: views of it,
/// because the layers before have to go through them anyway.
pub(super) fn cat_channels_gradients(dy: FlexTensor, first: usize) -> [FlexTensor; 2] {
    let [_, channels, ..] = dims::<4>(&dy);
    [(0, first), (first, channels - first)].map(|(from, count)| dy.narrow(1, from, count))
}

/// The gradient of both inputs of [`KernelOps::fused_add_relu`], from its
/// output and that of its output.
pub(super) fn add_relu_gradient(y: FlexTensor, dy: FlexTensor) -> FlexTensor {
    before_activation(y, dy, Activation::Relu)
}

/// The gradient of [`KernelOps::fused_mask`], from the mask and that of its
/// output.
pub(super) fn mask_gradient(mask: FlexTensor, dy: FlexTensor) -> FlexTensor {
    let (mask, dy) = (contiguous(mask), contiguous(dy));
    let mut dx = buffers::take(values(&dy).len());
    kernels::multiply(values(&dy), values(&mask), &mut dx);
    let dx = like(dx, &dy);
    buffers::give(mask);
    buffers::give(dy);
    dx
}

/// The gradients of [`KernelOps::fused_batch_norm`] that are wanted (of input,
/// weights and bias), from its input, weights and output, the gradient of its
/// output, and its statistics.
pub(super) fn batch_norm_gradients(
    [x, weight, y, dy]: [FlexTensor; 4],
    statistics: FlexTensor,
    (norm, activation): (Norm, Activation),
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let (x, weight) = (contiguous(x), contiguous(weight));
    let dy = before_activation(y, dy, activation);
    let shape = norm_shape(&x, norm);
    let mut dx = buffers::take(shape.len());
    let (mut dw, mut db) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    kernels::batch_norm_backward(
        &shape,
        values(&x),
        &statistics_of(statistics),
        values(&weight),
        values(&dy),
        NormGradients {
            x: &mut dx,
            weight: &mut dw,
            bias: &mut db,
        },
    );
    let (sizes, channels) = (dims::<4>(&x), [shape.channels]);
    buffers::give(dy);
    buffers::give(x);
    [
        wanted[0].then(|| tensor(dx, sizes)),
        wanted[1].then(|| tensor(dw, channels)),
        wanted[2].then(|| tensor(db, channels)),
    ]
}

/// The two rows that [`KernelOps::batch_statistics`] gives.
fn statistics_of(rows: FlexTensor) -> Statistics {
    let rows = contiguous(rows);
    let (mean, variance) = values(&rows).split_at(dims::<2>(&rows)[1]);
    Statistics {
        mean: mean.to_vec(),
        variance: variance.to_vec(),
    }
}

/// The gradient of a layer's output before its activation.
fn before_activation(y: FlexTensor, dy: FlexTensor, activation: Activation) -> FlexTensor {
    if activation == Activation::Identity {
        return contiguous(dy);
    }
    let y = contiguous(y);
    if let Some(found) = before_relu_in_part(&y, &dy) {
        buffers::give(dy);
        buffers::give(y);
        return found;
    }
    let mut dy = whole(dy);
    if dy.try_storage_mut::<f32>().is_some() {
        kernels::relu_backward(values(&y), dy.storage_mut());
        buffers::give(y);
        return dy;
    }
    // Somebody else needs the gradient as it is.
    let mut found = buffers::take(values(&dy).len());
    found.copy_from_slice(values(&dy));
    kernels::relu_backward(values(&y), &mut found);
    buffers::give(y);
    like(found, &dy)
}

/// The gradient before a ReLU where `dy` is some channels of a larger one: see
/// [`cat_channels_gradients`].
fn before_relu_in_part(y: &FlexTensor, dy: &FlexTensor) -> Option<FlexTensor> {
    let layout = dy.layout();
    if dy.is_contiguous() || layout.num_dims() != 4 {
        return None;
    }
    let [blocks, channels, height, width] = dims(dy);
    let inner = [height * width, width, 1].map(|stride| stride as isize);
    let [outer, rest @ ..] = <[isize; 4]>::try_from(layout.strides()).ok()?;
    if rest != inner || outer < 0 {
        return None;
    }
    let mut found = buffers::take(blocks * channels * height * width);
    let starts = |block| layout.start_offset() + block * outer as usize;
    let whole = dy.storage::<f32>();
    kernels::relu_backward_from(whole, starts, blocks, values(y), &mut found);
    Some(tensor(found, [blocks, channels, height, width]))
}

fn conv_shape(x: &FlexTensor, weight: &FlexTensor, window: Window) -> Conv2d {
    let [blocks, in_channels, height, width] = dims(x);
    let [out_channels, _, kernel_height, kernel_width] = dims(weight);
    Conv2d {
        batch: blocks * LANES,
        in_channels,
        input: [height, width / LANES],
        out_channels,
        kernel: [kernel_height, kernel_width],
        stride: [window.stride; 2],
        padding: [window.padding; 2],
        dilation: [1; 2],
        groups: 1,
    }
}

fn linear_shape(x: &FlexTensor, weight: &FlexTensor) -> Linear {
    let ([batch, inputs], [outputs, _]) = (dims(x), dims(weight));
    Linear {
        batch,
        inputs,
        outputs,
    }
}

/// The shape of a pool of images, and the sizes of its output.
fn pool_shape(&[blocks, channels, height, width]: &[usize; 4], pool: Pool) -> (Pool2d, [usize; 4]) {
    let shape = Pool2d {
        planes: blocks * channels,
        input: [height, width / LANES],
        kernel: pool.kernel,
        stride: pool.window.stride,
        padding: pool.window.padding,
        ceil: pool.ceil,
    };
    let [height, width] = shape.output();
    (shape, [blocks, channels, height, width * LANES])
}

fn norm_shape(x: &FlexTensor, norm: Norm) -> kernels::Norm {
    let [_, channels, height, width] = dims(x);
    kernels::Norm {
        batch: norm.batch,
        channels,
        positions: height * width / LANES,
        epsilon: norm.epsilon as f32,
    }
}

/// The sizes of a tensor of `D` axes.
pub(super) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// The tensor itself, or a copy, that is all of its buffer, in order: what can
/// be changed in place.
pub(super) fn whole(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// The tensor itself, or a copy with its elements in order.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The elements of a contiguous tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("networks run in f32, and this tensor was made contiguous")
}

pub(super) fn tensor<const D: usize>(values: Vec<f32>, dims: [usize; D]) -> FlexTensor {
    shaped(values, Shape::from(dims))
}

/// Values in the shape of another tensor.
pub(super) fn like(values: Vec<f32>, other: &FlexTensor) -> FlexTensor {
    shaped(values, other.layout().shape().clone())
}

fn shaped(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape),
        DType::F32,
    )
}
