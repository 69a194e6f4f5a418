//! The gradient of a convolution's input.

use super::{
    forward::axes,
    method::{Method, Within},
    plan::{Plan, Source},
    product::{Counts, Epilogue, Packed, Product},
    reach::Axis,
    winograd::Winograd,
};
use crate::{
    check,
    geometry::{Activation, Conv2d, Part},
    isa::{COLUMNS, Isa},
};

/// `dx`, the gradient of the input of [`conv2d`](crate::conv2d), from that of its output before the activation.
///
/// Panics, naming the argument, if a slice has not the length that [`Conv2d`] calls for.
pub fn conv2d_backward_data(isa: Isa, shape: &Conv2d, dy: &[f32], weights: &[f32], dx: &mut [f32]) {
    let part = Part::whole(shape.out_channels);
    conv2d_backward_data_of(isa, shape, (dy, part), weights, (dx, false));
}

/// As [`conv2d_backward_data`], from some channels of `dy`; with `onto` what `dx` holds is added.
///
/// Panics, naming the argument, if a slice has another length, or `dy` has no such channels.
pub fn conv2d_backward_data_of(
    isa: Isa,
    shape: &Conv2d,
    (dy, part): (&[f32], Part),
    weights: &[f32],
    (dx, onto): (&mut [f32], bool),
) {
    shape.validate();
    part.check("dy", shape, dy.len());
    check::length("weights", weights, shape.weight_len());
    check::length("dx", dx, shape.input_len());
    let method = match Winograd::backward(shape, weights) {
        Some(winograd) => Method::Winograd(winograd),
        None => Method::Direct(product(shape, weights)),
    };
    let epilogue = Epilogue {
        bias: None,
        activation: Activation::Identity,
        onto,
    };
    let (from, to) = (
        Within::output(shape, part),
        Within::whole(method.target_len()),
    );
    method.run(isa, (dy, from), epilogue, (dx, to));
}

fn product(shape: &Conv2d, weights: &[f32]) -> Product {
    let (rows, channels) = (shape.in_group(), shape.out_group());
    let taps = shape.kernel[0] * shape.kernel[1];
    let size = shape.output();
    let [vertical, horizontal] = axes(shape).map(Axis::backward);
    let counts = Counts {
        groups: shape.groups,
        rows,
        channels,
        taps,
    };
    Product {
        plan: Plan::in_passes(
            &vertical,
            &horizontal,
            Source { channels, size },
            shape.kernel[1],
            COLUMNS,
        ),
        packed: Packed::new(counts, weights, |row, channel| {
            let (group, row) = (row / rows, row % rows);
            ((group * channels + channel) * rows + row) * taps
        }),
        counts,
        planes: [size[0] * size[1], shape.input[0] * shape.input[1]],
    }
}
