//! The gradient of a convolution's input.

use super::{
    forward::axes,
    plan::{Plan, Source},
    product::{Epilogue, Product},
    reach::Axis,
};
use crate::{
    check,
    geometry::{Activation, Conv2d},
    isa::Isa,
};

/// `dx`, the gradient of the input of [`conv2d`](crate::conv2d), from that of its output before the activation.
///
/// Panics, naming the argument, if a slice has not the length that [`Conv2d`] calls for.
pub fn conv2d_backward_data(isa: Isa, shape: &Conv2d, dy: &[f32], weights: &[f32], dx: &mut [f32]) {
    shape.validate();
    check::length("dy", dy, shape.output_len());
    check::length("weights", weights, shape.weight_len());
    check::length("dx", dx, shape.input_len());
    let (rows, channels) = (shape.in_group(), shape.out_group());
    let taps = shape.kernel[0] * shape.kernel[1];
    let size = shape.output();
    let [vertical, horizontal] = axes(shape).map(Axis::backward);
    let product = Product {
        plan: Plan::new(
            &vertical,
            &horizontal,
            Source { channels, size },
            shape.kernel[1],
        ),
        groups: shape.groups,
        rows,
        channels,
        taps,
        planes: [size[0] * size[1], shape.input[0] * shape.input[1]],
    };
    let packed = product.pack(weights, |row, channel| {
        let (group, row) = (row / rows, row % rows);
        ((group * channels + channel) * rows + row) * taps
    });
    let epilogue = Epilogue {
        bias: None,
        activation: Activation::Identity,
        onto: false,
    };
    product.run(isa, &packed, dy, epilogue, dx);
}
