//! A network of any architecture.

use burn::module::{Module, ParamId};
use burn::tensor::{Device, Tensor};

use super::alexnet::Alexnet;
use super::architecture::{Architecture, TooSmall};
use super::demo::Demo;
use super::init::Initializer;
use super::layers::Then;
use super::parameters::{self, Entry, Named};
use super::pass::{Pass, Training};
use super::resnet::Resnet18;
use super::squeezenet::Squeezenet;
use super::taps::{At, TapShape, centre_of};
use crate::engine::{Engine, Precision};
use crate::ops::{self, Images};

/// The layers and parameters of one network.
///
/// Cloning shares the parameters; training makes new ones.
#[derive(Module, Debug)]
pub struct Network {
    layers: Layers,
    #[module(skip)]
    architecture: Architecture,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a network")]
enum Layers {
    Squeezenet(Squeezenet),
    Alexnet(Alexnet),
    Resnet18(Resnet18),
    Demo(Demo),
}

/// What a network says about a mini-batch.
#[derive(Clone, Debug)]
pub struct Output {
    /// batch × classes, before the softmax.
    pub logits: Tensor<2>,
    /// batch × [`Architecture::features`]: the pooled activations before the head.
    pub features: Tensor<2>,
}

impl Network {
    /// A network with random weights, initialised as torchvision does, drawn
    /// from `seed`.
    pub fn new(architecture: Architecture, classes: usize, seed: u64, device: &Device) -> Self {
        Self::build(architecture, classes, &mut Initializer::drawn(seed, device))
    }

    /// The same layers below a fresh head for `classes` classes, drawn from
    /// `seed`: M_0 made from a pre-trained network.
    pub fn with_fresh_head(&self, classes: usize, seed: u64) -> Self {
        let device = self.device();
        let prefix = self.architecture.head_prefix();
        let mut body = self.tensors();
        body.retain(|name, _| !name.starts_with(prefix));
        Self::from_body(self.architecture, body, classes, seed, &device)
    }

    /// A network with `body` below a fresh head. The names and shapes of
    /// `body` are the caller's to have checked.
    pub(crate) fn from_body(
        architecture: Architecture,
        body: Named,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Self {
        let blank = Self::build(
            architecture,
            classes,
            &mut Initializer::drawn_head(seed, device),
        );
        blank.with_tensors(device, body)
    }

    /// A network with all its tensors given.
    pub(crate) fn from_tensors(
        architecture: Architecture,
        tensors: Named,
        classes: usize,
        device: &Device,
    ) -> Self {
        let blank = Self::build(architecture, classes, &mut Initializer::blank(device));
        blank.with_tensors(device, tensors)
    }

    fn with_tensors(self, device: &Device, tensors: Named) -> Self {
        Self {
            layers: parameters::replace(self.layers, device, tensors),
            ..self
        }
    }

    /// Names and shapes of the tensors that a network of this kind has.
    pub(crate) fn signature(architecture: Architecture, classes: usize) -> Vec<Entry> {
        let mut blank = Initializer::blank(&Device::flex());
        Self::build(architecture, classes, &mut blank).entries()
    }

    fn build(architecture: Architecture, classes: usize, init: &mut Initializer) -> Self {
        let layers = match architecture {
            Architecture::Squeezenet1_0 => {
                Layers::Squeezenet(Squeezenet::v1_0(classes, Then::Relu, init))
            }
            Architecture::Squeezenet1_1 => {
                Layers::Squeezenet(Squeezenet::v1_1(classes, Then::Relu, init))
            }
            Architecture::Squeezenet1_0Linear => {
                Layers::Squeezenet(Squeezenet::v1_0(classes, Then::Nothing, init))
            }
            Architecture::Squeezenet1_1Linear => {
                Layers::Squeezenet(Squeezenet::v1_1(classes, Then::Nothing, init))
            }
            Architecture::Alexnet => Layers::Alexnet(Alexnet::new(classes, init)),
            Architecture::Resnet18 => Layers::Resnet18(Resnet18::new(classes, init)),
            Architecture::Demo => Layers::Demo(Demo::new(classes, init)),
        };
        Self {
            layers,
            architecture,
        }
    }

    /// Which network this is.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// |Y|, the number of logits.
    pub fn classes(&self) -> usize {
        self.entries()
            .iter()
            .find(|entry| entry.name.starts_with(self.architecture.head_prefix()))
            .expect("every network has a head")
            .shape[0]
    }

    /// Where its parameters are.
    pub fn device(&self) -> Device {
        let mut devices = self.devices();
        devices.swap_remove(0)
    }

    /// Logits of normalised images (batch × 3 × height × width), without
    /// dropout and with running statistics.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn infer(&self, x: impl Into<Images>) -> Result<Tensor<2>, TooSmall> {
        let x = self.checked(x)?;
        Ok(self.forward(x, &mut Pass::Inference).logits())
    }

