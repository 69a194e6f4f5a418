//! Which network: its name, its least input, where its head is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::taps::{Tap, TapShape};
use super::{Network, alexnet, demo, resnet, squeezenet};

/// A network that can be built, under torchvision's name where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Architecture {
    /// SqueezeNet 1.0 (Iandola et al. 2016), 0.7 M parameters.
    Squeezenet1_0,
    /// SqueezeNet 1.1: as accurate as 1.0 at 2.4 times less work.
    Squeezenet1_1,
    /// SqueezeNet 1.0 without the ReLU that torchvision has behind the last
    /// convolution: no logit can get stuck at zero, where no gradient passes.
    Squeezenet1_0Linear,
    /// SqueezeNet 1.1 without that ReLU.
    Squeezenet1_1Linear,
    /// AlexNet in torchvision's one-tower form (Krizhevsky 2014), 57 M parameters.
    Alexnet,
    /// ResNet-18 (He et al. 2016), 11 M parameters, with batch normalisation.
    Resnet18,
    /// Four small convolutions, 47 k parameters, for images of 32 to 48 pixels.
    Demo,
}

impl Architecture {
    /// Every architecture, in the order in which they are listed to people.
    pub const ALL: [Self; 7] = [
        Self::Squeezenet1_1,
        Self::Squeezenet1_0,
        Self::Squeezenet1_1Linear,
        Self::Squeezenet1_0Linear,
        Self::Alexnet,
        Self::Resnet18,
        Self::Demo,
    ];

    /// Its name, as torchvision writes it where it has the network.
    pub fn name(self) -> &'static str {
        match self {
            Self::Squeezenet1_0 => "squeezenet1_0",
            Self::Squeezenet1_1 => "squeezenet1_1",
            Self::Squeezenet1_0Linear => "squeezenet1_0_linear",
            Self::Squeezenet1_1Linear => "squeezenet1_1_linear",
            Self::Alexnet => "alexnet",
            Self::Resnet18 => "resnet18",
            Self::Demo => "demo",
        }
    }

    /// The least height and width, in pixels, at which no layer runs out of
    /// image.
    pub fn min_input(self) -> usize {
        match self {
            Self::Squeezenet1_0 | Self::Squeezenet1_0Linear => 21,
            Self::Squeezenet1_1 | Self::Squeezenet1_1Linear => 17,
            Self::Alexnet => 63,
            Self::Resnet18 => 1,
            Self::Demo => 4,
        }
    }

    /// Whether images of `input` × `input` pixels can pass through it.
    ///
    /// # Errors
    /// [`TooSmall`], which names the least that can.
    pub fn check_input(self, input: usize) -> Result<(), TooSmall> {
        if input < self.min_input() {
            return Err(TooSmall {
                architecture: self,
                input,
            });
        }
        Ok(())
    }

    /// The length of the pooled features before the head.
    pub fn features(self) -> usize {
        match self {
            Self::Squeezenet1_0
            | Self::Squeezenet1_1
            | Self::Squeezenet1_0Linear
            | Self::Squeezenet1_1Linear
            | Self::Resnet18 => 512,
            Self::Alexnet => 4096,
            Self::Demo => 64,
        }
    }

    /// The places whose maps are read as features of a patch, in the order of the features.
    pub fn taps(self) -> &'static [Tap] {
        match self {
            Self::Squeezenet1_0 | Self::Squeezenet1_0Linear => squeezenet::TAPS_1_0,
            Self::Squeezenet1_1 | Self::Squeezenet1_1Linear => squeezenet::TAPS_1_1,
            Self::Alexnet => alexnet::TAPS,
            Self::Resnet18 => resnet::TAPS,
            Self::Demo => demo::TAPS,
        }
    }

    /// What each tap gives for patches of `input` × `input` pixels.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn tap_shapes(self, input: usize) -> Result<Vec<TapShape>, TooSmall> {
        Network::tap_shapes(self, input)
    }

    /// How many features all taps together give for a patch of `input` × `input` pixels.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn tap_width(self, input: usize) -> Result<usize, TooSmall> {
        let shapes = self.tap_shapes(input)?;
        Ok(shapes.iter().map(TapShape::width).sum())
    }

    /// Whether units are dropped in training, so that passes can be sampled.
    pub fn has_dropout(self) -> bool {
        match self {
            Self::Squeezenet1_0
            | Self::Squeezenet1_1
            | Self::Squeezenet1_0Linear
            | Self::Squeezenet1_1Linear
            | Self::Alexnet => true,
            Self::Resnet18 | Self::Demo => false,
        }
    }

    /// The same network without the ReLU behind its last layer, where it has one.
    pub fn with_linear_head(self) -> Option<Self> {
        match self {
            Self::Squeezenet1_0 => Some(Self::Squeezenet1_0Linear),
            Self::Squeezenet1_1 => Some(Self::Squeezenet1_1Linear),
            _ => None,
        }
    }

    /// What the names of the last layer's tensors start with. That layer is
    /// replaced for a new task, and learns at a rate of its own.
    pub(crate) fn head_prefix(self) -> &'static str {
        match self {
            Self::Squeezenet1_0
            | Self::Squeezenet1_1
            | Self::Squeezenet1_0Linear
            | Self::Squeezenet1_1Linear => "classifier.1.",
            Self::Alexnet => "classifier.6.",
            Self::Resnet18 | Self::Demo => "fc.",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An image that a layer of the network would shrink to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{architecture} needs an input of at least {} pixels, not {input}",
    architecture.min_input()
)]
pub struct TooSmall {
    /// The network.
    pub architecture: Architecture,
    /// The height and width that were asked for.
    pub input: usize,
}

