//! The shapes that kernels are given, from the sizes of tensors.

use acft_kernels::{self as kernels, AdaptivePool2d, Conv2d, LANES, Linear, Part, Pool2d};
use burn::backend::flex::FlexTensor;

use super::{
    kernels::{Norm, Pool, Window},
    pairs,
    tensors::dims,
};

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
    pub(super) fn dims(&self) -> [usize; 4] {
        let (shape, part) = self.0[0];
        let [height, width] = shape.output();
        [kernels::blocks(shape.batch), part.of, height, width * LANES]
    }

    pub(super) fn len(&self) -> usize {
        self.dims().iter().product()
    }
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

pub(super) fn linear_shape(x: &FlexTensor, weight: &FlexTensor) -> Linear {
    let ([batch, inputs], [outputs, _]) = (dims(x), dims(weight));
    Linear {
        batch,
        inputs,
        outputs,
    }
}

/// The shape of a pool of images, and the sizes of its output.
pub(super) fn pool_shape(
    &[blocks, channels, height, width]: &[usize; 4],
    pool: Pool,
) -> (Pool2d, [usize; 4]) {
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
pub(super) fn adaptive_shape(
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

pub(super) fn norm_shape(x: &FlexTensor, norm: Norm) -> kernels::Norm {
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
