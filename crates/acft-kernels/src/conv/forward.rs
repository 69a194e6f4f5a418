//! The convolution itself.

use super::product::{Epilogue, Product, Span, Sweep};
use crate::{
    check,
    geometry::{Activation, Conv2d},
    isa::Isa,
    padded::Padded,
};

/// `out = activation(x ⋆ weights + bias)`.
///
/// `x` is `[batch][in_channels][height][width]`, `bias` has one value an output channel; see [`Conv2d`] for the
/// weights and the output's size. Panics, naming the argument, if a slice has another length.
pub fn conv2d(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    out: &mut [f32],
) {
    shape.validate();
    check::length("x", x, shape.input_len());
    check::length("weights", weights, shape.weight_len());
    check::length("out", out, shape.output_len());
    if let Some(bias) = bias {
        check::length("bias", bias, shape.out_channels);
    }
    plan(shape).run(isa, x, weights, Epilogue { bias, activation }, out);
}

/// The padded input of a convolution: tap `k` reads phase `k * dilation % stride`, shifted by the quotient.
pub(super) fn padded(shape: &Conv2d) -> Padded {
    let phases = [0, 1].map(|a| {
        let mut phases: Vec<_> = (0..shape.kernel[a])
            .map(|k| k * shape.dilation[a] % shape.stride[a])
            .collect();
        phases.sort_unstable();
        phases.dedup();
        phases
    });
    let output = shape.output();
    let size =
        [0, 1].map(|a| output[a] + (shape.kernel[a] - 1) * shape.dilation[a] / shape.stride[a]);
    Padded {
        channels: shape.in_channels,
        input: shape.input,
        stride: shape.stride,
        margin: shape.padding,
        phases,
        size,
    }
}

fn plan(shape: &Conv2d) -> Product {
    let padded = padded(shape);
    let [kernel_h, kernel_w] = shape.kernel;
    let (mut taps, mut weights) = (Vec::new(), Vec::new());
    for channel in 0..shape.in_group() {
        for ky in 0..kernel_h {
            for kx in 0..kernel_w {
                let reach = [ky * shape.dilation[0], kx * shape.dilation[1]];
                let plane = padded.plane(
                    [reach[0] % shape.stride[0], reach[1] % shape.stride[1]],
                    channel,
                );
                let shift =
                    reach[0] / shape.stride[0] * padded.size[1] + reach[1] / shape.stride[1];
                taps.push(plane * padded.plane_len() + shift);
                weights.push((channel * kernel_h + ky) * kernel_w + kx);
            }
        }
    }
    let [height, width] = shape.output();
    let spans = (0..height)
        .map(|y| Span {
            src: y * padded.size[1],
            dst: y * width,
            len: width,
        })
        .collect();
    let terms = weights.len();
    Product {
        groups: shape.groups,
        group_src: shape.in_group() * padded.plane_len(),
        channels: shape.out_group(),
        plane: height * width,
        weight_strides: [terms, shape.out_group() * terms],
        sweeps: vec![
            Sweep {
                taps,
                weights,
                spans,
                step: 1,
            }
            .joined(),
        ],
        padded,
    }
}
