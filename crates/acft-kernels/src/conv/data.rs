//! The gradient of a convolution's input.
//!
//! Input element `y` meets tap `k` in output `o` where `y + padding = o * stride + k * dilation`. So the
//! elements fall into phases, `(y + padding) % stride`; those of one phase see the same taps, and within it the
//! gradient is a stride-1 convolution of the output's gradient with these taps, reversed.

use super::product::{Epilogue, Product, Span, Sweep};
use crate::{
    check,
    geometry::{Activation, Conv2d},
    isa::Isa,
    padded::Padded,
};

/// `dx`, the gradient of a convolution's input, from `dy`, that of its output (before the activation).
///
/// Shapes are those of `x` and `out` in [`conv2d`](super::conv2d). Panics, naming the argument, if a slice has
/// another length.
pub fn conv2d_backward_data(isa: Isa, shape: &Conv2d, dy: &[f32], weights: &[f32], dx: &mut [f32]) {
    shape.validate();
    check::length("dy", dy, shape.output_len());
    check::length("weights", weights, shape.weight_len());
    check::length("dx", dx, shape.input_len());
    plan(shape).run(
        isa,
        dy,
        weights,
        Epilogue {
            bias: None,
            activation: Activation::Identity,
        },
        dx,
    );
}

/// One phase of one axis.
struct Phase {
    /// Taps, and how far back in the output each of them looks.
    taps: Vec<(usize, usize)>,
    /// The outputs level with the first element of the phase and with the one after the last.
    outputs: std::ops::Range<usize>,
    /// The first element.
    first: usize,
}

/// The phases of an axis that have elements.
fn phases(shape: &Conv2d, axis: usize) -> Vec<Phase> {
    let (stride, padding) = (shape.stride[axis], shape.padding[axis]);
    (0..stride)
        .filter_map(|phase| {
            let reach = |tap: usize| tap * shape.dilation[axis];
            let taps = (0..shape.kernel[axis]).filter(|&tap| reach(tap) % stride == phase);
            // `output * stride + phase - padding` is the element; it must lie in the input.
            let outputs = padding.saturating_sub(phase).div_ceil(stride)
                ..(padding + shape.input[axis])
                    .saturating_sub(phase)
                    .div_ceil(stride);
            (!outputs.is_empty()).then(|| Phase {
                taps: taps.map(|tap| (tap, reach(tap) / stride)).collect(),
                first: outputs.start * stride + phase - padding,
                outputs,
            })
        })
        .collect()
}

fn plan(shape: &Conv2d) -> Product {
    let axes = [phases(shape, 0), phases(shape, 1)];
    let output = shape.output();
    // Zeros before the first output, so that no tap of any phase looks back beyond them.
    let margin = [0, 1].map(|a| {
        let before = |p: &Phase| {
            p.taps
                .iter()
                .map(|&(_, back)| back.saturating_sub(p.outputs.start))
                .max()
        };
        axes[a].iter().filter_map(before).max().unwrap_or(0)
    });
    let size = [0, 1].map(|a| {
        let end = axes[a].iter().map(|p| p.outputs.end).max().unwrap_or(0);
        margin[a] + end
    });
    let padded = Padded {
        channels: shape.out_channels,
        input: output,
        stride: [1, 1],
        margin,
        phases: [vec![0], vec![0]],
        size,
    };
    let taps_of_channel = shape.kernel[0] * shape.kernel[1];
    let out_stride = shape.in_group() * taps_of_channel;
    let mut sweeps = Vec::new();
    for vertical in &axes[0] {
        for horizontal in &axes[1] {
            // Offsets are unsigned: a span begins as far back as its furthest tap looks.
            let furthest = [vertical, horizontal]
                .map(|p| p.taps.iter().map(|&(_, back)| back).max().unwrap_or(0));
            let (mut taps, mut weights) = (Vec::new(), Vec::new());
            for channel in 0..shape.out_group() {
                for &(ky, up) in &vertical.taps {
                    for &(kx, left) in &horizontal.taps {
                        let shift = (furthest[0] - up) * size[1] + furthest[1] - left;
                        taps.push(channel * padded.plane_len() + shift);
                        weights.push(channel * out_stride + ky * shape.kernel[1] + kx);
                    }
                }
            }
            let column = horizontal.outputs.start + margin[1] - furthest[1];
            let spans = vertical
                .outputs
                .clone()
                .enumerate()
                .map(|(i, output)| Span {
                    src: (output + margin[0] - furthest[0]) * size[1] + column,
                    dst: (vertical.first + i * shape.stride[0]) * shape.input[1] + horizontal.first,
                    len: horizontal.outputs.len(),
                });
            let spans = spans.collect();
            sweeps.push(
                Sweep {
                    taps,
                    weights,
                    spans,
                    step: shape.stride[1],
                }
                .joined(),
            );
        }
    }
    Product {
        groups: shape.groups,
        group_src: shape.out_group() * padded.plane_len(),
        channels: shape.in_group(),
        plane: shape.input[0] * shape.input[1],
        weight_strides: [taps_of_channel, shape.out_group() * out_stride],
        sweeps,
        padded,
    }
}
