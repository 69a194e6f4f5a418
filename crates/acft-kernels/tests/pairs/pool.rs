//! Pools of pairs, and what carries gradients back through them and through a ReLU.

use acft_kernels::{
    Activation, Isa, LANES, Pool2d, global_avg_pool_of_pairs, max_pool2d_backward,
    max_pool2d_backward_of_pairs, max_pool2d_block, max_pool2d_block_of_pairs,
    max_pool2d_with_taps, max_pool2d_with_taps_of_pairs, pair_words, relu_backward,
    relu_backward_of_pairs, to_pairs,
};
use proptest::prelude::*;

use crate::{
    channels,
    common::{assert_close, values},
    nearest, rounded,
};

/// `[block][channel][plane][LANES]` as pairs.
fn pairs(isa: Isa, channels: usize, plane: usize, x: &[f32]) -> Vec<u32> {
    let words = pair_words(channels, plane) * LANES;
    let blocks = x.chunks(channels * plane * LANES);
    let mut pairs = vec![0; blocks.len() * words];
    for (pairs, block) in pairs.chunks_mut(words).zip(blocks) {
        to_pairs(isa, channels, plane, block, pairs);
    }
    pairs
}

/// The inverse of [`pairs`].
fn numbers(pairs: &[u32], channels_of: usize, blocks: usize) -> Vec<f32> {
    let blocks = pairs.chunks(pairs.len() / blocks);
    blocks
        .flat_map(|block| channels(block, channels_of))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_those_of_f32(
        blocks in 1usize..4, channels_of in 1usize..6, input in prop::array::uniform2(1usize..14),
        kernel in 1usize..6, stride in 1usize..6, padding in 0usize..3, ceil: bool, levels in 2u32..50, relu: bool,
    ) {
        prop_assume!(2 * padding <= kernel && (ceil || input.iter().all(|n| n + 2 * padding >= kernel)));
        let activation = if relu { Activation::Relu } else { Activation::Identity };
        let shape = Pool2d { planes: channels_of, input, kernel, stride, padding, ceil };
        let all = Pool2d { planes: channels_of * blocks, ..shape };
        let [height, width] = shape.output();
        // Few levels make ties, which the first element of a window must win.
        let mut x: Vec<f32> = values(all.input_len(), 1).iter().map(|v| (v * levels as f32).round()).collect();
        // Infinities, and a NaN, which is the maximum of its windows.
        let len = x.len();
        (x[len / 2], x[len / 3], x[0]) = (f32::INFINITY, f32::NEG_INFINITY, f32::NAN);
        let dy = rounded(all.output_len(), 2);
        for isa in Isa::available() {
            let (mut y, mut taps) = (vec![0.0; dy.len()], vec![0; dy.len()]);
            max_pool2d_with_taps(isa, &all, activation, &x, &mut y, &mut taps);
            let mut dx = vec![0.0; x.len()];
            max_pool2d_backward(isa, &all, &dy, &taps, &mut dx);

            let xs = pairs(isa, channels_of, input[0] * input[1], &x);
            let dys = pairs(isa, channels_of, height * width, &dy);
            let mut out = vec![0x1234_5678; dys.len()];
            let mut won = vec![255; 2 * dys.len()];
            max_pool2d_with_taps_of_pairs(isa, &shape, activation, &xs, &mut out, &mut won);
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            prop_assert_eq!(bits(numbers(&out, channels_of, blocks)), bits(y), "maxima with {:?}", isa);
            for (won, taps) in won.chunks(won.len() / blocks).zip(taps.chunks(taps.len() / blocks)) {
                prop_assert_eq!(&won[..taps.len()], taps, "taps with {:?}", isa);
            }
            let mut back = vec![0x7fc0_7fc0; xs.len()];
            max_pool2d_backward_of_pairs(isa, &shape, &dys, &won, &mut back);
            let expected: Vec<f32> = dx.into_iter().map(nearest).collect();
            prop_assert_eq!(numbers(&back, channels_of, blocks), expected, "dx with {:?}", isa);
        }
    }

    #[test]
    fn gradients_pass_a_relu_as_in_f32(n in 0usize..70_000, seed: u64) {
        let y: Vec<f32> = rounded(2 * n, seed).into_iter().map(|v| v.max(0.0)).collect();
        let mut expected = rounded(2 * n, seed ^ 1);
        let words = |values: &[f32]| -> Vec<u32> {
            let halves = values.chunks(2).map(|v| (v[0].to_bits() >> 16) | v[1].to_bits());
            halves.collect()
        };
        let mut dy = words(&expected);
        relu_backward_of_pairs(&words(&y), &mut dy);
        relu_backward(&y, &mut expected);
        prop_assert_eq!(dy, words(&expected));
    }

    #[test]
    fn pools_are_those_of_f32(
        channels_of in 1usize..5, input in prop::array::uniform2(3usize..9), kernel in 2usize..4,
        stride in 1usize..4, padding in 0usize..2, ceil in any::<bool>(),
    ) {
        let shape = Pool2d { planes: channels_of, input, kernel, stride, padding, ceil };
        let plane = input[0] * input[1];
        let x: Vec<f32> = rounded(channels_of * plane * LANES, 9);
        let [height, width] = shape.output();
        for isa in Isa::available() {
            let mut pairs = vec![0; pair_words(channels_of, plane) * LANES];
            to_pairs(isa, channels_of, plane, &x, &mut pairs);
            let mut expected = vec![0.0; channels_of * height * width * LANES];
            max_pool2d_block(isa, &shape, &x, &mut expected);
            let mut out = vec![0; pair_words(channels_of, height * width) * LANES];
            max_pool2d_block_of_pairs(isa, &shape, &pairs, &mut out);
            prop_assert_eq!(channels(&out, channels_of), expected);

            let mut means = vec![f32::NAN; channels_of * LANES];
            global_avg_pool_of_pairs(channels_of, plane, &pairs, &mut means);
            let expected: Vec<f64> = (0..channels_of * LANES)
                .map(|at| {
                    let of = &x[at / LANES * plane * LANES..][..plane * LANES];
                    of[at % LANES..].iter().step_by(LANES).map(|v| f64::from(*v)).sum::<f64>() / plane as f64
                })
                .collect();
            assert_close("means", &means, &expected);
        }
    }
}
