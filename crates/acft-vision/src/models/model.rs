//! An immutable network with all that is needed to use it again.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, TooSmall};
use super::network::Network;
use super::ready::{Engines, Ready};
use crate::engine::Precision;
use crate::ops::{Images, Layout};
use crate::weights::{self, Tensors, WeightsError};

/// What a network was made for. A model is only ever used with the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The network.
    pub architecture: Architecture,
    /// The names of its classes, in the order of its outputs.
    pub classes: Vec<String>,
    /// Height and width of its input, in pixels.
    pub input: usize,
    /// The patch policy that it was trained with, as the policy writes itself.
    pub patches: String,
}

/// A network that no longer changes, and its description.
///
/// A handle: cloning it is cheap, and any number of threads may read it while
/// the next one is being trained from it.
#[derive(Clone, Debug)]
pub struct Model(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    network: Network,
    description: Description,
    engines: Engines,
}

/// A network and a description that do not belong together, or a file that
/// holds no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The tensors are not those of the network named in the description.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file has weights only.
    #[error(
        "{origin} has weights but no description of classes and input size: \
         it was not saved by acft; use it as pre-trained weights instead"
    )]
    NoDescription {
        /// The file.
        origin: String,
    },
    /// The description cannot be read.
    #[error("{origin} has a description that cannot be read")]
    BadDescription {
        /// The file.
        origin: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The description names another network, or another number of classes.
    #[error(
        "a {network} with {outputs} outputs cannot be described as {described} with {classes} classes"
    )]
    Misdescribed {
        /// The network at hand.
        network: Architecture,
        /// Its outputs.
        outputs: usize,
        /// The network described.
        described: Architecture,
        /// The classes described.
        classes: usize,
    },
    /// The described input is too small for the network.
    #[error(transparent)]
    TooSmall(#[from] TooSmall),
}

impl Model {
    /// Binds a network to its description.
    ///
    /// # Errors
    /// The two disagree on the architecture or the number of classes, or the
    /// input is too small for the network.
    pub fn new(network: Network, description: Description) -> Result<Self, ModelError> {
        let matches = network.architecture() == description.architecture
            && network.classes() == description.classes.len();
        if !matches {
            return Err(ModelError::Misdescribed {
                network: network.architecture(),
                outputs: network.classes(),
                described: description.architecture,
                classes: description.classes.len(),
            });
        }
        description.architecture.check_input(description.input)?;
        Ok(Self(Arc::new(Inner {
            network,
            description,
            engines: Engines::default(),
        })))
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// Whether the two are handles of one model.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The model made ready to score at a precision. It is made once for all who hold it at a time.
    ///
    /// # Errors
    /// [`TooSmall`].
    pub fn ready(&self, precision: Precision) -> Result<Ready, TooSmall> {
        let network = self.network();
        self.0
            .engines
            .ready(precision, || match Images::layout(&network.device()) {
                Layout::Interleaved => network
                    .engine(self.description().input, precision)
                    .map(Some),
                Layout::OneByOne => Ok(None),
            })
    }

    /// What it was made for.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Another network of the same description: what training makes.
    pub(crate) fn succeeded_by(&self, network: Network) -> Self {
        Self(Arc::new(Inner {
            network,
            description: self.0.description.clone(),
            engines: Engines::default(),
        }))
    }

    /// The model as a safetensors file with torchvision's tensor names and the
    /// description in its metadata. Equal models give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = serde_json::to_string(self.description())
            .expect("names and numbers can always be written as JSON");
        weights::write(&self.network().tensors(), &description)
    }

    /// The BLAKE3 hash of [`Model::to_bytes`], which names the model.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(&self.to_bytes())
    }

    /// Reads what [`Model::to_bytes`] wrote, bit for bit. `origin` names the
    /// bytes in errors.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn from_bytes(origin: &str, bytes: &[u8], device: &Device) -> Result<Self, ModelError> {
        let tensors = Tensors::parse(origin, bytes)?;
        let description =
            tensors
                .description
                .as_deref()
                .ok_or_else(|| ModelError::NoDescription {
                    origin: origin.to_owned(),
                })?;
        let description: Description =
            serde_json::from_str(description).map_err(|source| ModelError::BadDescription {
                origin: origin.to_owned(),
                source,
            })?;
        let network = tensors.into_whole_network(
            description.architecture,
            description.classes.len(),
            device,
        )?;
        Self::new(network, description)
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn load(path: &Path, device: &Device) -> Result<Self, ModelError> {
        let bytes = weights::read(path)?;
        Self::from_bytes(&path.display().to_string(), &bytes, device)
    }
}
