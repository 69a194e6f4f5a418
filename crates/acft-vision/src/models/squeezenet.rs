//! SqueezeNet 1.0 and 1.1 (Iandola et al. 2016).

use burn::module::Module;
use burn::tensor::Tensor;

use super::init::{Init, Initializer, Part};
use super::layers::{Conv, Geometry, MaxPool, Start, Then};
use super::pass::Pass;
use super::stage::{self, Fused, Stage};
use super::taps::Tap;
use crate::engine::{Builder, Engine, Features, Grid, Output, Precision};
use crate::ops::{self, Images};

/// Taps of version 1.0: the ends of its resolutions, and more where its layers are many. The layer before a max-pool is
/// read behind that pool, as the next layer reads it, but for fire8.
pub(super) const TAPS_1_0: &[Tap] = &[
    Tap::map("conv1", 2),
    Tap::map("fire4", 6),
    Tap::map("fire5", 7),
    Tap::map("fire8", 10),
    Tap::map("fire9", 12),
];

/// Taps of version 1.1. The layer before a max-pool is read behind that pool, as the next layer reads it: 2,880 numbers
/// of patches of 48 or 64 pixels.
pub(super) const TAPS_1_1: &[Tap] = &[
    Tap::map("conv1", 2),
    Tap::map("fire3", 5),
    Tap::map("fire5", 8),
    Tap::map("fire7", 10),
    Tap::map("fire9", 12),
];

/// A 1 × 1 convolution that narrows, and two side by side (1 × 1 and 3 × 3)
/// that widen again.
#[derive(Module, Debug)]
pub(super) struct Fire {
    squeeze: Conv,
    expand1x1: Conv,
    expand3x3: Conv,
}

impl Fire {
    fn new(inputs: usize, squeeze: usize, expand: usize, init: &mut Initializer) -> Self {
        Self {
            squeeze: conv(Geometry::new([inputs, squeeze], 1), init),
            expand1x1: conv(Geometry::new([squeeze, expand], 1), init),
            expand3x3: conv(Geometry::new([squeeze, expand], 3).padding(1), init),
        }
    }

    pub(super) fn forward(&self, x: Images) -> Images {
        self.widened(x, true)
    }

    /// Without the last ReLU, which is left to the max-pool that follows.
    pub(super) fn before_pool(&self, x: Images) -> Images {
        self.widened(x, false)
    }

    fn widened(&self, x: Images, relu: bool) -> Images {
        let x = self.squeeze.forward(x);
        let branches = [self.expand1x1.branch(), self.expand3x3.branch()];
        ops::conv2d_side_by_side(x, branches, relu)
    }

    /// Channels of what it makes.
    pub(super) fn channels(&self) -> usize {
        let [narrow, wide] = [&self.expand1x1, &self.expand3x3].map(|conv| conv.shape(3)[0]);
        narrow + wide
    }

    pub(super) fn lower(&self, builder: &mut Builder, x: Grid) -> Grid {
        let x = builder.conv(x, &self.squeeze.layer());
        let (narrow, wide) = (self.expand1x1.layer(), self.expand3x3.layer());
        let first = narrow.dims[0];
        let y = builder.grid(first + wide.dims[0], [x.height, x.width]);
        builder.conv_into(x, &narrow, y, 0);
        builder.conv_into(x, &wide, y, first);
        y
    }
}

/// Both versions: they differ in the first convolution and in where they pool.
#[derive(Module, Debug)]
pub(super) struct Squeezenet {
    features: Vec<Stage>,
    /// Dropout, and the convolution that is the head.
    classifier: Vec<Stage>,
}

