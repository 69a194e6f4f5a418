//! The gradients of what [`KernelOps`](super::kernels::KernelOps) computes.

use acft_kernels::{self as kernels, Activation, Isa, NormGradients};
use burn::backend::flex::FlexTensor;

use super::{
    buffers,
    kernels::{Dense, Norm, Pool, Window},
    pairs,
    shapes::{Branches, adaptive_shape, conv_shape, linear_shape, norm_shape, pool_shape},
    tensors::{contiguous, dims, like, statistics_of, tensor, values, whole},
};

/// Which inputs of a layer want a gradient: its input, weights and bias.
pub(super) type Wanted = [bool; 3];

/// The gradients of `KernelOps::fused_conv2d` that are wanted, from its
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

/// The gradients of `KernelOps::fused_linear` that are wanted, from its
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

/// The gradient of the input of `KernelOps::fused_adaptive_avg_pool2d`,
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

/// The gradients of `KernelOps::fused_side_by_side` that are wanted (of input,
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

/// The gradient of both inputs of `KernelOps::fused_add_relu`, from its
/// output and that of its output.
pub(super) fn add_relu_gradient(y: FlexTensor, dy: FlexTensor) -> FlexTensor {
    if pairs::holds(&dy) {
        return pairs::before_relu(Some(y), dy);
    }
    before_relu(Some(y), dy)
}

/// The gradient of `KernelOps::fused_mask`, from the mask and that of its
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

/// The gradients of `KernelOps::fused_batch_norm` that are wanted (of input,
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
