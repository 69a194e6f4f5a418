//! What networks need to score: convolution, linear layers, and the rounding itself.

use acft_kernels::{
    Activation, Conv2d, Isa, LANES, PairConvolution, PairLinear, Part, blocks, pair_words, to_pairs,
};
use proptest::prelude::*;

use crate::{
    assert_rounded, blocks_of_pairs, channels,
    common::{assert_close, for_each_product, lens, one_by_one, side_by_side, values},
    convolutions, images_of_pairs, nearest, rounded, square,
};

fn check(shape: &Conv2d) {
    let [input_len, output_len] = lens(shape);
    let x = rounded(input_len, 1);
    let w = values(shape.weight_len(), 2);
    let bias = values(shape.out_channels, 3);
    let held = rounded(output_len, 4);
    let plane = output_len / shape.batch / shape.out_channels;
    let mut y: Vec<f64> = (0..output_len)
        .map(|i| f64::from(bias[i / plane % shape.out_channels]))
        .collect();
    for_each_product(shape, |_, out, input, weight| {
        y[out] += f64::from(x[input]) * f64::from(nearest(w[weight]));
    });
    let rectified: Vec<f64> = y.iter().map(|v| v.max(0.0)).collect();
    let sums: Vec<f64> = y
        .iter()
        .zip(&held)
        .map(|(y, h)| y + f64::from(*h))
        .collect();
    for isa in Isa::available() {
        let xs = blocks_of_pairs(isa, &x, shape.batch, shape.in_channels);
        let held = blocks_of_pairs(isa, &held, shape.batch, shape.out_channels);
        // Poisoned, so that an element left unwritten is seen.
        let poisoned = vec![0x7fc0_7fc0; held.len()];
        let blocks = blocks(shape.batch);
        let (source, target) = (xs.len() / blocks, held.len() / blocks);
        let images = |pairs: &[u32]| images_of_pairs(pairs, shape.batch, shape.out_channels);
        let run = |activation: Activation, onto: bool| -> Vec<f32> {
            let conv = PairConvolution::new(isa, shape, &w, Some(&bias), activation);
            let start = if onto { &held } else { &poisoned };
            let mut out = start.clone();
            for (x, out) in xs.chunks(source).zip(out.chunks_mut(target)) {
                match onto {
                    true => conv.run_block_onto(x, out),
                    false => conv.run_block(x, out),
                }
            }
            let mut again = start.clone();
            let [from, to] = [shape.in_channels, shape.out_channels].map(Part::whole);
            conv.run((&xs, from), (&mut again, to), onto);
            assert!(out == again, "all blocks of {shape:?} with {isa:?}");
            images(&out)
        };
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        assert_rounded(&what("y"), &run(Activation::Identity, false), &y);
        assert_rounded(&what("relu(y)"), &run(Activation::Relu, false), &rectified);
        assert_rounded(&what("y + held"), &run(Activation::Identity, true), &sums);

        let conv = PairConvolution::new(isa, shape, &w, Some(&bias), Activation::Relu);
        let mut out = vec![f32::NAN; blocks * shape.out_channels * plane * LANES];
        let outs = out.chunks_mut(shape.out_channels * plane * LANES);
        for (x, out) in xs.chunks(source).zip(outs) {
            conv.run_block_in_f32(x, out);
        }
        let exact = one_by_one(&out, shape.batch);
        assert_close(&what("relu(y) in f32"), &exact, &rectified);
    }
}

#[test]
fn layers_of_real_networks() {
    for shape in [
        square(3, [3, 64], 23, 3, 2),
        square(2, [3, 16], 31, 11, 4),
        square(5, [64, 16], 11, 1, 1),
        square(20, [16, 64], 11, 3, 1),
        square(4, [24, 32], 9, 3, 2),
        square(2, [130, 21], 6, 3, 1),
        square(17, [512, 3], 3, 1, 1),
        // Whole matrices, and what a pair or a row more or less leaves over.
        square(2, [32, 32], 5, 3, 1),
        square(1, [30, 17], 5, 3, 1),
        square(1, [34, 33], 5, 3, 1),
        square(1, [64, 48], 7, 3, 2),
        square(1, [31, 65], 4, 1, 1),
        Conv2d {
            groups: 2,
            ..square(3, [64, 72], 5, 3, 1)
        },
        Conv2d {
            groups: 3,
            ..square(3, [57, 51], 5, 3, 1)
        },
    ] {
        check(&shape);
    }
}

/// So small that Miri goes through it: see the recipe `miri`.
#[test]
fn one_small_pair() {
    check(&square(1, [3, 3], 3, 3, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(shape in convolutions()) {
        check(&shape);
    }

    #[test]
    fn pairs_hold_the_nearest_numbers(bits in prop::collection::vec(any::<u32>(), LANES)) {
        let mut values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        // Ties, and what lies at the ends of the range.
        values.extend([1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, -1.0 - 1.0 / 256.0, f32::MAX, f32::INFINITY]);
        values.extend([0.0, -0.0, f32::NAN, f32::MIN_POSITIVE, f32::from_bits(0x7f80_0001)]);
        values.resize(2 * LANES, 1.0);
        for isa in Isa::available() {
            let mut pairs = vec![0; LANES];
            to_pairs(isa, 2, 1, &values, &mut pairs);
            for (value, found) in values.iter().zip(channels(&pairs, 2)) {
                if value.is_nan() {
                    prop_assert!(found.is_nan());
                } else {
                    prop_assert_eq!(found.to_bits(), nearest(*value).to_bits(), "{} with {:?}", value, isa);
                }
            }
        }
    }

    #[test]
    fn linear_layers_are_sums(
        images in 1usize..70, channels_of in 1usize..9, plane in 1usize..90, outputs in 1usize..80,
    ) {
        let inputs = channels_of * plane;
        let x: Vec<f32> = values(images * inputs, 5).into_iter().map(nearest).collect();
        let w = values(outputs * inputs, 6);
        let bias = values(outputs, 7);
        let expected: Vec<f64> = (0..images * outputs)
            .map(|at| {
                let (image, output) = (at / outputs, at % outputs);
                let products = (0..inputs).map(|i| {
                    f64::from(x[image * inputs + i]) * f64::from(nearest(w[output * inputs + i]))
                });
                (f64::from(bias[output]) + products.sum::<f64>()).max(0.0)
            })
            .collect();
        let interleaved = side_by_side(&x, images);
        let words = pair_words(channels_of, plane);
        for isa in Isa::available() {
            let mut pairs = vec![0; blocks(images) * words * LANES];
            let of = pairs.chunks_mut(words * LANES).zip(interleaved.chunks(inputs * LANES));
            for (pairs, block) in of {
                to_pairs(isa, channels_of, plane, block, pairs);
            }
            let layer = PairLinear::new(isa, [channels_of, plane], &w, &bias, Activation::Relu);
            let mut out = vec![f32::NAN; outputs * blocks(images) * LANES];
            layer.run(images, &pairs, &mut out);
            let mut rows = vec![f32::NAN; images * outputs];
            layer.to_rows(images, &out, &mut rows);
            assert_close("rows", &rows, &expected);

            let mut next = vec![0x7fc0_7fc0; blocks(images) * outputs.div_ceil(2) * LANES];
            layer.to_pairs(images, &out, &mut next);
            let found: Vec<f32> = next
                .chunks(outputs.div_ceil(2) * LANES)
                .flat_map(|block| channels(block, outputs))
                .collect();
            let found = one_by_one(&found, images);
            let rounded: Vec<f32> = rows.iter().map(|v| nearest(*v)).collect();
            prop_assert_eq!(found, rounded);
        }
    }
}
