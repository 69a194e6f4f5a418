//! What `kernels` does of images in f32, of images in bf16.
//!
//! Their tensors are of Burn's type BF16; the axes are block, pair of channels, height, and width × lane × channel of
//! the pair, so that a word of the kernels is two neighbouring elements. Weights, biases and their gradients are f32:
//! what Adam adds up would be lost in eight bits.

use std::borrow::Cow;

use acft_kernels::{
    self as kernels, Activation, Conv2d, Isa, LANES, Norm, NormGradients, PairConvolution, Part,
    Pool2d, Statistics,
};
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape, bf16};
use rayon::prelude::*;

use super::buffers;
use super::gradients::Wanted;
use super::kernels::{Pool, Window};
use super::shapes::{Branches, conv_shape};
use super::tensors::{contiguous, dims, values, whole};

/// Elements of a row of `width` positions.
pub(super) const fn row(width: usize) -> usize {
    2 * width * LANES
}

/// Whether a tensor holds images in bf16.
pub(super) fn holds(tensor: &FlexTensor) -> bool {
    tensor.dtype() == DType::BF16
}

/// See [`KernelOps::to_bf16`](super::kernels::KernelOps::to_bf16).
pub(super) fn from_f32(x: FlexTensor) -> FlexTensor {
    let x = contiguous(x);
    let [blocks, channels, height, width] = dims(&x);
    let dims = [blocks, channels.div_ceil(2), height, 2 * width];
    let mut pairs = buffer(dims);
    let plane = height * width / LANES;
    let (from, to) = (channels * height * width, pairs.len() / blocks.max(1));
    values(&x)
        .par_chunks_exact(from.max(1))
        .zip(pairs.par_chunks_exact_mut(to.max(1)))
        .for_each(|(x, pairs)| kernels::to_pairs(Isa::best(), channels, plane, x, pairs));
    buffers::give(x);
    tensor(pairs, dims)
}

/// See [`KernelOps::to_f32`](super::kernels::KernelOps::to_f32).
pub(super) fn to_f32(x: FlexTensor, channels: usize) -> FlexTensor {
    let x = contiguous(x);
    let [blocks, pairs, height, width] = dims(&x);
    let dims = [blocks, channels, height, width / 2];
    let mut found = buffers::take(dims.iter().product());
    let plane = height * width / row(1);
    let (from, to) = (pairs * plane * LANES, channels * plane * LANES);
    words(&x)
        .par_chunks_exact(from.max(1))
        .zip(found.par_chunks_exact_mut(to.max(1)))
        .for_each(|(x, found)| kernels::from_pairs(Isa::best(), channels, plane, x, found));
    buffers::give(x);
    super::tensors::tensor(found, dims)
}

/// A convolution with bias and activation.
pub(super) fn conv2d(
    x: FlexTensor,
    [weight, bias]: [FlexTensor; 2],
    window: Window,
    activation: Activation,
) -> FlexTensor {
    let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
    let shape = conv_shape(&x, &weight, window);
    let out = output_dims(&shape, shape.out_channels);
    let mut y = buffer(out);
    let bias = Some(values(&bias));
    let conv = PairConvolution::new(Isa::best(), &shape, values(&weight), bias, activation);
    let (from, to) = (
        Part::whole(shape.in_channels),
        Part::whole(shape.out_channels),
    );
    conv.run((&words(&x), from), (&mut y, to), false);
    tensor(y, out)
}

/// As [`conv2d_gradients`](super::gradients::conv2d_gradients).
pub(super) fn conv2d_gradients(
    [x, weight, dy]: [FlexTensor; 3],
    rectified: Option<FlexTensor>,
    window: Window,
    wanted: Wanted,
) -> [Option<FlexTensor>; 3] {
    let (x, weight) = (contiguous(x), contiguous(weight));
    let shape = conv_shape(&x, &weight, window);
    let dy = before_relu(rectified, dy);
    let part = Part::whole(shape.out_channels);
    let dx = wanted[0].then(|| data_gradient(&x, &dy, &[(shape, part, &weight)]));
    let [dw, db] = match wanted[1] || wanted[2] {
        true => weight_gradients(&shape, &x, (&dy, part), &weight).map(Some),
        false => [None, None],
    };
    buffers::give(dy);
    buffers::give(x);
    [dx, dw, db]
}

