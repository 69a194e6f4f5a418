//! A convolutional trunk as a list of stages, numbered as in torchvision's
//! `nn.Sequential`: a stage's place in the list is part of its tensors' names.

use burn::module::Module;

use super::layers::{Conv, MaxPool};
use super::squeezenet::Fire;
use crate::engine::{Builder, Grid};
use crate::ops::Images;

/// One step of a trunk.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there are 13 in a network")]
pub(super) enum Stage {
    Conv(Conv),
    MaxPool(MaxPool),
    Fire(Fire),
    Fused(Fused),
}

/// The place of a layer that has no parameters and whose work is done
/// elsewhere: a ReLU within the convolution before it, or a dropout.
#[derive(Module, Debug)]
pub(super) struct Fused;

impl Stage {
    fn forward(&self, x: Images) -> Images {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::MaxPool(pool) => pool.forward(x),
            Self::Fire(fire) => fire.forward(x),
            Self::Fused(_) => x,
        }
    }

    /// The convolution, if it is one.
    pub(super) fn conv(&self) -> Option<&Conv> {
        match self {
            Self::Conv(conv) => Some(conv),
            _ => None,
        }
    }

    fn lower(&self, builder: &mut Builder, x: Grid) -> Grid {
        match self {
            Self::Conv(conv) => builder.conv(x, &conv.layer()),
            Self::MaxPool(pool) => pool.lower(builder, x),
            Self::Fire(fire) => fire.lower(builder, x),
            Self::Fused(_) => x,
        }
    }
}

/// Runs the stages in order.
pub(super) fn run(stages: &[Stage], x: Images) -> Images {
    stages.iter().fold(x, |x, stage| stage.forward(x))
}

/// The same stages for the engine.
pub(super) fn lower(stages: &[Stage], builder: &mut Builder, x: Grid) -> Grid {
    stages.iter().fold(x, |x, stage| stage.lower(builder, x))
}
