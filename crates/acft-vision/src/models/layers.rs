//! Layers with torchvision's parameter names.

use acft_kernels::{Activation, Pool2d};
use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::init::{Init, Initializer, Part};
use super::pass::{BatchStatistics, Pass};
use crate::engine::{self, Builder, Grid, Precision};
use crate::ops::{self, Images};

/// What follows a convolution or linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Relu,
}

/// How a convolution looks: channels in and out, and a square kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) channels: [usize; 2],
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Geometry {
    /// Stride 1, no padding.
    pub(super) fn new(channels: [usize; 2], kernel: usize) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: 0,
        }
    }

    pub(super) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(super) fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Input values that one output value sees.
    pub(super) fn fan_in(self) -> usize {
        self.channels[0] * self.kernel * self.kernel
    }

    /// Output values that one input value reaches, as PyTorch counts them.
    pub(super) fn fan_out(self) -> usize {
        self.channels[1] * self.kernel * self.kernel
    }
}

/// First values of a layer's weight and bias; without a bias, none is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) part: Part,
    pub(super) weight: Init,
    pub(super) bias: Option<Init>,
}

/// A convolution and the ReLU after it, if any.
#[derive(Module, Debug)]
pub(super) struct Conv {
    /// out × in × kernel × kernel.
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
    relu: bool,
}

impl Conv {
    pub(super) fn new(
        geometry: Geometry,
        then: Then,
        start: Start,
        init: &mut Initializer,
    ) -> Self {
        let [inputs, outputs] = geometry.channels;
        let shape = [outputs, inputs, geometry.kernel, geometry.kernel];
        Self {
            weight: init.trained(start.part, shape, start.weight),
            bias: start
                .bias
                .map(|bias| init.trained(start.part, [outputs], bias)),
            stride: geometry.stride,
            padding: geometry.padding,
            relu: then == Then::Relu,
        }
    }

    pub(super) fn forward(&self, x: Images) -> Images {
        self.convolved(x, self.relu)
    }

    /// Without the ReLU, which is left to the max-pool that follows.
    pub(super) fn before_pool(&self, x: Images) -> Images {
        self.convolved(x, false)
    }

    fn convolved(&self, x: Images, relu: bool) -> Images {
        let bias = self.bias.as_ref().map(Param::val);
        ops::conv2d(x, self.weight.val(), bias, self.stride, self.padding, relu)
    }

    /// Channels and side of what it makes of a square map.
    pub(super) fn shape(&self, side: usize) -> [usize; 2] {
        // Without making the values of a blank network.
        let shape = self.weight.lazy_shape().to_vec();
        let side = (side + 2 * self.padding - shape[2]) / self.stride + 1;
        [shape[0], side]
    }

    /// Whether a ReLU follows.
    pub(super) fn is_rectified(&self) -> bool {
        self.relu
    }
}

impl Conv {
    /// One of two that read the same: it has a bias, a ReLU and stride 1.
    pub(super) fn branch(&self) -> ops::Branch {
        debug_assert!(self.relu && self.stride == 1, "not a branch: {self:?}");
        let bias = self.bias.as_ref().map(Param::val);
        ops::Branch {
            weight: self.weight.val(),
            bias: bias.expect("both layers of a fire module have one"),
            padding: self.padding,
        }
    }

    /// The convolution for the engine.
    pub(super) fn layer(&self) -> engine::Layer {
        let [outputs, inputs, kernel, _] = self.weight.dims();
        engine::Layer {
            weights: floats(self.weight.val()),
            dims: [outputs, inputs, kernel],
            bias: match &self.bias {
                Some(bias) => floats(bias.val()),
                None => vec![0.0; outputs],
            },
            stride: self.stride,
            padding: self.padding,
            activation: activation(self.relu),
        }
    }
}

/// The values of a parameter.
fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec()
        .expect("networks are built in f32 and stay so")
}

fn activation(relu: bool) -> Activation {
    if relu {
        Activation::Relu
    } else {
        Activation::Identity
    }
}

/// A fully connected layer and the ReLU after it, if any.
#[derive(Module, Debug)]
pub(super) struct Dense {
    /// out × in.
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    relu: bool,
}