/// Two convolutions of the same input, each with the activation, as the channels of one output.
pub(super) fn side_by_side(
    x: FlexTensor,
    weights: [FlexTensor; 2],
    biases: [FlexTensor; 2],
    windows: [Window; 2],
    activation: Activation,
) -> FlexTensor {
    let (x, weights, biases) = (
        contiguous(x),
        weights.map(contiguous),
        biases.map(contiguous),
    );
    let Branches(both) = Branches::new(&x, &weights, windows);
    let out = output_dims(&both[0].0, both[0].1.of);
    let mut y = buffer(out);
    for (i, (shape, part)) in both.iter().enumerate() {
        let (weight, bias) = (values(&weights[i]), Some(values(&biases[i])));
        let conv = PairConvolution::new(Isa::best(), shape, weight, bias, activation);
        let from = Part::whole(shape.in_channels);
        conv.run((&words(&x), from), (&mut y, *part), false);
    }
    tensor(y, out)
}

/// As [`side_by_side_gradients`](super::gradients::side_by_side_gradients).
pub(super) fn side_by_side_gradients(
    [x, dy]: [FlexTensor; 2],
    rectified: Option<FlexTensor>,
    weights: [FlexTensor; 2],
    windows: [Window; 2],
    wanted: [bool; 5],
) -> [Option<FlexTensor>; 5] {
    let (x, weights) = (contiguous(x), weights.map(contiguous));
    let Branches(both) = Branches::new(&x, &weights, windows);
    let dy = before_relu(rectified, dy);
    let of = |i: usize| (both[i].0, both[i].1, &weights[i]);
    let dx = wanted[0].then(|| data_gradient(&x, &dy, &[of(0), of(1)]));
    let [[v, a], [w, b]] = [0, 1].map(|i| match wanted[1 + 2 * i] || wanted[2 + 2 * i] {
        true => weight_gradients(&both[i].0, &x, (&dy, both[i].1), &weights[i]).map(Some),
        false => [None, None],
    });
    buffers::give(dy);
    buffers::give(x);
    [dx, v, a, w, b]
}

/// A max-pool, and the elements that won.
pub(super) fn max_pool2d_with_taps(x: FlexTensor, pool: Pool) -> (FlexTensor, Vec<u8>) {
    let x = contiguous(x);
    let input = dims(&x);
    let shape = pool_shape(&input, pool);
    let [height, width] = shape.output();
    let out = [input[0], input[1], height, row(width)];
    let mut y = buffer(out);
    let mut taps = vec![0; 2 * y.len()];
    kernels::max_pool2d_with_taps_of_pairs(
        Isa::best(),
        &shape,
        pool.activation,
        &words(&x),
        &mut y,
        &mut taps,
    );
    buffers::give(x);
    (tensor(y, out), taps)
}

/// The gradient of a max-pool's input, whose sizes are `input`.
pub(super) fn max_pool2d_gradient(
    dy: FlexTensor,
    input: [usize; 4],
    pool: Pool,
    taps: &[u8],
) -> FlexTensor {
    let dy = contiguous(dy);
    let shape = pool_shape(&input, pool);
    let mut dx = buffer(input);
    kernels::max_pool2d_backward_of_pairs(Isa::best(), &shape, &words(&dy), taps, &mut dx);
    buffers::give(dy);
    tensor(dx, input)
}

/// Mean and variance of each channel.
pub(super) fn batch_statistics(x: &FlexTensor, shape: &Norm) -> Statistics {
    kernels::batch_statistics_of_pairs(Isa::best(), shape, &words(x))
}

/// A batch normalisation by weights and a bias.
pub(super) fn batch_norm(
    x: &FlexTensor,
    shape: &Norm,
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
) -> FlexTensor {
    let out = dims(x);
    let mut y = buffer(out);
    kernels::batch_norm_of_pairs(
        Isa::best(),
        shape,
        &words(x),
        statistics,
        parameters,
        activation,
        &mut y,
    );
    tensor(y, out)
}

/// The gradient of its input; those of weights and bias go to `sums`.
pub(super) fn batch_norm_gradients(
    x: &FlexTensor,
    dy: &FlexTensor,
    shape: &Norm,
    statistics: &Statistics,
    parameters: [&[f32]; 2],
    activation: Activation,
    [weight, bias]: [&mut [f32]; 2],
) -> FlexTensor {
    let out = dims(x);
    let mut dx = buffer(out);
    kernels::batch_norm_backward_of_pairs(
        Isa::best(),
        shape,
        [&words(x), &words(dy)],
        statistics,
        parameters,
        activation,
        NormGradients {
            x: &mut dx,
            weight,
            bias,
        },
    );
    tensor(dx, out)
}