    /// Like [`Network::infer`], with the features as well.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn infer_with_features(&self, x: impl Into<Images>) -> Result<Output, TooSmall> {
        let x = self.checked(x)?;
        Ok(self.forward(x, &mut Pass::Inference).output())
    }

    /// The features of all [taps](Architecture::taps): batch × [`Architecture::tap_width`].
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn infer_tapped(&self, x: impl Into<Images>) -> Result<Tensor<2>, TooSmall> {
        let x = self.checked(x)?;
        let (maps, rows) = match &self.layers {
            Layers::Squeezenet(net) => (net.maps(x, self.architecture.taps()), None),
            Layers::Alexnet(net) => {
                let (maps, rows) = net.maps(x);
                (maps, Some(rows))
            }
            Layers::Resnet18(net) => (net.maps(x), None),
            Layers::Demo(net) => (net.maps(x), None),
        };
        let summarize = |map: Images| {
            let [_, _, height, width] = map.dims();
            ops::summarize(map, centre_of([height, width]))
        };
        let parts = maps.into_iter().map(summarize).chain(rows).collect();
        Ok(Tensor::cat(parts, 1))
    }

    /// See [`Architecture::tap_shapes`].
    pub(super) fn tap_shapes(
        architecture: Architecture,
        input: usize,
    ) -> Result<Vec<TapShape>, TooSmall> {
        architecture.check_input(input)?;
        let mut blank = Initializer::blank(&Device::flex());
        let network = Self::build(architecture, 2, &mut blank);
        let images = [3, input];
        let (shapes, before_head) = match &network.layers {
            Layers::Squeezenet(net) => (net.shapes(images), 0),
            Layers::Alexnet(net) => net.shapes(images),
            Layers::Resnet18(net) => (net.shapes(input), 0),
            Layers::Demo(net) => (net.shapes(images), 0),
        };
        let shape = |tap: &super::Tap| {
            let (channels, side) = match tap.at {
                At::Map(stage) => (shapes[stage][0], Some(shapes[stage][1])),
                At::BeforeHead => (before_head, None),
            };
            TapShape {
                name: tap.name(),
                channels,
                side,
            }
        };
        Ok(architecture.taps().iter().map(shape).collect())
    }

