//! The convolution itself.

use super::{
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

/// `out = activation(x ⋆ weights + bias)`.
///
/// `x` and `out` are interleaved images, `bias` has one value an output channel; see [`Conv2d`] for the weights
/// and the output's size. Lanes that hold no image are computed like the others. Panics, naming the argument, if
/// a slice has another length.
pub fn conv2d(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    out: &mut [f32],
) {
    let part = Part::whole(shape.out_channels);
    conv2d_into(isa, shape, x, weights, bias, activation, (out, part));
}

/// As [`conv2d`], to some channels of `out`; the others stay as they are.
///
/// Panics, naming the argument, if a slice has another length, or `out` has no such channels.
pub fn conv2d_into(
    isa: Isa,
    shape: &Conv2d,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    (out, part): (&mut [f32], Part),
) {
    shape.validate();
    check::length("x", x, shape.input_len());
    part.check("out", shape, out.len());
    let epilogue = Epilogue {
        bias,
        activation,
        onto: false,
    };
    let method = prepare(shape, weights, bias);
    let (from, to) = (
        Within::whole(method.source_len()),
        Within::output(shape, part),
    );
    method.run(isa, (x, from), epilogue, (out, to));
}

/// A convolution whose weights are kept in the order that the product wants: for a network that is used many
/// times between two trainings.
#[derive(Debug)]
pub struct Convolution {
    isa: Isa,
    method: Method,
    bias: Option<Vec<f32>>,
    activation: Activation,
}

impl Convolution {
    /// Prepares `activation(x ⋆ weights + bias)`; the batch of `shape` does not matter.
    ///
    /// Panics, naming the argument, if a slice has another length than [`conv2d`] wants.
    pub fn new(
        isa: Isa,
        shape: &Conv2d,
        weights: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Self {
        shape.validate();
        let method = prepare(shape, weights, bias);
        let bias = bias.map(<[f32]>::to_vec);
        Self {
            isa,
            method,
            bias,
            activation,
        }
    }

    /// The convolution of one block of images, on the calling thread.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block(&self, x: &[f32], out: &mut [f32]) {
        self.run(x, out, false);
    }

    /// As [`Convolution::run_block`], but what `out` holds is added before the activation: the end of a residual
    /// layer.
    ///
    /// Panics, naming the argument, if a slice is not one block.
    pub fn run_block_onto(&self, x: &[f32], out: &mut [f32]) {
        self.run(x, out, true);
    }

    fn run(&self, x: &[f32], out: &mut [f32], onto: bool) {
        check::length("x", x, self.method.source_len());
        check::length("out", out, self.method.target_len());
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            activation: self.activation,
            onto,
        };
        self.method.run_block(self.isa, x, epilogue, out);
    }
}

fn prepare(shape: &Conv2d, weights: &[f32], bias: Option<&[f32]>) -> Method {
    check::length("weights", weights, shape.weight_len());
    if let Some(bias) = bias {
        check::length("bias", bias, shape.out_channels);
    }
    if let Some(winograd) = Winograd::forward(shape, weights) {
        return Method::Winograd(winograd);
    }
    let (channels, taps) = (shape.in_group(), shape.kernel[0] * shape.kernel[1]);
    let [height, width] = shape.output();
    let source = Source {
        channels,
        size: shape.input,
    };
    let [rows, columns] = axes(shape).map(Axis::forward);
    let counts = Counts {
        groups: shape.groups,
        rows: shape.out_group(),
        channels,
        taps,
    };
    Method::Direct(Product {
        plan: Plan::in_passes(&rows, &columns, source, shape.kernel[1], COLUMNS),
        packed: Packed::new(counts, weights, |row, channel| {
            (row * channels + channel) * taps
        }),
        counts,
        planes: [shape.input[0] * shape.input[1], height * width],
    })
}

/// The two axes of a convolution.
pub(crate) fn axes(shape: &Conv2d) -> [Axis; 2] {
    let output = shape.output();
    [0, 1].map(|a| Axis {
        input: shape.input[a],
        output: output[a],
        kernel: shape.kernel[a],
        stride: shape.stride[a],
        padding: shape.padding[a],
        dilation: shape.dilation[a],
    })
}