/// The sum of two layers' outputs, and a ReLU.
pub(super) fn add_relu(a: &FlexTensor, b: &FlexTensor) -> FlexTensor {
    let out = dims(a);
    let mut y = buffer(out);
    kernels::add_relu_of_pairs(Isa::best(), &words(a), &words(b), &mut y);
    tensor(y, out)
}

/// The gradient of the input of convolutions that all read it, in the sizes of `x`.
fn data_gradient(
    x: &FlexTensor,
    dy: &FlexTensor,
    layers: &[(Conv2d, Part, &FlexTensor)],
) -> FlexTensor {
    let input = dims(x);
    let mut dx = buffer(input);
    for (i, (shape, part, weight)) in layers.iter().enumerate() {
        let back = PairConvolution::backward_data(Isa::best(), shape, values(weight));
        let to = Part::whole(shape.in_channels);
        back.run((&words(dy), *part), (&mut dx, to), i > 0);
    }
    tensor(dx, input)
}

/// The gradients of a convolution's weights and bias, in f32.
fn weight_gradients(
    shape: &Conv2d,
    x: &FlexTensor,
    (dy, part): (&FlexTensor, Part),
    weight: &FlexTensor,
) -> [FlexTensor; 2] {
    let mut dw = buffers::take(shape.weight_len());
    let mut db = vec![0.0; shape.out_channels];
    kernels::conv2d_backward_weights_of_pairs(
        Isa::best(),
        shape,
        &words(x),
        (&words(dy), part),
        &mut dw,
        Some(&mut db),
    );
    [
        super::tensors::tensor(dw, dims::<4>(weight)),
        super::tensors::tensor(db, [shape.out_channels]),
    ]
}

/// The gradient of a layer's output before its ReLU, if it has one, from the output behind it.
pub(super) fn before_relu(rectified: Option<FlexTensor>, dy: FlexTensor) -> FlexTensor {
    let Some(y) = rectified.map(contiguous) else {
        return contiguous(dy);
    };
    let mut dy = whole(dy);
    let in_place = dy.try_storage_mut::<bf16>();
    if let Some(Ok(dy)) = in_place.map(bytemuck::try_cast_slice_mut) {
        kernels::relu_backward_of_pairs(&words(&y), dy);
        buffers::give(y);
    } else {
        // Somebody else needs the gradient as it is.
        let dims = dims(&dy);
        let mut found = buffer(dims);
        found.copy_from_slice(&words(&dy));
        kernels::relu_backward_of_pairs(&words(&y), &mut found);
        buffers::give(y);
        return tensor(found, dims);
    }
    dy
}

fn pool_shape(&[_, pairs, height, width]: &[usize; 4], pool: Pool) -> Pool2d {
    Pool2d {
        planes: 2 * pairs,
        input: [height, width / row(1)],
        kernel: pool.kernel,
        stride: pool.window.stride,
        padding: pool.window.padding,
        ceil: pool.ceil,
    }
}

/// The sizes of a tensor of `channels` that a convolution writes to.
fn output_dims(shape: &Conv2d, channels: usize) -> [usize; 4] {
    let [height, width] = shape.output();
    let blocks = kernels::blocks(shape.batch);
    [blocks, channels.div_ceil(2), height, row(width)]
}

/// Room for a tensor of such sizes, whose contents are arbitrary.
fn buffer(dims: [usize; 4]) -> Vec<u32> {
    bytemuck::cast_vec(buffers::take(dims.iter().product::<usize>() / 2))
}

/// The words of a contiguous tensor.
fn words(tensor: &FlexTensor) -> Cow<'_, [u32]> {
    let values: &[bf16] = tensor
        .as_slice()
        .expect("the tensor holds pairs and was made contiguous");
    match bytemuck::try_cast_slice(values) {
        Ok(words) => Cow::Borrowed(words),
        // Burn's own operations need not place their results as words are.
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(values)),
    }
}

fn tensor(words: Vec<u32>, dims: [usize; 4]) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from(dims));
    FlexTensor::new(Bytes::from_elems(words), layout, DType::BF16)
}
