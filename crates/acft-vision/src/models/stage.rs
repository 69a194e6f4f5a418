//! A convolutional trunk as a list of stages, numbered as in torchvision's
//! `nn.Sequential`: a stage's place in the list is part of its tensors' names.

use burn::module::Module;

use super::layers::{Conv, MaxPool};
use super::squeezenet::Fire;
use super::taps::{Tap, is_tapped};
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
/// elsewhere: a ReLU within the convolution before it or the pool behind it, or
/// a dropout.
#[derive(Module, Debug)]
pub(super) struct Fused;

impl Stage {
    /// Runs one stage. `late` says that the ReLU before it is still to be done, `pool_follows` that its own may be left to
    /// the next stage; the answer says whether it was, and is that stage's `late`.
    fn forward(&self, x: Images, late: bool, pool_follows: bool) -> (Images, bool) {
        match self {
            Self::Conv(conv) if pool_follows && conv.is_rectified() => (conv.before_pool(x), true),
            Self::Conv(conv) => (conv.forward(x), false),
            Self::Fire(fire) if pool_follows => (fire.before_pool(x), true),
            Self::Fire(fire) => (fire.forward(x), false),
            Self::MaxPool(pool) if late => (pool.forward_relu(x), false),
            Self::MaxPool(pool) => (pool.forward(x), false),
            Self::Fused(_) => (x, late),
        }
    }

    /// The convolution, if it is one.
    pub(super) fn conv(&self) -> Option<&Conv> {
        match self {
            Self::Conv(conv) => Some(conv),
            _ => None,
        }
    }

    /// Channels and side of what it makes of a square map.
    fn shape(&self, [channels, side]: [usize; 2]) -> [usize; 2] {
        match self {
            Self::Conv(conv) => conv.shape(side),
            Self::MaxPool(pool) => [channels, pool.side(side)],
            Self::Fire(fire) => [fire.channels(), side],
            Self::Fused(_) => [channels, side],
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

/// Runs the stages in order. A ReLU before a max-pool is done behind it: the same, forward and backward, of a fourth of
/// the values.
pub(super) fn run(stages: &[Stage], x: Images) -> Images {
    let (x, _) = stages
        .iter()
        .enumerate()
        .fold((x, false), |(x, late), (at, stage)| {
            let mut rest = stages[at + 1..].iter();
            let next = rest.find(|stage| !matches!(stage, Stage::Fused(_)));
            stage.forward(x, late, matches!(next, Some(Stage::MaxPool(_))))
        });
    x
}

/// The stages in order, each with its own ReLU, and the maps of the taps among what they make.
pub(super) fn run_tapped(stages: &[Stage], mut x: Images, taps: &[Tap]) -> (Images, Vec<Images>) {
    let mut maps = Vec::with_capacity(taps.len());
    for (at, stage) in stages.iter().enumerate() {
        x = stage.forward(x, false, false).0;
        if is_tapped(taps, at) {
            maps.push(x.clone());
        }
    }
    (x, maps)
}

/// Channels and side behind each stage, from those of the images on.
pub(super) fn shapes(stages: &[Stage], images: [usize; 2]) -> Vec<[usize; 2]> {
    let mut shape = images;
    let next = |stage: &Stage| {
        shape = stage.shape(shape);
        shape
    };
    stages.iter().map(next).collect()
}

/// The same stages for the engine, with taps.
pub(super) fn lower(stages: &[Stage], builder: &mut Builder, mut x: Grid, taps: &[Tap]) -> Grid {
    for (at, stage) in stages.iter().enumerate() {
        x = stage.lower(builder, x);
        if is_tapped(taps, at) {
            builder.tap(x);
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::*;
    use crate::models::{init::Initializer, layers::Then, squeezenet::Squeezenet};

    #[test]
    fn a_relu_left_to_the_pool_changes_no_bit_forward_or_backward() {
        let device = Device::flex().autodiff();
        device.seed(7);
        let network = Squeezenet::v1_1(2, Then::Relu, &mut Initializer::drawn(3, &device));
        let x = Tensor::<4>::random([3, 3, 65, 47], Distribution::Normal(0.0, 1.0), &device);
        let x = x.require_grad();
        let found = |run: &dyn Fn(Images) -> Images| {
            let y = run(x.clone().into()).one_by_one();
            let gradients = (y.clone() * y.clone().detach()).sum().backward();
            [
                y,
                Tensor::from_inner(x.grad(&gradients).expect("it is tracked")),
            ]
            .map(|t| t.into_data())
        };
        let one_by_one = found(&|x| {
            let stages = network.stages().iter();
            stages.fold(x, |x, stage| stage.forward(x, false, false).0)
        });
        assert_eq!(found(&|x| network.trunk(x)), one_by_one);
    }
}
