//! A network's layers, one after the other, on their way into a program.

use acft_kernels::{Activation, Conv2d, Convolution, Isa, Pool2d};

use super::program::{Program, Step, View};

/// What a layer makes of one image: channels of height × width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Number of the value that holds it.
    pub(super) value: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Grid {
    /// Elements for one image.
    pub(super) fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    fn view(self) -> View {
        View {
            value: self.value,
            elements: 0..self.len(),
        }
    }
}

/// A convolution with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// out × in × kernel × kernel.
    pub(crate) weights: Vec<f32>,
    /// Out, in and kernel.
    pub(crate) dims: [usize; 3],
    pub(crate) bias: Vec<f32>,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) activation: Activation,
}

impl Layer {
    /// The layer and a scaling and a shift of each of its output channels,
    /// before the activation.
    pub(crate) fn scaled(mut self, scale: &[f32], shift: &[f32]) -> Self {
        let filter = self.weights.len() / self.dims[0];
        for (weights, scale) in self.weights.chunks_exact_mut(filter).zip(scale) {
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        for ((bias, scale), shift) in self.bias.iter_mut().zip(scale).zip(shift) {
            *bias = *bias * scale + shift;
        }
        self
    }

    /// The layer followed by a ReLU.
    pub(crate) fn rectified(self) -> Self {
        Self {
            activation: Activation::Relu,
            ..self
        }
    }
}

/// Collects the steps of a program.
#[derive(Debug)]
pub(crate) struct Builder {
    isa: Isa,
    steps: Vec<Step>,
    /// Elements of each value, for one image.
    values: Vec<usize>,
}

impl Builder {
    /// Begins with square images of three channels.
    pub(crate) fn new(input: usize) -> (Self, Grid) {
        let mut builder = Self {
            isa: Isa::best(),
            steps: Vec::new(),
            values: Vec::new(),
        };
        let images = builder.grid(3, [input; 2]);
        (builder, images)
    }

    /// Elements of the first value.
    pub(super) fn input_len(&self) -> usize {
        self.values[0]
    }

    /// Room for the output of layers that are joined.
    pub(crate) fn grid(&mut self, channels: usize, [height, width]: [usize; 2]) -> Grid {
        self.values.push(channels * height * width);
        Grid {
            value: self.values.len() - 1,
            channels,
            height,
            width,
        }
    }

    /// A convolution.
    pub(crate) fn conv(&mut self, x: Grid, layer: &Layer) -> Grid {
        let size = shape(x, layer).output();
        let y = self.grid(layer.dims[0], size);
        self.conv_into(x, layer, y, 0);
        y
    }

    /// A convolution whose output becomes channels of `y` from `first` on.
    pub(crate) fn conv_into(&mut self, x: Grid, layer: &Layer, y: Grid, first: usize) {
        let plane = y.height * y.width;
        let to = View {
            value: y.value,
            elements: first * plane..(first + layer.dims[0]) * plane,
        };
        self.push_conv(x, layer, to, false);
    }

    /// A convolution that is added to `y` before its activation.
    pub(crate) fn conv_onto(&mut self, x: Grid, layer: &Layer, y: Grid) {
        self.push_conv(x, layer, y.view(), true);
    }

    fn push_conv(&mut self, x: Grid, layer: &Layer, to: View, onto: bool) {
        let conv = Convolution::new(
            self.isa,
            &shape(x, layer),
            &layer.weights,
            Some(&layer.bias),
            layer.activation,
        );
        self.steps.push(Step::Conv {
            conv: Box::new(conv),
            from: x.view(),
            to,
            onto,
        });
    }

    /// A max-pool of square windows.
    pub(crate) fn max_pool(
        &mut self,
        x: Grid,
        kernel: usize,
        stride: usize,
        padding: usize,
        ceil: bool,
    ) -> Grid {
        let shape = Pool2d {
            planes: x.channels,
            input: [x.height, x.width],
            kernel,
            stride,
            padding,
            ceil,
        };
        let y = self.grid(x.channels, shape.output());
        self.steps.push(Step::Pool {
            isa: self.isa,
            shape,
            from: x.view(),
            to: y.view(),
        });
        y
    }

    /// The mean over height and width.
    pub(crate) fn mean(&mut self, x: Grid) -> Grid {
        let y = self.grid(x.channels, [1, 1]);
        self.steps.push(Step::Mean {
            from: x.view(),
            to: y.view(),
        });
        y
    }

    /// The program that makes `outputs`.
    pub(super) fn finish(self, outputs: &[Grid]) -> Program {
        let outputs = outputs.iter().map(|grid| grid.view()).collect();
        Program::new(self.steps, &self.values, outputs)
    }
}

fn shape(x: Grid, layer: &Layer) -> Conv2d {
    let [out_channels, in_channels, kernel] = layer.dims;
    Conv2d {
        batch: 1,
        in_channels,
        input: [x.height, x.width],
        out_channels,
        kernel: [kernel; 2],
        stride: [layer.stride; 2],
        padding: [layer.padding; 2],
        dilation: [1; 2],
        groups: 1,
    }
}