impl Dense {
    /// Starts as PyTorch's `Linear` does.
    pub(super) fn new(
        [inputs, outputs]: [usize; 2],
        then: Then,
        part: Part,
        init: &mut Initializer,
    ) -> Self {
        let start = Init::torch_default(inputs);
        Self {
            weight: init.trained(part, [outputs, inputs], start),
            bias: init.trained(part, [outputs], start),
            relu: then == Then::Relu,
        }
    }

    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        ops::linear(x, self.weight.val(), self.bias.val(), self.relu)
    }

    /// The same at the precision of a pass.
    pub(super) fn forward_in(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        match pass.precision() {
            Precision::F32 => self.forward(x),
            Precision::Bf16 => {
                ops::linear_in_bf16(x, self.weight.val(), self.bias.val(), self.relu)
            }
        }
    }

    /// How many outputs it has.
    pub(super) fn outputs(&self) -> usize {
        self.weight.lazy_shape().to_vec()[0]
    }

    /// The layer for the engine.
    pub(super) fn layer(&self) -> engine::Dense {
        let (weights, bias) = (floats(self.weight.val()), floats(self.bias.val()));
        engine::Dense::new(weights, bias, activation(self.relu))
    }
}

/// Batch normalisation over batch, height and width, and the ReLU after it, if any.
#[derive(Module, Debug)]
pub(super) struct BatchNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
    relu: bool,
}

impl BatchNorm {
    const EPSILON: f64 = 1e-5;

    pub(super) fn new(channels: usize, then: Then, init: &mut Initializer) -> Self {
        Self {
            weight: init.trained(Part::Body, [channels], Init::Constant(1.0)),
            bias: init.trained(Part::Body, [channels], Init::Constant(0.0)),
            running_mean: init.constant([channels], 0.0),
            running_var: init.constant([channels], 1.0),
            relu: then == Then::Relu,
        }
    }

    /// The convolution before it with this folded in, for inference.
    pub(super) fn folded(&self, conv: &Conv) -> engine::Layer {
        let [weight, bias, mean, variance] = [
            &self.weight,
            &self.bias,
            &self.running_mean,
            &self.running_var,
        ]
        .map(|parameter| floats(parameter.val()));
        let scale: Vec<f32> = weight
            .iter()
            .zip(&variance)
            .map(|(weight, variance)| weight / (variance + Self::EPSILON as f32).sqrt())
            .collect();
        let shift: Vec<f32> = (0..bias.len())
            .map(|channel| bias[channel] - mean[channel] * scale[channel])
            .collect();
        let layer = conv.layer().scaled(&scale, &shift);
        if self.relu { layer.rectified() } else { layer }
    }

    pub(super) fn forward(&self, x: Images, pass: &mut Pass<'_>) -> Images {
        let parameters = [self.weight.val(), self.bias.val()];
        match pass {
            Pass::Inference => {
                let statistics = [self.running_mean.val(), self.running_var.val()];
                ops::batch_norm(x, statistics, parameters, Self::EPSILON, self.relu)
            }
            Pass::Training(training) => {
                let [batch, _, height, width] = x.dims();
                let n = (batch * height * width) as f64;
                let (y, [mean, variance]) =
                    ops::batch_norm_training(x, parameters, Self::EPSILON, self.relu);
                training.statistics.push(BatchStatistics {
                    mean_id: self.running_mean.id,
                    variance_id: self.running_var.id,
                    mean,
                    // A single value has no variance to correct.
                    variance: variance.mul_scalar(n / (n - 1.0).max(1.0)),
                });
                y
            }
        }
    }
}

/// A max-pooling step, which has no parameters.
#[derive(Module, Debug)]
pub(super) struct MaxPool {
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
}

impl MaxPool {
    /// Windows of 3 × 3 at every second pixel: what all of these networks use.
    pub(super) fn of_3_by_2() -> Self {
        Self {
            kernel: 3,
            stride: 2,
            padding: 0,
            ceil: false,
        }
    }

    pub(super) fn ceil(self) -> Self {
        Self { ceil: true, ..self }
    }

    pub(super) fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Windows that tile the image.
    pub(super) fn halving() -> Self {
        Self {
            kernel: 2,
            stride: 2,
            padding: 0,
            ceil: false,
        }
    }

    pub(super) fn forward(&self, x: Images) -> Images {
        ops::max_pool2d(x, self.windows(), false)
    }

    /// Of an input whose ReLU was left out.
    pub(super) fn forward_relu(&self, x: Images) -> Images {
        ops::max_pool2d(x, self.windows(), true)
    }

    fn windows(&self) -> ops::MaxPool {
        ops::MaxPool {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            ceil: self.ceil,
        }
    }

    /// The side of what it makes of a square map.
    pub(super) fn side(&self, side: usize) -> usize {
        let shape = Pool2d {
            planes: 1,
            input: [side; 2],
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            ceil: self.ceil,
        };
        shape.output()[0]
    }

    pub(super) fn lower(&self, builder: &mut Builder, x: Grid) -> Grid {
        builder.max_pool(x, self.kernel, self.stride, self.padding, self.ceil)
    }
}
