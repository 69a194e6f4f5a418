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
        check_linear(images, [channels_of, plane], outputs);
    }
}

/// Whole matrices of sixteen outputs and sixteen pairs, and what one more or less leaves over; parts of long sums, and of
/// many images.
#[test]
fn linear_layers_of_all_sizes() {
    for outputs in [1, 15, 16, 17, 31, 32, 33, 63, 64, 65] {
        for pairs in [15, 16, 17, 31, 32, 33, 63] {
            check_linear(3, [2 * pairs, 1], outputs);
            check_linear(17, [2 * pairs - 1, 1], outputs);
        }
    }
    for (images, shape, outputs) in [
        (49, [31, 3], 33),
        (33, [62, 8], 47),
        (1, [9, 36], 5),
        (300, [96, 1], 40),
        (257, [127, 1], 17),
        (16, [512, 1], 32),
        (20, [514, 1], 33),
        (5, [545, 1], 10),
        (2, [256, 9], 300),
        (40, [1031, 1], 70),
        (3, [0, 4], 20),
        (18, [5, 0], 33),
        (4, [7, 2], 0),
    ] {
        check_linear(images, shape, outputs);
    }
}

/// So small that Miri goes through it.
#[test]
fn one_small_pair_of_vectors() {
    check_linear(2, [5, 2], 3);
}

/// What is not finite stays with its image, also where the pairs of the next image's block follow its own.
#[test]
fn blocks_do_not_mix() {
    for pairs in [3, 16, 19] {
        let [outputs, block] = [20, pairs * LANES];
        let (w, bias) = (values(2 * outputs * pairs, 1), values(outputs, 2));
        for isa in Isa::available() {
            let layer = PairLinear::new(isa, [2 * pairs, 1], &w, &bias, Activation::Identity);
            let mut x = vec![0x3f80_3f80; 3 * block];
            let mut expected = vec![0.0; outputs * LANES];
            layer.run(LANES, &x[..block], &mut expected);
            x[block..2 * block].fill(0x7f80_7fc0);
            let mut out = vec![0.0; 3 * outputs * LANES];
            layer.run(3 * LANES, &x, &mut out);
            let rows = out.chunks(3 * LANES).zip(expected.chunks(LANES));
            for (out, expected) in rows {
                assert_eq!(&out[..LANES], expected, "{pairs} pairs with {isa:?}");
                assert!(out[LANES..2 * LANES].iter().all(|sum| !sum.is_finite()));
                assert_eq!(&out[2 * LANES..], expected, "{pairs} pairs with {isa:?}");
            }
        }
    }
}

/// Sums do not depend on the threads that compute them, nor an image's on the others.
#[test]
fn threads_do_not_matter() {
    let (images, shape, outputs) = (300, [600, 1], 330);
    let (w, bias) = (values(600 * outputs, 1), values(outputs, 2));
    for isa in Isa::available() {
        let x = blocks_of_pairs(isa, &rounded(600 * images, 3), images, 600);
        let found = [1, 3, 8].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().expect("threads").install(|| {
                let layer = PairLinear::new(isa, shape, &w, &bias, Activation::Identity);
                let mut out = vec![f32::NAN; outputs * blocks(images) * LANES];
                layer.run(images, &x, &mut out);
                let mut first = vec![f32::NAN; outputs * LANES];
                layer.run(LANES, &x[..300 * LANES], &mut first);
                let rows = out.chunks(blocks(images) * LANES).zip(first.chunks(LANES));
                rows.for_each(|(all, first)| assert_eq!(&all[..LANES], first, "{isa:?}"));
                out
            })
        });
        assert!(found[0] == found[1] && found[1] == found[2], "{isa:?}");
    }
}

fn check_linear(images: usize, [channels_of, plane]: [usize; 2], outputs: usize) {
    let inputs = channels_of * plane;
    let x: Vec<f32> = values(images * inputs, 5)
        .into_iter()
        .map(nearest)
        .collect();
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
        let of = pairs
            .chunks_mut((words * LANES).max(1))
            .zip(interleaved.chunks((inputs * LANES).max(1)));
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
            .chunks((outputs.div_ceil(2) * LANES).max(1))
            .flat_map(|block| channels(block, outputs))
            .collect();
        let found = one_by_one(&found, images);
        let rounded: Vec<f32> = rows.iter().map(|v| nearest(*v)).collect();
        assert_eq!(found, rounded);
    }
}
