//! Inputs and comparisons that the tests of all kernels share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use acft_kernels::{Conv2d, LANES, blocks};

/// `n` values in [-1, 1) from a small generator, the same for the same seed.
pub(crate) fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        })
        .collect()
}

/// Panics unless the two agree within `1e-5` of the largest expected value (at least 1).
#[track_caller]
pub(crate) fn assert_close(what: &str, actual: &[f32], expected: &[f64]) {
    assert_within(1e-5, what, actual, expected);
}

/// Panics unless the two agree within `tolerance` of the largest expected value (at least 1).
#[track_caller]
pub(crate) fn assert_within(tolerance: f64, what: &str, actual: &[f32], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}: another length");
    let scale = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(a) - e).abs() <= tolerance * scale,
            "{what}: element {i} is {a}, expected {e} (scale {scale})"
        );
    }
}

/// Calls `visit(output channel, output element, input element, weight)` for every product of a convolution, in
/// the plainest way: indices of flat tensors.
pub(crate) fn for_each_product(shape: &Conv2d, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let ([height, width], [out_h, out_w]) = (shape.input, shape.output());
    let (in_group, out_group) = (
        shape.in_channels / shape.groups,
        shape.out_channels / shape.groups,
    );
    for image in 0..shape.batch {
        for o in 0..shape.out_channels {
            for oy in 0..out_h {
                for ox in 0..out_w {
                    let out = ((image * shape.out_channels + o) * out_h + oy) * out_w + ox;
                    for c in 0..in_group {
                        for ky in 0..shape.kernel[0] {
                            for kx in 0..shape.kernel[1] {
                                let y = (oy * shape.stride[0] + ky * shape.dilation[0])
                                    .wrapping_sub(shape.padding[0]);
                                let x = (ox * shape.stride[1] + kx * shape.dilation[1])
                                    .wrapping_sub(shape.padding[1]);
                                if y < height && x < width {
                                    let channel = o / out_group * in_group + c;
                                    let input = ((image * shape.in_channels + channel) * height
                                        + y)
                                        * width
                                        + x;
                                    let weight = ((o * in_group + c) * shape.kernel[0] + ky)
                                        * shape.kernel[1]
                                        + kx;
                                    visit(o, out, input, weight);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Images (`[image][element]`) side by side, in the plainest way; lanes without an image become 0.
pub(crate) fn side_by_side(images: &[f32], count: usize) -> Vec<f32> {
    let elements = images.len() / count;
    let mut out = vec![0.0; blocks(count) * elements * LANES];
    for (image, values) in images.chunks(elements.max(1)).enumerate() {
        for (element, &value) in values.iter().enumerate() {
            out[(image / LANES * elements + element) * LANES + image % LANES] = value;
        }
    }
    out
}

/// The inverse of [`side_by_side`].
pub(crate) fn one_by_one<T: Copy>(interleaved: &[T], count: usize) -> Vec<T> {
    let elements = interleaved.len() / blocks(count) / LANES;
    let at = |image: usize, element: usize| {
        interleaved[(image / LANES * elements + element) * LANES + image % LANES]
    };
    (0..count)
        .flat_map(|image| (0..elements).map(move |element| at(image, element)))
        .collect()
}

/// Elements of a convolution's input and output, image by image.
pub(crate) fn lens(shape: &Conv2d) -> [usize; 2] {
    let [height, width] = shape.output();
    [
        shape.batch * shape.in_channels * shape.input[0] * shape.input[1],
        shape.batch * shape.out_channels * height * width,
    ]
}
