//! Files of weights: safetensors under torchvision's tensor names.
//!
//! A file of pre-trained weights gives the layers below the head, and the head
//! is made afresh; a file that [`Model`](crate::models::Model) wrote gives all.

mod check;
mod finite;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use crate::models::{Architecture, Named, NamedTensor, Network};

pub use check::Mismatch;
pub use finite::NotFinite;

/// The one metadata entry that we write. A single one, because the order of
/// several would differ from run to run, and with it the file's hash.
const DESCRIPTION: &str = "acft";

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read the weights {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word on it.
        source: std::io::Error,
    },
    /// A file of PyTorch's own format.
    #[error(
        "{origin} is a PyTorch file, and its format can run code: convert it in Python with \
         safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"weights.safetensors\")"
    )]
    Pickle {
        /// The file.
        origin: String,
    },
    /// Not safetensors, or damaged.
    #[error("{origin} is not a whole safetensors file")]
    Format {
        /// The file.
        origin: String,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// Numbers of another kind than 32-bit floats.
    #[error(
        "{origin}: tensor {tensor} holds {dtype:?} where only F32 is read: convert it to float32"
    )]
    Dtype {
        /// The file.
        origin: String,
        /// The first such tensor.
        tensor: String,
        /// What it holds.
        dtype: Dtype,
    },
    /// Numbers that no network can compute with.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// The tensors are not those of the network.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

/// The tensors of a file, not yet those of a network.
#[derive(Clone, Debug)]
pub struct Tensors {
    origin: String,
    tensors: Named,
    /// What [`write()`] was given, if the file is ours.
    pub(crate) description: Option<String>,
}

impl Tensors {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// The file cannot be read, is no safetensors file of 32-bit floats, or
    /// holds a value that is not finite.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        Self::parse(&path.display().to_string(), &read(path)?)
    }

    /// Reads weights from memory. `origin` names them in errors.
    ///
    /// # Errors
    /// The bytes are no safetensors file of 32-bit floats, or hold a value that
    /// is not finite.
    pub fn parse(origin: &str, bytes: &[u8]) -> Result<Self, WeightsError> {
        // A ZIP archive, or a bare pickle of protocol 2.
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
            return Err(WeightsError::Pickle {
                origin: origin.to_owned(),
            });
        }
        let format = |source| WeightsError::Format {
            origin: origin.to_owned(),
            source,
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let description = header.metadata().as_ref();
        let description = description.and_then(|entries| entries.get(DESCRIPTION).cloned());
        let file = SafeTensors::deserialize(bytes).map_err(format)?;
        let mut tensors = Named::new();
        for (name, view) in file.iter() {
            // PyTorch's counter of mini-batches, which only matters to a batch
            // norm without momentum; no network here has one.
            if name.ends_with(".num_batches_tracked") {
                continue;
            }
            tensors.insert(name.to_owned(), floats(origin, name, &view)?);
        }
        finite::require(origin, &tensors)?;
        Ok(Self {
            origin: origin.to_owned(),
            tensors,
            description,
        })
    }

    /// A network with these weights below a fresh head of `classes` outputs,
    /// drawn from `seed`. A head in the file is dropped.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`]: the weights are another network's.
    pub fn into_network(
        self,
        architecture: Architecture,
        classes: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Network, WeightsError> {
        let prefix = architecture.head_prefix();
        let mut body = self.tensors;
        body.retain(|name, _| !name.starts_with(prefix));
        let mut expected = Network::signature(architecture, classes);
        expected.retain(|entry| !entry.name.starts_with(prefix));
        check::check(&self.origin, architecture, &expected, &body)?;
        Ok(Network::from_body(
            architecture,
            body,
            classes,
            seed,
            device,
        ))
    }

    /// A network with these weights, head included.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`]: the weights are another network's, or the
    /// head has another number of classes.
    pub fn into_whole_network(
        self,
        architecture: Architecture,
        classes: usize,
        device: &Device,
    ) -> Result<Network, WeightsError> {
        let expected = Network::signature(architecture, classes);
        check::check(&self.origin, architecture, &expected, &self.tensors)?;
        Ok(Network::from_tensors(
            architecture,
            self.tensors,
            classes,
            device,
        ))
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, WeightsError> {
    std::fs::read(path).map_err(|source| WeightsError::Io {
        path: path.to_owned(),
        source,
    })
}

fn floats(origin: &str, name: &str, view: &TensorView<'_>) -> Result<NamedTensor, WeightsError> {
    if view.dtype() != Dtype::F32 {
        return Err(WeightsError::Dtype {
            origin: origin.to_owned(),
            tensor: name.to_owned(),
            dtype: view.dtype(),
        });
    }
    let (values, rest) = view.data().as_chunks::<4>();
    debug_assert!(rest.is_empty(), "the format checks the length of F32 data");
    Ok(NamedTensor {
        shape: view.shape().to_vec(),
        values: values
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect(),
    })
}

/// A safetensors file of `tensors`, in the order of their names.
pub(crate) fn write(tensors: &Named, description: &str) -> Vec<u8> {
    let bytes: Vec<(&String, &NamedTensor, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let bytes = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, tensor, bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
            .expect("a tensor's values fill its shape");
        (name.as_str(), view)
    });
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), description.to_owned())]);
    safetensors::serialize(views, Some(metadata))
        .expect("tensors that were made from whole views fit the format")
}
