//! Weights and images that the reference computes by the same formula.

use acft_vision::models::{Architecture, Named, Network};
use acft_vision::weights::Tensors;
use burn::tensor::Device;
use safetensors::tensor::{Dtype, TensorView};

fn fnv1a(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// n numbers in [-1, 1): a hash of the name and the position.
pub(crate) fn uniform(name: &str, n: usize) -> impl Iterator<Item = f64> + use<> {
    let seed = fnv1a(name);
    (0..n as u32).map(move |i| {
        let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed);
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        f64::from(h ^ (h >> 16)) / 2_f64.powi(31) - 1.0
    })
}

fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape[1..].iter().product();
    let norm =
        (name.contains("bn") && name.ends_with("weight")) || name.ends_with("downsample.1.weight");
    let (offset, scale) = if name.ends_with("running_var") {
        (1.0, 0.5)
    } else if name.ends_with("running_mean") {
        (0.0, 0.1)
    } else if shape.len() > 1 {
        (0.0, (6.0 / fan_in as f64).sqrt())
    } else if norm {
        (1.0, 0.1)
    } else {
        (0.0, 0.05)
    };
    uniform(name, shape.iter().product())
        .map(|u| (offset + u * scale) as f32)
        .collect()
}

/// A network with the formula's weights, by way of a file's bytes.
pub(crate) fn network(architecture: Architecture, classes: usize, device: &Device) -> Network {
    let drawn: Named = Network::new(architecture, classes, 0, device).tensors();
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = drawn
        .into_iter()
        .map(|(name, tensor)| {
            let values = values(&name, &tensor.shape);
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name, tensor.shape, bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    drop(bytes);
    Tensors::parse("formula", &file)
        .unwrap()
        .into_whole_network(architecture, classes, device)
        .unwrap()
}