impl Squeezenet {
    pub(super) fn v1_0(classes: usize, last: Then, init: &mut Initializer) -> Self {
        let features = vec![
            Stage::Conv(conv(Geometry::new([3, 96], 7).stride(2), init)),
            Stage::Fused(Fused),
            pool(),
            fire(96, 16, 64, init),
            fire(128, 16, 64, init),
            fire(128, 32, 128, init),
            pool(),
            fire(256, 32, 128, init),
            fire(256, 48, 192, init),
            fire(384, 48, 192, init),
            fire(384, 64, 256, init),
            pool(),
            fire(512, 64, 256, init),
        ];
        Self::with_head(features, classes, last, init)
    }

    pub(super) fn v1_1(classes: usize, last: Then, init: &mut Initializer) -> Self {
        let features = vec![
            Stage::Conv(conv(Geometry::new([3, 64], 3).stride(2), init)),
            Stage::Fused(Fused),
            pool(),
            fire(64, 16, 64, init),
            fire(128, 16, 64, init),
            pool(),
            fire(128, 32, 128, init),
            fire(256, 32, 128, init),
            pool(),
            fire(256, 48, 192, init),
            fire(384, 48, 192, init),
            fire(384, 64, 256, init),
            fire(512, 64, 256, init),
        ];
        Self::with_head(features, classes, last, init)
    }

    /// `last` follows the last convolution: torchvision puts a ReLU there too,
    /// which dies where a step pushes every logit below zero.
    fn with_head(features: Vec<Stage>, classes: usize, last: Then, init: &mut Initializer) -> Self {
        let start = Start {
            part: Part::Head,
            weight: Init::Normal(0.01),
            bias: Some(Init::Constant(0.0)),
        };
        let head = Conv::new(Geometry::new([512, classes], 1), last, start, init);
        Self {
            features,
            classifier: vec![Stage::Fused(Fused), Stage::Conv(head)],
        }
    }

    /// Those of the trunk.
    #[cfg(test)]
    pub(super) fn stages(&self) -> &[Stage] {
        &self.features
    }

    /// Images to batch × 512 × h × w.
    pub(super) fn trunk(&self, x: Images) -> Images {
        stage::run(&self.features, x)
    }

    /// The maps of taps.
    pub(super) fn maps(&self, x: Images, taps: &[Tap]) -> Vec<Images> {
        stage::run_tapped(&self.features, x, taps).1
    }

    /// Channels and side behind each stage.
    pub(super) fn shapes(&self, images: [usize; 2]) -> Vec<[usize; 2]> {
        stage::shapes(&self.features, images)
    }

    /// Both, and taps, for scoring images of `input` × `input` pixels.
    pub(super) fn engine(&self, input: usize, precision: Precision, taps: &[Tap]) -> Engine {
        let (mut builder, images) = Builder::new(input, precision);
        let trunk = stage::lower(&self.features, &mut builder, images, taps);
        let head = self.classifier.iter().find_map(Stage::conv);
        let head = head.expect("the classifier is dropout and a convolution");
        let logits = builder.conv_in_f32(trunk, &head.layer());
        let outputs = [trunk, logits].map(Output::Mean);
        Engine::new(builder, &outputs, Vec::new(), Features::Beside)
    }

    /// The trunk's output to logits.
    pub(super) fn head(&self, x: Images, pass: &mut Pass<'_>) -> Tensor<2> {
        let x = x.in_f32().map(|x| pass.dropout(x, 0.5));
        ops::global_avg_pool(stage::run(&self.classifier, x))
    }
}

fn conv(geometry: Geometry, init: &mut Initializer) -> Conv {
    let start = Start {
        part: Part::Body,
        weight: Init::kaiming(geometry.fan_in()),
        bias: Some(Init::Constant(0.0)),
    };
    Conv::new(geometry, Then::Relu, start, init)
}

fn fire(inputs: usize, squeeze: usize, expand: usize, init: &mut Initializer) -> Stage {
    Stage::Fire(Fire::new(inputs, squeeze, expand, init))
}

fn pool() -> Stage {
    Stage::MaxPool(MaxPool::of_3_by_2().ceil())
}
