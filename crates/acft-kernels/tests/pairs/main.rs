//! bf16 against plain sums of rounded numbers, on every instruction set of this machine.

#[path = "../common/mod.rs"]
mod common;

mod backward;
mod forward;
mod pool;

use std::ops::Range;

use acft_kernels::{Conv2d, Isa, LANES, blocks, from_pairs, pair_words, to_pairs};
use common::{one_by_one, side_by_side, values};
use proptest::prelude::*;

/// The nearest bf16 number by the definition: of its two neighbours the nearer, or the one with an even last bit.
pub(crate) fn nearest(value: f32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let below = f32::from_bits(value.to_bits() & 0xffff_0000);
    let above = f32::from_bits((value.to_bits() & 0xffff_0000).wrapping_add(0x1_0000));
    let (down, up) = (
        (f64::from(value) - f64::from(below)).abs(),
        (f64::from(above) - f64::from(value)).abs(),
    );
    let even = (below.to_bits() >> 16).is_multiple_of(2);
    // The number after the largest is as far from it as the step before it.
    let up = if above.is_finite() {
        up
    } else {
        2f64.powi(120) - down
    };
    if down < up || (down == up && even) {
        below
    } else {
        above
    }
}

/// `n` values in [-1, 1] that are bf16 numbers.
pub(crate) fn rounded(n: usize, seed: u64) -> Vec<f32> {
    values(n, seed).into_iter().map(nearest).collect()
}

/// Some channels of a block as f32.
pub(crate) fn channels(pairs: &[u32], channels: usize) -> Vec<f32> {
    let plane = pairs.len() / channels.div_ceil(2) / LANES;
    let mut out = vec![0.0; channels * plane * LANES];
    from_pairs(Isa::best(), channels, plane, pairs, &mut out);
    out
}

#[track_caller]
pub(crate) fn assert_rounded(what: &str, actual: &[f32], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}: another length");
    let scale = expected.iter().fold(1.0f64, |most, v| most.max(v.abs()));
    for (i, (&a, &e)) in actual.iter().zip(expected).enumerate() {
        // Half a unit in the last of eight bits, and what sums in f32 are off.
        let tolerance = e.abs() / 256.0 + 1e-5 * scale;
        assert!(
            (f64::from(a) - e).abs() <= tolerance,
            "{what}: element {i} is {a}, expected {e} (scale {scale})"
        );
    }
}

/// Images, `[image][channel][position]`, as blocks of pairs; lanes without an image become 0.
pub(crate) fn blocks_of_pairs(isa: Isa, images: &[f32], batch: usize, channels: usize) -> Vec<u32> {
    let plane = images.len() / batch / channels;
    let words = pair_words(channels, plane) * LANES;
    let mut pairs = vec![0; blocks(batch) * words];
    let interleaved = side_by_side(images, batch);
    let blocks = interleaved.chunks(channels * plane * LANES);
    for (pairs, block) in pairs.chunks_mut(words).zip(blocks) {
        to_pairs(isa, channels, plane, block, pairs);
    }
    pairs
}

/// The inverse of [`blocks_of_pairs`]. Panics unless the partner of a last channel without one is 0.
#[track_caller]
pub(crate) fn images_of_pairs(pairs: &[u32], batch: usize, channels_of: usize) -> Vec<f32> {
    let block = pairs.len() / blocks(batch);
    let mut images = Vec::new();
    for block in pairs.chunks(block) {
        if !channels_of.is_multiple_of(2) {
            let last = &block[block.len() - block.len() / channels_of.div_ceil(2)..];
            assert!(
                last.iter().all(|word| word >> 16 == 0),
                "a channel that is not there"
            );
        }
        images.extend(channels(block, channels_of));
    }
    one_by_one(&images, batch)
}

pub(crate) fn square(
    batch: usize,
    channels: [usize; 2],
    size: usize,
    kernel: usize,
    stride: usize,
) -> Conv2d {
    Conv2d {
        batch,
        in_channels: channels[0],
        input: [size; 2],
        out_channels: channels[1],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        dilation: [1; 2],
        groups: 1,
    }
}

/// Convolutions of all kinds that have an output: of few channels, and of so many that they fill matrices of sixteen
/// rows and sixteen pairs, once or more, or nearly.
pub(crate) fn convolutions() -> impl Strategy<Value = Conv2d> {
    prop_oneof![2 => shapes(1..12, 1..12), 1 => shapes(12..70, 1..6)]
}

fn shapes(channels: Range<usize>, sizes: Range<usize>) -> impl Strategy<Value = Conv2d> {
    let two = |range: Range<usize>| prop::array::uniform2(range);
    let sizes = (1usize..20, 1usize..4, two(channels), two(sizes));
    let windows = (two(1..5), two(1..5), two(0..4), two(1..4));
    (sizes, windows)
        .prop_map(
            |((batch, groups, channels, input), (kernel, stride, padding, dilation))| Conv2d {
                batch,
                in_channels: channels[0] * groups,
                input,
                out_channels: channels[1] * groups,
                kernel,
                stride,
                padding,
                dilation,
                groups,
            },
        )
        .prop_filter("a window must fit", |shape| {
            let fits = |a: usize| {
                shape.input[a] + 2 * shape.padding[a] > shape.dilation[a] * (shape.kernel[a] - 1)
            };
            fits(0) && fits(1)
        })
}
