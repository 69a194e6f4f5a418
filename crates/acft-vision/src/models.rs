//! The convolutional networks, by torchvision's architectures and names.
//!
//! A [`Network`] is the layers and their parameters; a [`Model`] is an
//! immutable network with what it needs to be used again: its classes, its
//! input size, the patches that it was made with.

mod alexnet;
mod architecture;
mod demo;
mod init;
mod layers;
mod model;
mod network;
mod parameters;
mod pass;
mod ready;
mod resnet;
mod squeezenet;
mod stage;
mod taps;

pub use architecture::{Architecture, TooSmall, UnknownArchitecture};
pub use model::{Description, Model, ModelError};
pub use network::{Network, Output};
pub use parameters::{Named, NamedTensor};
pub use pass::Training;
pub use ready::Ready;
pub use taps::{Tap, TapShape};

pub(crate) use parameters::Entry;
pub(crate) use taps::{VERSION as TAPS_VERSION, centre_of};