/// No network has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown network \"{0}\": choose one of squeezenet1_1, squeezenet1_0, squeezenet1_1_linear, squeezenet1_0_linear, alexnet, resnet18, demo"
)]
pub struct UnknownArchitecture(pub String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.name() == name)
            .ok_or_else(|| UnknownArchitecture(name.to_owned()))
    }
}

impl TryFrom<String> for Architecture {
    type Error = UnknownArchitecture;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> Self {
        architecture.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_list_the_choices() {
        for architecture in Architecture::ALL {
            assert_eq!(architecture.to_string().parse(), Ok(architecture));
            let json = serde_json::to_string(&architecture).unwrap();
            assert_eq!(json, format!("\"{architecture}\""));
            let back: Architecture = serde_json::from_str(&json).unwrap();
            assert_eq!(back, architecture);
        }
        let message = "vgg16".parse::<Architecture>().unwrap_err().to_string();
        for architecture in Architecture::ALL {
            assert!(message.contains(architecture.name()), "{message}");
        }
    }

    #[test]
    fn taps_are_as_wide_as_the_maps_make_them() {
        let width = |architecture: Architecture, input| architecture.tap_width(input).unwrap();
        // conv1, fire3, fire5, fire7 and fire9: 64 + 128 + 256 + 384 + 512 channels.
        let squeezenet = Architecture::Squeezenet1_1;
        let names: Vec<_> = squeezenet.taps().iter().map(Tap::name).collect();
        assert_eq!(names, ["conv1", "fire3", "fire5", "fire7", "fire9"]);
        // 48 px: maps of 11, 5, 2, 2 and 2; 64 px: 15, 7, 3, 3 and 3; 224 px: 55, 27, 13, 13 and 13.
        assert_eq!(width(squeezenet, 48), 2 * 1344 + 64 + 128);
        assert_eq!(width(squeezenet, 64), 2880);
        assert_eq!(width(squeezenet, 224), 3 * 1344);
        assert_eq!(
            width(Architecture::Squeezenet1_0, 224),
            3 * (96 + 256 + 256 + 512 + 512)
        );
        assert_eq!(
            width(Architecture::Alexnet, 224),
            3 * (64 + 192 + 256) + 4096
        );
        // 112, 56, 28, 14 and 7.
        assert_eq!(
            width(Architecture::Resnet18, 224),
            3 * (64 + 64 + 128 + 256 + 512)
        );
        // 32, 16 and 8.
        assert_eq!(width(Architecture::Demo, 32), 3 * (16 + 32 + 64));
        let sides = |input| {
            let shapes = squeezenet.tap_shapes(input).unwrap();
            shapes
                .iter()
                .filter_map(|shape| shape.side)
                .collect::<Vec<_>>()
        };
        assert_eq!(sides(48), [11, 5, 2, 2, 2]);
        assert_eq!(sides(224), [55, 27, 13, 13, 13]);
        for architecture in Architecture::ALL {
            let least = architecture.min_input();
            assert!(architecture.tap_width(least).is_ok(), "{architecture}");
            assert!(architecture.tap_width(least - 1).is_err(), "{architecture}");
        }
    }
}
