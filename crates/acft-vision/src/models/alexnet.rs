//! AlexNet in the one-tower form of Krizhevsky (2014), as torchvision has it.

use burn::module::Module;
use burn::tensor::Tensor;

use super::init::{Init, Initializer, Part};
use super::layers::{Conv, Dense, Geometry, MaxPool, Start, Then};
use super::pass::Pass;
use super::stage::{self, Fused, Stage};
use super::taps::Tap;
use crate::engine::{Builder, Engine, Features, Output, Precision};
use crate::ops::{self, Images};

/// Height and width of the grid that the first dense layer reads.
const GRID: usize = 6;

/// The end of each resolution, each behind its ReLU, and what the last layer reads.
pub(super) const TAPS: &[Tap] = &[
    Tap::map("conv1", 1),
    Tap::map("conv2", 4),
    Tap::map("conv5", 11),
    Tap::before_head("fc7"),
];

/// Five convolutions and three dense layers.
#[derive(Module, Debug)]
pub(super) struct Alexnet {
    features: Vec<Stage>,
    /// Numbered as torchvision's `classifier`, with gaps where it has its
    /// dropouts and ReLUs.
    classifier: Vec<Option<Dense>>,
}

impl Alexnet {
    pub(super) fn new(classes: usize, init: &mut Initializer) -> Self {
        let features = vec![
            conv(Geometry::new([3, 64], 11).stride(4).padding(2), init),
            Stage::Fused(Fused),
            pool(),
            conv(Geometry::new([64, 192], 5).padding(2), init),
            Stage::Fused(Fused),
            pool(),
            conv(Geometry::new([192, 384], 3).padding(1), init),
            Stage::Fused(Fused),
            conv(Geometry::new([384, 256], 3).padding(1), init),
            Stage::Fused(Fused),
            conv(Geometry::new([256, 256], 3).padding(1), init),
            Stage::Fused(Fused),
            pool(),
        ];
        let inputs = 256 * GRID * GRID;
        let classifier = vec![
            None,
            Some(Dense::new([inputs, 4096], Then::Relu, Part::Body, init)),
            None,
            None,
            Some(Dense::new([4096, 4096], Then::Relu, Part::Body, init)),
            None,
            Some(Dense::new([4096, classes], Then::Nothing, Part::Head, init)),
        ];
        Self {
            features,
            classifier,
        }
    }

    /// Images to the batch × 4096 activations before the head.
    pub(super) fn trunk(&self, x: Images, pass: &mut Pass<'_>) -> Tensor<2> {
        self.dense(self.grid(x), pass)
    }

    /// Images to what the first dense layer reads.
    pub(super) fn grid(&self, x: Images) -> Tensor<2> {
        ops::adaptive_avg_pool2d(stage::run(&self.features, x), GRID)
    }

    /// The dense layers before the head.
    pub(super) fn dense(&self, mut x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        for dense in self.classifier[..6].iter().flatten() {
            x = dense.forward_in(pass.dropout(x, 0.5), pass);
        }
        x
    }

    /// The maps of the taps, and what the last layer reads.
    pub(super) fn maps(&self, x: Images) -> (Vec<Images>, Tensor<2>) {
        let (x, maps) = stage::run_tapped(&self.features, x, TAPS);
        let grid = ops::adaptive_avg_pool2d(x, GRID);
        (maps, self.dense(grid, &mut Pass::Inference))
    }

    /// Channels and side behind each stage, and the width of what the last layer reads.
    pub(super) fn shapes(&self, images: [usize; 2]) -> (Vec<[usize; 2]>, usize) {
        let mut dense = self.classifier[..6].iter().flatten().map(Dense::outputs);
        let shapes = stage::shapes(&self.features, images);
        (shapes, dense.next_back().unwrap_or_default())
    }

    /// Both for scoring images of `input` × `input` pixels.
    pub(super) fn engine(&self, input: usize, precision: Precision) -> Engine {
        let (mut builder, images) = Builder::new(input, precision);
        let grid = stage::lower(&self.features, &mut builder, images, TAPS);
        let mut dense: Vec<_> = self.classifier.iter().flatten().map(Dense::layer).collect();
        let first = dense.remove(0);
        let first = first.behind_adaptive_pool(GRID, [grid.height, grid.width]);
        dense.insert(0, first);
        Engine::new(builder, &[Output::Grid(grid)], dense, Features::BeforeHead).with_dense_tap()
    }

    /// The trunk's output to logits.
    pub(super) fn head(&self, x: Tensor<2>) -> Tensor<2> {
        self.classifier[6..]
            .iter()
            .flatten()
            .fold(x, |x, dense| dense.forward(x))
    }
}

fn conv(geometry: Geometry, init: &mut Initializer) -> Stage {
    let start = Init::torch_default(geometry.fan_in());
    let start = Start {
        part: Part::Body,
        weight: start,
        bias: Some(start),
    };
    Stage::Conv(Conv::new(geometry, Then::Relu, start, init))
}

fn pool() -> Stage {
    Stage::MaxPool(MaxPool::of_3_by_2())
}
