//! bf16 against plain sums of rounded numbers, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Activation, Conv2d, Isa, LANES, PairConvolution, PairLinear, Pool2d, blocks, from_pairs,
    global_avg_pool_of_pairs, max_pool2d_block, max_pool2d_block_of_pairs, pair_words, to_pairs,
};
use common::{assert_close, for_each_product, lens, one_by_one, side_by_side, values};
use proptest::prelude::*;

/// The nearest bf16 number by the definition: of its two neighbours the nearer, or the one with an even last bit.
fn nearest(value: f32) -> f32 {
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

/// Some channels of a block as f32.
fn channels(pairs: &[u32], channels: usize) -> Vec<f32> {
    let plane = pairs.len() / channels.div_ceil(2) / LANES;
    let mut out = vec![0.0; channels * plane * LANES];
    from_pairs(channels, plane, pairs, &mut out);
    out
}

#[track_caller]
fn assert_rounded(what: &str, actual: &[f32], expected: &[f64]) {
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

fn check(shape: &Conv2d) {
    let [input_len, output_len] = lens(shape);
    let near = |values: Vec<f32>| values.into_iter().map(nearest).collect::<Vec<f32>>();
    let x = near(values(input_len, 1));
    let w = values(shape.weight_len(), 2);
    let bias = values(shape.out_channels, 3);
    let held = near(values(output_len, 4));
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
    let source = shape.input[0] * shape.input[1];
    for isa in Isa::available() {
        let pairs = |images: &[f32], channels: usize, plane: usize| -> Vec<u32> {
            let interleaved = side_by_side(images, shape.batch);
            let words = pair_words(channels, plane) * LANES;
            let mut pairs = vec![0; blocks(shape.batch) * words];
            let blocks = interleaved.chunks(channels * plane * LANES);
            for (pairs, block) in pairs.chunks_mut(words).zip(blocks) {
                to_pairs(isa, channels, plane, block, pairs);
            }
            pairs
        };
        let run = |activation: Activation, onto: bool| -> Vec<f32> {
            let conv = PairConvolution::new(isa, shape, &w, Some(&bias), activation);
            let xs = pairs(&x, shape.in_channels, source);
            let mut out = match onto {
                true => pairs(&held, shape.out_channels, plane),
                // Poisoned, so that an element left unwritten is seen.
                false => vec![0x7fc0_7fc0; pairs(&held, shape.out_channels, plane).len()],
            };
            let words = pair_words(shape.out_channels, plane) * LANES;
            let sources = xs.chunks(pair_words(shape.in_channels, source) * LANES);
            let mut images = Vec::new();
            for (x, out) in sources.zip(out.chunks_mut(words)) {
                match onto {
                    true => conv.run_block_onto(x, out),
                    false => conv.run_block(x, out),
                }
                if !shape.out_channels.is_multiple_of(2) {
                    let last = &out[words - plane * LANES..];
                    assert!(
                        last.iter().all(|word| word >> 16 == 0),
                        "a channel that is not there"
                    );
                }
                images.extend(channels(out, shape.out_channels));
            }
            one_by_one(&images, shape.batch)
        };
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        assert_rounded(&what("y"), &run(Activation::Identity, false), &y);
        assert_rounded(&what("relu(y)"), &run(Activation::Relu, false), &rectified);
        assert_rounded(&what("y + held"), &run(Activation::Identity, true), &sums);

        let conv = PairConvolution::new(isa, shape, &w, Some(&bias), Activation::Relu);
        let xs = pairs(&x, shape.in_channels, source);
        let mut out = vec![f32::NAN; blocks(shape.batch) * shape.out_channels * plane * LANES];
        let sources = xs.chunks(pair_words(shape.in_channels, source) * LANES);
        for (x, out) in sources.zip(out.chunks_mut(shape.out_channels * plane * LANES)) {
            conv.run_block_in_f32(x, out);
        }
        let exact = one_by_one(&out, shape.batch);
        assert_close(&what("relu(y) in f32"), &exact, &rectified);
    }
}

fn square(batch: usize, channels: [usize; 2], size: usize, kernel: usize, stride: usize) -> Conv2d {
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
    fn any_shape(
        batch in 1usize..20, in_channels in 1usize..12, out_channels in 1usize..20,
        input in prop::array::uniform2(1usize..12), kernel in prop::array::uniform2(1usize..5),
        stride in prop::array::uniform2(1usize..5), padding in prop::array::uniform2(0usize..4),
        dilation in prop::array::uniform2(1usize..4),
    ) {
        let shape = Conv2d {
            batch, in_channels, input, out_channels, kernel, stride, padding, dilation, groups: 1,
        };
        prop_assume!((0..2).all(|a| input[a] + 2 * padding[a] > dilation[a] * (kernel[a] - 1)));
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
    fn pools_are_those_of_f32(
        channels_of in 1usize..5, input in prop::array::uniform2(3usize..9), kernel in 2usize..4,
        stride in 1usize..4, padding in 0usize..2, ceil in any::<bool>(),
    ) {
        let shape = Pool2d { planes: channels_of, input, kernel, stride, padding, ceil };
        let plane = input[0] * input[1];
        let x: Vec<f32> = values(channels_of * plane * LANES, 9).into_iter().map(nearest).collect();
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

#[test]
#[should_panic(expected = "a convolution of pairs has no groups")]
fn groups_are_refused() {
    let shape = Conv2d {
        groups: 2,
        ..square(1, [4, 4], 3, 1, 1)
    };
    PairConvolution::new(Isa::best(), &shape, &[0.0; 8], None, Activation::Relu);
}