    /// Logits of several passes with dropout, drawn from `training`, and all else as in [`Network::infer`]; none where
    /// the network has no dropout. What comes before the first dropout is computed once.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn sample(
        &self,
        x: impl Into<Images>,
        passes: usize,
        training: &mut Training,
    ) -> Result<Option<Vec<Tensor<2>>>, TooSmall> {
        let x = self.checked(x)?;
        let mut pass = Pass::Training(training);
        Ok(match &self.layers {
            Layers::Squeezenet(net) => {
                let trunk = net.trunk(x);
                let sample = |_| net.head(trunk.clone(), &mut pass);
                Some((0..passes).map(sample).collect())
            }
            Layers::Alexnet(net) => {
                let grid = net.grid(x);
                let sample = |_| net.head(net.dense(grid.clone(), &mut pass));
                Some((0..passes).map(sample).collect())
            }
            Layers::Resnet18(_) | Layers::Demo(_) => None,
        })
    }

    /// Logits with dropout and with the mini-batch's own statistics, which
    /// [`Network::absorb_statistics`] takes from `training` afterwards.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn forward_training(
        &self,
        x: impl Into<Images>,
        training: &mut Training,
    ) -> Result<Tensor<2>, TooSmall> {
        let x = training.rounded(self.checked(x)?);
        Ok(self.forward(x, &mut Pass::Training(training)).logits())
    }

    /// Moves the running statistics a tenth of the way towards those of the
    /// last mini-batches, as PyTorch does. Nothing to do without batch norm.
    pub fn absorb_statistics(self, training: &mut Training) -> Self {
        match training.take_statistics() {
            Some(mut statistics) => self.map(&mut statistics),
            None => self,
        }
    }

    /// The identifiers of the parameters in the last layer, and of the others.
    pub(crate) fn head_and_body(&self) -> (Vec<ParamId>, Vec<ParamId>) {
        let prefix = self.architecture.head_prefix();
        let (head, body): (Vec<_>, Vec<_>) = self
            .entries()
            .into_iter()
            .partition(|entry| entry.name.starts_with(prefix));
        let ids = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.id).collect();
        (ids(head), ids(body))
    }

    /// Every tensor, statistics included, under torchvision's name for it.
    pub fn tensors(&self) -> Named {
        parameters::tensors(&self.layers)
    }

    /// A hash of the tensors below the last layer: of all that features depend on.
    pub(crate) fn trunk_hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("acft 2026-11 trunk of a network");
        let head = self.architecture.head_prefix();
        for (name, tensor) in self.tensors() {
            if name.starts_with(head) {
                continue;
            }
            hasher.update(format!("{name} {:?}\n", tensor.shape).as_bytes());
            let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        hasher.finalize()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        parameters::entries(&self.layers)
    }

    /// The network as it is now, prepared for scoring images of
    /// `input` × `input` pixels on the CPU.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub(crate) fn engine(&self, input: usize, precision: Precision) -> Result<Engine, TooSmall> {
        self.architecture.check_input(input)?;
        Ok(match &self.layers {
            Layers::Squeezenet(net) => net.engine(input, precision, self.architecture.taps()),
            Layers::Alexnet(net) => net.engine(input, precision),
            Layers::Resnet18(net) => net.engine(input, precision),
            Layers::Demo(net) => net.engine(input, precision),
        })
    }

    fn checked(&self, x: impl Into<Images>) -> Result<Images, TooSmall> {
        let x = x.into();
        let [_, _, height, width] = x.dims();
        self.architecture.check_input(height.min(width))?;
        Ok(x)
    }

    fn forward(&self, x: Images, pass: &mut Pass<'_>) -> Forward {
        match &self.layers {
            Layers::Squeezenet(net) => {
                let trunk = net.trunk(x);
                Forward {
                    logits: net.head(trunk.clone(), pass),
                    trunk: Trunk::Grid(trunk),
                }
            }
            Layers::Alexnet(net) => {
                let trunk = net.trunk(x, pass);
                Forward::pooled(net.head(trunk.clone()), trunk)
            }
            Layers::Resnet18(net) => {
                let trunk = net.trunk(x, pass);
                Forward::pooled(net.head(trunk.clone()), trunk)
            }
            Layers::Demo(net) => {
                let trunk = net.trunk(x);
                Forward::pooled(net.head(trunk.clone()), trunk)
            }
        }
    }
}

/// Logits, and the features where someone asks for them.
struct Forward {
    logits: Tensor<2>,
    trunk: Trunk,
}

enum Trunk {
    Grid(Images),
    Pooled(Tensor<2>),
}

impl Forward {
    fn pooled(logits: Tensor<2>, trunk: Tensor<2>) -> Self {
        Self {
            logits,
            trunk: Trunk::Pooled(trunk),
        }
    }

    fn logits(self) -> Tensor<2> {
        self.logits
    }

    fn output(self) -> Output {
        Output {
            logits: self.logits,
            features: match self.trunk {
                Trunk::Grid(grid) => ops::global_avg_pool(grid),
                Trunk::Pooled(features) => features,
            },
        }
    }
}
