//! A network's layers, one after the other, on their way into a program.

use std::ops::Range;

use acft_kernels::{Activation, Conv2d, Pool2d};

use super::precision::Precision;

/// What a layer makes of one image: channels of height × width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Number of the value that holds it.
    pub value: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Whether it is f32 at any precision.
    pub wide: bool,
}

impl Grid {
    /// Elements of a channel.
    pub(super) fn plane(self) -> usize {
        self.height * self.width
    }

    pub(super) fn view(self) -> View {
        View {
            value: self.value,
            channels: 0..self.channels,
            plane: self.plane(),
            wide: self.wide,
        }
    }
}

/// Some channels of a value.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) value: usize,
    pub(super) channels: Range<usize>,
    pub(super) plane: usize,
    pub(super) wide: bool,
}

/// What is done to one value to make another.
#[derive(Debug)]
pub(super) enum Step {
    Conv {
        layer: Layer,
        shape: Conv2d,
        from: View,
        to: View,
        /// Whether it is added to what is there.
        onto: bool,
    },
    Pool {
        shape: Pool2d,
        from: View,
        to: View,
    },
}

/// What a program gives in the end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    /// The mean of each channel.
    Mean(Grid),
    /// All elements.
    Grid(Grid),
}

impl Output {
    pub(super) fn grid(self) -> Grid {
        match self {
            Self::Mean(grid) | Self::Grid(grid) => grid,
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
    pub(super) precision: Precision,
    pub(super) steps: Vec<Step>,
    /// Every value; the first are the images.
    pub(super) values: Vec<Grid>,
    pub(super) taps: Vec<Tap>,
}

/// A value of which a few numbers are kept before it is overwritten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) grid: Grid,
    /// How many steps are done before it is read.
    pub(super) after: usize,
}

impl Builder {
    /// Begins with square images of three channels.
    pub(crate) fn new(input: usize, precision: Precision) -> (Self, Grid) {
        let mut builder = Self {
            precision,
            steps: Vec::new(),
            values: Vec::new(),
            taps: Vec::new(),
        };
        let images = builder.grid(3, [input; 2]);
        (builder, images)
    }

    /// Keeps a few numbers of what was just made: see [`Wanted::Taps`](super::Wanted::Taps).
    pub(crate) fn tap(&mut self, grid: Grid) {
        let after = self.steps.len();
        self.taps.push(Tap { grid, after });
    }

    /// Room for the output of layers that are joined.
    pub(crate) fn grid(&mut self, channels: usize, [height, width]: [usize; 2]) -> Grid {
        let grid = Grid {
            value: self.values.len(),
            channels,
            height,
            width,
            wide: false,
        };
        self.values.push(grid);
        grid
    }

    /// A convolution.
    pub(crate) fn conv(&mut self, x: Grid, layer: &Layer) -> Grid {
        let size = shape(x, layer).output();
        let y = self.grid(layer.dims[0], size);
        self.conv_into(x, layer, y, 0);
        y
    }

    /// A convolution whose output is f32 at any precision: the last one, which nobody reads but for its means.
    pub(crate) fn conv_in_f32(&mut self, x: Grid, layer: &Layer) -> Grid {
        let y = self.grid(layer.dims[0], shape(x, layer).output());
        self.values[y.value].wide = true;
        let y = Grid { wide: true, ..y };
        self.conv_into(x, layer, y, 0);
        y
    }

    /// A convolution whose output becomes channels of `y` from `first` on.
    pub(crate) fn conv_into(&mut self, x: Grid, layer: &Layer, y: Grid, first: usize) {
        debug_assert!(first.is_multiple_of(2), "pairs of channels are not parted");
        let to = View {
            value: y.value,
            channels: first..first + layer.dims[0],
            plane: y.plane(),
            wide: y.wide,
        };
        self.push_conv(x, layer, to, false);
    }

    /// A convolution that is added to `y` before its activation.
    pub(crate) fn conv_onto(&mut self, x: Grid, layer: &Layer, y: Grid) {
        self.push_conv(x, layer, y.view(), true);
    }

    fn push_conv(&mut self, x: Grid, layer: &Layer, to: View, onto: bool) {
        self.steps.push(Step::Conv {
            shape: shape(x, layer),
            layer: layer.clone(),
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
            shape,
            from: x.view(),
            to: y.view(),
        });
        y
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
