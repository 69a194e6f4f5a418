//! The smallest network that learns drawn images in seconds on a CPU.

use burn::module::Module;
use burn::tensor::Tensor;

use super::init::{Init, Initializer, Part};
use super::layers::{Conv, Dense, Geometry, MaxPool, Start, Then};
use super::stage::{self, Stage};
use super::taps::Tap;
use crate::engine::{Builder, Engine, Features, Output, Precision};
use crate::ops::{self, Images};

/// The end of each resolution.
pub(super) const TAPS: &[Tap] = &[
    Tap::map("conv1", 0),
    Tap::map("conv2", 2),
    Tap::map("conv4", 5),
];

/// Four 3 × 3 convolutions (16, 32, 48, 64 channels), two poolings, one dense
/// layer: 47 k parameters and 4 M multiplications at 32 pixels.
#[derive(Module, Debug)]
pub(super) struct Demo {
    features: Vec<Stage>,
    fc: Dense,
}

impl Demo {
    pub(super) fn new(classes: usize, init: &mut Initializer) -> Self {
        Self {
            features: vec![
                conv([3, 16], init),
                Stage::MaxPool(MaxPool::halving()),
                conv([16, 32], init),
                Stage::MaxPool(MaxPool::halving()),
                conv([32, 48], init),
                conv([48, 64], init),
            ],
            fc: Dense::new([64, classes], Then::Nothing, Part::Head, init),
        }
    }

    /// Images to batch × 64 pooled activations.
    pub(super) fn trunk(&self, x: Images) -> Tensor<2> {
        ops::global_avg_pool(stage::run(&self.features, x))
    }

    /// The maps of the taps.
    pub(super) fn maps(&self, x: Images) -> Vec<Images> {
        stage::run_tapped(&self.features, x, TAPS).1
    }

    /// Channels and side behind each stage.
    pub(super) fn shapes(&self, images: [usize; 2]) -> Vec<[usize; 2]> {
        stage::shapes(&self.features, images)
    }

    /// Both for scoring images of `input` × `input` pixels.
    pub(super) fn engine(&self, input: usize, precision: Precision) -> Engine {
        let (mut builder, images) = Builder::new(input, precision);
        let trunk = stage::lower(&self.features, &mut builder, images, TAPS);
        Engine::new(
            builder,
            &[Output::Mean(trunk)],
            vec![self.fc.layer()],
            Features::BeforeHead,
        )
    }

    /// The trunk's output to logits.
    pub(super) fn head(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc.forward(x)
    }
}

fn conv(channels: [usize; 2], init: &mut Initializer) -> Stage {
    let geometry = Geometry::new(channels, 3).padding(1);
    let start = Start {
        part: Part::Body,
        weight: Init::kaiming(geometry.fan_in()),
        bias: Some(Init::Constant(0.0)),
    };
    Stage::Conv(Conv::new(geometry, Then::Relu, start, init))
}
