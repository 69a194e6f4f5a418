//! ResNet-18 (He et al. 2016), as torchvision has it.

use burn::module::Module;
use burn::tensor::Tensor;

use super::init::{Init, Initializer, Part};
use super::layers::{BatchNorm, Conv, Dense, Geometry, MaxPool, Start, Then};
use super::pass::Pass;
use super::taps::{Tap, is_tapped};
use crate::engine::{Builder, Engine, Features, Grid, Output, Precision};
use crate::ops::{self, Images};

/// The end of each resolution. Stage 0 is the first convolution, stages 1 to 4 are the layers.
pub(super) const TAPS: &[Tap] = &[
    Tap::map("conv1", 0),
    Tap::map("layer1", 1),
    Tap::map("layer2", 2),
    Tap::map("layer3", 3),
    Tap::map("layer4", 4),
];

/// Two 3 × 3 convolutions and the way around them.
#[derive(Module, Debug)]
pub(super) struct Block {
    conv1: Conv,
    bn1: BatchNorm,
    conv2: Conv,
    bn2: BatchNorm,
    /// A convolution and its norm, where the shape changes.
    downsample: Option<(Conv, BatchNorm)>,
}

impl Block {
    fn new([inputs, outputs]: [usize; 2], stride: usize, init: &mut Initializer) -> Self {
        let first = Geometry::new([inputs, outputs], 3)
            .stride(stride)
            .padding(1);
        let second = Geometry::new([outputs, outputs], 3).padding(1);
        let around = Geometry::new([inputs, outputs], 1).stride(stride);
        Self {
            conv1: conv(first, init),
            bn1: BatchNorm::new(outputs, Then::Relu, init),
            conv2: conv(second, init),
            bn2: BatchNorm::new(outputs, Then::Nothing, init),
            downsample: (stride != 1 || inputs != outputs).then(|| {
                (
                    conv(around, init),
                    BatchNorm::new(outputs, Then::Nothing, init),
                )
            }),
        }
    }

    fn forward(&self, x: Images, pass: &mut Pass<'_>) -> Images {
        let y = self.bn1.forward(self.conv1.forward(x.clone()), pass);
        let y = self.conv2.forward(y);
        let y = self.bn2.forward(y, pass);
        let around = match &self.downsample {
            Some((conv, norm)) => norm.forward(conv.forward(x), pass),
            None => x,
        };
        ops::add_relu(y, around)
    }

    /// Channels and side of what it makes of a square map.
    fn shape(&self, side: usize) -> [usize; 2] {
        let [_, side] = self.conv1.shape(side);
        self.conv2.shape(side)
    }

    fn lower(&self, builder: &mut Builder, x: Grid) -> Grid {
        let y = builder.conv(x, &self.bn1.folded(&self.conv1));
        let around = match &self.downsample {
            Some((conv, norm)) => builder.conv(x, &norm.folded(conv)),
            None => x,
        };
        builder.conv_onto(y, &self.bn2.folded(&self.conv2).rectified(), around);
        around
    }
}

/// A first convolution, four layers of two blocks, one dense layer.
#[derive(Module, Debug)]
pub(super) struct Resnet18 {
    conv1: Conv,
    bn1: BatchNorm,
    maxpool: MaxPool,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    fc: Dense,
}

impl Resnet18 {
    pub(super) fn new(classes: usize, init: &mut Initializer) -> Self {
        Self {
            conv1: conv(Geometry::new([3, 64], 7).stride(2).padding(3), init),
            bn1: BatchNorm::new(64, Then::Relu, init),
            maxpool: MaxPool::of_3_by_2().padding(1),
            layer1: layer([64, 64], 1, init),
            layer2: layer([64, 128], 2, init),
            layer3: layer([128, 256], 2, init),
            layer4: layer([256, 512], 2, init),
            fc: Dense::new([512, classes], Then::Nothing, Part::Head, init),
        }
    }

    /// Images to batch × 512 pooled activations.
    pub(super) fn trunk(&self, x: Images, pass: &mut Pass<'_>) -> Tensor<2> {
        let x = self.bn1.forward(self.conv1.forward(x), pass);
        let mut x = self.maxpool.forward(x);
        for layer in self.layers() {
            x = layer.iter().fold(x, |x, block| block.forward(x, pass));
        }
        ops::global_avg_pool(x)
    }

    fn layers(&self) -> [&[Block]; 4] {
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
    }

    /// The maps of the taps.
    pub(super) fn maps(&self, x: Images) -> Vec<Images> {
        let pass = &mut Pass::Inference;
        let x = self.bn1.forward(self.conv1.forward(x), pass);
        let mut maps = vec![x.clone()];
        let mut x = self.maxpool.forward(x);
        for layer in self.layers() {
            x = layer.iter().fold(x, |x, block| block.forward(x, pass));
            maps.push(x.clone());
        }
        maps
    }

    /// Channels and side behind each stage.
    pub(super) fn shapes(&self, input: usize) -> Vec<[usize; 2]> {
        let first = self.conv1.shape(input);
        let mut shapes = vec![first];
        let mut side = self.maxpool.side(first[1]);
        for layer in self.layers() {
            let mut shape = [0, side];
            for block in layer {
                shape = block.shape(shape[1]);
            }
            side = shape[1];
            shapes.push(shape);
        }
        shapes
    }

    /// Both for scoring images of `input` × `input` pixels.
    pub(super) fn engine(&self, input: usize, precision: Precision) -> Engine {
        let (mut builder, images) = Builder::new(input, precision);
        let x = builder.conv(images, &self.bn1.folded(&self.conv1));
        if is_tapped(TAPS, 0) {
            builder.tap(x);
        }
        let mut x = self.maxpool.lower(&mut builder, x);
        for (at, layer) in self.layers().into_iter().enumerate() {
            x = layer
                .iter()
                .fold(x, |x, block| block.lower(&mut builder, x));
            if is_tapped(TAPS, at + 1) {
                builder.tap(x);
            }
        }
        Engine::new(
            builder,
            &[Output::Mean(x)],
            vec![self.fc.layer()],
            Features::BeforeHead,
        )
    }

    /// The trunk's output to logits.
    pub(super) fn head(&self, x: Tensor<2>) -> Tensor<2> {
        self.fc.forward(x)
    }
}

fn layer([inputs, outputs]: [usize; 2], stride: usize, init: &mut Initializer) -> Vec<Block> {
    vec![
        Block::new([inputs, outputs], stride, init),
        Block::new([outputs, outputs], 1, init),
    ]
}

/// Without a bias: the norm that follows has one.
fn conv(geometry: Geometry, init: &mut Initializer) -> Conv {
    let start = Start {
        part: Part::Body,
        // PyTorch's `kaiming_normal_(mode="fan_out", nonlinearity="relu")`.
        weight: Init::Normal((2.0 / geometry.fan_out() as f64).sqrt()),
        bias: None,
    };
    Conv::new(geometry, Then::Nothing, start, init)
}
