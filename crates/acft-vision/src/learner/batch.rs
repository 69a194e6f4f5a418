//! Patches as bytes to normalised images.

use acft_kernels::{LANES, blocks};
use burn::tensor::Device;
use rayon::prelude::*;

use crate::ops::{self, Images, Layout};

/// Mean of the red, green and blue of ImageNet, in [0, 1].
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviations.
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Patches given to the network at once when scoring: enough to keep it busy,
/// few enough that its activations take some 100 MB at any input size.
pub(super) fn patches_at_once(input: usize) -> usize {
    ((1 << 20) / (input * input).max(1)).clamp(8, 256)
}

/// RGB bytes (n × input × input × 3) to n images of 3 × input × input,
/// normalised as the pre-trained networks expect it.
pub(super) fn images(bytes: &[u8], input: usize, device: &Device) -> Images {
    let count = bytes.len() / (input * input * 3);
    let values = match Images::layout(device) {
        Layout::Interleaved => interleaved(bytes, input),
        Layout::OneByOne => one_by_one(bytes, input),
    };
    Images::new(values, [count, 3, input, input], device)
}

/// The values of images that lie side by side.
pub(crate) fn interleaved(bytes: &[u8], input: usize) -> Vec<f32> {
    let plane = input * input;
    let count = bytes.len() / (plane * 3);
    let mut values = ops::buffer(blocks(count) * LANES * plane * 3);
    if !count.is_multiple_of(LANES) {
        // Lanes that hold no image must hold numbers.
        let last = values.len() - LANES * plane * 3;
        values[last..].fill(0.0);
    }
    values
        .par_chunks_exact_mut(LANES * plane * 3)
        .zip(bytes.par_chunks(LANES * plane * 3))
        .for_each(|(block, bytes)| fill_block(bytes, input, block));
    values
}

/// The values of at most [`LANES`] images, side by side in one block.
pub(crate) fn fill_block(bytes: &[u8], input: usize, block: &mut [f32]) {
    let plane = input * input;
    let table = table();
    let images: Vec<&[u8]> = bytes.chunks_exact(plane * 3).collect();
    for (channel, (block, table)) in block
        .chunks_exact_mut(plane * LANES)
        .zip(&table)
        .enumerate()
    {
        for (pixel, lanes) in block.chunks_exact_mut(LANES).enumerate() {
            for (value, image) in lanes.iter_mut().zip(&images) {
                *value = table[usize::from(image[pixel * 3 + channel])];
            }
        }
    }
}

/// The values of one image after the other.
fn one_by_one(bytes: &[u8], input: usize) -> Vec<f32> {
    let plane = input * input;
    let mut values = vec![0.0_f32; bytes.len()];
    let table = table();
    values
        .par_chunks_exact_mut(plane * 3)
        .zip(bytes.par_chunks_exact(plane * 3))
        .for_each(|(image, bytes)| {
            for (channel, (plane, table)) in image.chunks_exact_mut(plane).zip(&table).enumerate() {
                let bytes = bytes[channel..].iter().step_by(3);
                for (value, &byte) in plane.iter_mut().zip(bytes) {
                    *value = table[usize::from(byte)];
                }
            }
        });
    values
}

/// The normalised value of each byte, in each channel.
fn table() -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|byte| (byte as f32 / 255.0 - MEAN[channel]) / DEVIATION[channel])
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_become_normalised_planes() {
        // Two images of 2 × 2; every byte is its own position.
        let bytes: Vec<u8> = (0..24).collect();
        let images = images(&bytes, 2, &Device::flex());
        assert_eq!(images.dims(), [2, 3, 2, 2]);
        let values = images
            .one_by_one()
            .into_data()
            .try_into_vec::<f32>()
            .unwrap();
        assert_eq!(values, one_by_one(&bytes, 2), "in either layout");
        for image in 0..2 {
            for channel in 0..3 {
                for pixel in 0..4 {
                    let byte = bytes[image * 12 + pixel * 3 + channel];
                    let expected = (f32::from(byte) / 255.0 - MEAN[channel]) / DEVIATION[channel];
                    assert_eq!(values[image * 12 + channel * 4 + pixel], expected);
                }
            }
        }
    }
}
