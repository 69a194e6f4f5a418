//! Burn's CPU tensors through our kernels: the operations and their gradients,
//! without the bookkeeping of automatic differentiation.
//!
//! Images lie side by side; see [`super::Images`] for the axes of their tensors.

use acft_kernels::{
    self as kernels, Activation, AdaptivePool2d, Conv2d, Isa, LANES, Linear, NormGradients, Part,
    Pool2d, Statistics,
};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::{Bytes, DType, Shape};

use super::{buffers, pairs};

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

/// Which inputs of a layer want a gradient: its input, weights and bias.
pub(super) type Wanted = [bool; 3];

/// The gradients of [`KernelOps::fused_conv2d`] that are wanted, from its
/// input and weights, the gradient of its output, and the output if a ReLU
/// follows.
pub(super) fn conv2d_gradients(
    [x, weight, dy]: [FlexTensor; 3],
    rectified: Option<FlexTensor>,
    window: Window,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    if pairs::holds(&x) {
        return pairs::conv2d_gradients([x, weight, dy], rectified, window, wanted);
    }
    let (x, weight) = (contiguous(x), contiguous(weight));
    let shape = conv_shape(&x, &weight, window);
    let dy = before_relu(rectified, dy);
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
/// input and weights, the gradient of its output, and the output if a ReLU
/// follows.
pub(super) fn linear_gradients(
    [x, weight, dy]: [FlexTensor; 3],
    rectified: Option<FlexTensor>,
    layer: Dense,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let isa = Isa::best();
    let (x, weight) = (contiguous(x), contiguous(weight));
    let shape = linear_shape(&x, &weight);
    let dy = before_relu(rectified, dy);
    let dx = wanted[0].then(|| {
        let mut dx = buffers::take(shape.batch * shape.inputs);
        let (dy, w) = (values(&dy), values(&weight));
        if layer.rounded {
            kernels::linear_backward_data_in_bf16(isa, &shape, dy, w, &mut dx);
        } else {
            kernels::linear_backward_data(isa, &shape, dy, w, &mut dx);
        }
        tensor(dx, [shape.batch, shape.inputs])
    });
    let parameters = (wanted[1] || wanted[2]).then(|| {
        let mut dw = buffers::take(shape.outputs * shape.inputs);
        let mut db = vec![0.0; shape.outputs];
        let (x, dy) = (values(&x), values(&dy));
        if layer.rounded {
            kernels::linear_backward_weights_in_bf16(isa, &shape, x, dy, &mut dw, &mut db);
        } else {
            kernels::linear_backward_weights(isa, &shape, x, dy, &mut dw, Some(&mut db));
        }
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

/// The gradient of a max-pool's input, whose sizes are `input`.
pub(super) fn max_pool2d_gradient(
    dy: FlexTensor,
    input: [usize; 4],
    pool: Pool,
    taps: &[u8],
) -> FlexTensor {
    if pairs::holds(&dy) {
        return pairs::max_pool2d_gradient(dy, input, pool, taps);
    }
    let dy = contiguous(dy);
    let (shape, _) = pool_shape(&input, pool);
    let mut dx = buffers::take(shape.input_len());
    kernels::max_pool2d_backward(Isa::best(), &shape, values(&dy), taps, &mut dx);
    buffers::give(dy);
    tensor(dx, input)
}

/// The gradient of the input of [`KernelOps::fused_adaptive_avg_pool2d`],
/// whose sizes are `input`.
pub(super) fn adaptive_avg_pool2d_gradient(
    dy: FlexTensor,
    input: [usize; 4],
    size: usize,
) -> FlexTensor {
    let dy = contiguous(dy);
    let (shape, _) = adaptive_shape(&input, size);
    let mut dx = buffers::take(input.iter().product());
    kernels::adaptive_avg_pool2d_backward(Isa::best(), &shape, values(&dy), &mut dx);
    buffers::give(dy);
    tensor(dx, input)
}

/// Two convolutions of the same input, and which channels of their common
/// output each of them makes.
pub(super) struct Branches(pub(super) [(Conv2d, Part); 2]);

impl Branches {
    pub(super) fn new(x: &FlexTensor, weights: &[FlexTensor; 2], windows: [Window; 2]) -> Self {
        let shapes = [0, 1].map(|i| conv_shape(x, &weights[i], windows[i]));
        let first = shapes[0].out_channels;
        let of = first + shapes[1].out_channels;
        Self([
            (shapes[0], Part { first: 0, of }),
            (shapes[1], Part { first, of }),
        ])
    }

    /// The sizes of the common output.
    fn dims(&self) -> [usize; 4] {
        let (shape, part) = self.0[0];
        let [height, width] = shape.output();
        [kernels::blocks(shape.batch), part.of, height, width * LANES]
    }

    fn len(&self) -> usize {
        self.dims().iter().product()
    }
}

/// The gradients of [`KernelOps::fused_side_by_side`] that are wanted (of input,
/// and of weights and bias of each), from its input and weights, the gradient
/// of its output, and the output if a ReLU follows.
pub(super) fn side_by_side_gradients(
    [x, dy]: [FlexTensor; 2],
    rectified: Option<FlexTensor>,
    weights: [FlexTensor; 2],
    windows: [Window; 2],
    wanted: [bool; 5],
) -> [Option<FlexTensor>; 5] {
    if pairs::holds(&x) {
        return pairs::side_by_side_gradients([x, dy], rectified, weights, windows, wanted);
    }
    let (x, weights) = (contiguous(x), weights.map(contiguous));
    let both = Branches::new(&x, &weights, windows);
    let dy = before_relu(rectified, dy);
    let dx = wanted[0].then(|| {
        let mut dx = buffers::take(both.0[0].0.input_len());
        for (i, (shape, part)) in both.0.iter().enumerate() {
            kernels::conv2d_backward_data_of(
                Isa::best(),
                shape,
                (values(&dy), *part),
                values(&weights[i]),
                (&mut dx, i > 0),
            );
        }
        tensor(dx, dims::<4>(&x))
    });
    let [first, second] = [0, 1].map(|i| {
        let (shape, part) = &both.0[i];
        if !(wanted[1 + 2 * i] || wanted[2 + 2 * i]) {
            return (None, None);
        }
        let mut dw = buffers::take(shape.weight_len());
        let mut db = vec![0.0; shape.out_channels];
        kernels::conv2d_backward_weights_of(
            Isa::best(),
            shape,
            values(&x),
            (values(&dy), *part),
            &mut dw,
            Some(&mut db),
        );
        (
            Some(tensor(dw, dims::<4>(&weights[i]))),
            Some(tensor(db, [shape.out_channels])),
        )
    });
    buffers::give(dy);
    buffers::give(x);
    [dx, first.0, first.1, second.0, second.1]
}

/// The gradient of both inputs of [`KernelOps::fused_add_relu`], from its
/// output and that of its output.
pub(super) fn add_relu_gradient(y: FlexTensor, dy: FlexTensor) -> FlexTensor {
    if pairs::holds(&dy) {
        return pairs::before_relu(Some(y), dy);
    }
    before_relu(Some(y), dy)
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
/// weights and bias), from its input, weights and bias, the gradient of its
/// output, and its statistics.
pub(super) fn batch_norm_gradients(
    [x, weight, bias, dy]: [FlexTensor; 4],
    statistics: FlexTensor,
    (norm, activation): (Norm, Activation),
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let [x, weight, bias, dy] = [x, weight, bias, dy].map(contiguous);
    let (shape, statistics) = (norm_shape(&x, norm), statistics_of(statistics));
    let parameters = [values(&weight), values(&bias)];
    let (mut dw, mut db) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    let sums = [&mut dw[..], &mut db];
    let dx = if pairs::holds(&x) {
        pairs::batch_norm_gradients(&x, &dy, &shape, &statistics, parameters, activation, sums)
    } else {
        let mut dx = buffers::take(shape.len());
        let [weight, bias] = sums;
        kernels::batch_norm_backward(
            Isa::best(),
            &shape,
            [values(&x), values(&dy)],
            &statistics,
            parameters,
            activation,
            NormGradients {
                x: &mut dx,
                weight,
                bias,
            },
        );
        tensor(dx, dims::<4>(&x))
    };
    let channels = [shape.channels];
    buffers::give(dy);
    buffers::give(x);
    [
        wanted[0].then_some(dx),
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

/// The gradient of a layer's output before its ReLU, if it has one, from the
/// output behind it.
fn before_relu(rectified: Option<FlexTensor>, dy: FlexTensor) -> FlexTensor {
    let Some(y) = rectified.map(contiguous) else {
        return contiguous(dy);
    };
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

pub(super) fn conv_shape(x: &FlexTensor, weight: &FlexTensor, window: Window) -> Conv2d {
    let [blocks, _, height, width] = dims(x);
    let [out_channels, in_channels, kernel_height, kernel_width] = dims(weight);
    Conv2d {
        batch: blocks * LANES,
        in_channels,
        input: [height, width / position(x)],
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

/// The shape of an adaptive pool of images, and the sizes of its output.
fn adaptive_shape(
    &[blocks, channels, height, width]: &[usize; 4],
    size: usize,
) -> (AdaptivePool2d, [usize; 4]) {
    let shape = AdaptivePool2d {
        planes: blocks * channels,
        input: [height, width / LANES],
        output: [size; 2],
    };
    (shape, [blocks, channels, size, size * LANES])
}

fn norm_shape(x: &FlexTensor, norm: Norm) -> kernels::Norm {
    let [_, _, height, width] = dims(x);
    kernels::Norm {
        batch: norm.batch,
        channels: norm.channels,
        positions: height * width / position(x),
        epsilon: norm.epsilon as f32,
    }
}

/// How long a position of images is.
fn position(x: &FlexTensor) -> usize {
    if pairs::holds(x) {
        pairs::row(1)
    } else {
        LANES
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
