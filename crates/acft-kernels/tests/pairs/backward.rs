//! The gradients of a convolution.

use acft_kernels::{
    Conv2d, Isa, LANES, PairConvolution, Part, conv2d_backward_weights_of_pairs, pair_words,
};
use proptest::prelude::*;

use crate::{
    assert_rounded, blocks_of_pairs,
    common::{assert_within, for_each_product, lens, values},
    convolutions, images_of_pairs, nearest, rounded, square,
};

/// Checks backward-data and backward-weights of one shape.
fn check(shape: &Conv2d) {
    let [input_len, output_len] = lens(shape);
    let (x, held) = (rounded(input_len, 1), rounded(input_len, 3));
    let w = values(shape.weight_len(), 2);
    let dy = rounded(output_len, 4);
    let plane = output_len / shape.batch / shape.out_channels;
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    for_each_product(shape, |_, out, input, weight| {
        dx[input] += f64::from(dy[out]) * f64::from(nearest(w[weight]));
        dw[weight] += f64::from(dy[out]) * f64::from(x[input]);
    });
    let mut db = vec![0.0; shape.out_channels];
    for (i, &v) in dy.iter().enumerate() {
        db[i / plane % shape.out_channels] += f64::from(v);
    }
    let sums: Vec<f64> = dx
        .iter()
        .zip(&held)
        .map(|(dx, &h)| dx + f64::from(h))
        .collect();
    let [of_x, of_dy] = [shape.in_channels, shape.out_channels].map(Part::whole);
    for isa in Isa::available() {
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        let images = |pairs: &[u32]| images_of_pairs(pairs, shape.batch, shape.in_channels);
        let dys = blocks_of_pairs(isa, &dy, shape.batch, shape.out_channels);
        let mut xs = blocks_of_pairs(isa, &x, shape.batch, shape.in_channels);
        let back = PairConvolution::backward_data(isa, shape, &w);
        // Targets are poisoned, so that an element left unwritten is seen.
        let mut out = vec![0x7fc0_7fc0; xs.len()];
        back.run((&dys, of_dy), (&mut out, of_x), false);
        assert_rounded(&what("dx"), &images(&out), &dx);
        let mut onto = blocks_of_pairs(isa, &held, shape.batch, shape.in_channels);
        let block = onto.len() / acft_kernels::blocks(shape.batch);
        for (dy, onto) in dys
            .chunks(dys.len() / (onto.len() / block))
            .zip(onto.chunks_mut(block))
        {
            back.run_block_onto(dy, onto);
        }
        assert_rounded(&what("dx + held"), &images(&onto), &sums);

        // Lanes without an image must be 0 in `dy`, but not in `x`.
        if !shape.batch.is_multiple_of(LANES) {
            let last = xs.len() - block;
            for lanes in xs[last..].chunks_mut(LANES) {
                lanes[shape.batch % LANES..].fill(0x4049_c049);
            }
        }
        let (mut out, mut out_bias) = (vec![f32::NAN; w.len()], vec![f32::NAN; db.len()]);
        let bias = Some(&mut out_bias[..]);
        conv2d_backward_weights_of_pairs(isa, shape, &xs, (&dys, of_dy), &mut out, bias);
        // Sums over all images and positions, the longest in a hundred thousand terms.
        assert_within(3e-5, &what("dw"), &out, &dw);
        assert_within(3e-5, &what("db"), &out_bias, &db);
    }
}

#[test]
fn layers_of_real_networks() {
    for shape in [
        square(3, [3, 64], 23, 3, 2),
        square(2, [3, 16], 31, 11, 4),
        square(5, [64, 16], 11, 1, 1),
        square(5, [16, 64], 11, 3, 1),
        square(30, [32, 24], 5, 3, 1),
        square(4, [24, 32], 9, 3, 2),
        square(4, [24, 32], 9, 1, 2),
        square(2, [131, 21], 6, 3, 1),
        // So many outputs that their gradient is summed in parts, over taps and tap by tap.
        square(40, [9, 6], 100, 3, 2),
        square(160, [3, 64], 45, 1, 1),
        // The same of groups of which every other begins within a pair.
        Conv2d {
            groups: 3,
            ..square(40, [6, 9], 60, 1, 1)
        },
        // Whole matrices, and what a channel or a position more or less leaves over.
        square(17, [32, 32], 6, 3, 1),
        square(2, [48, 30], 5, 3, 2),
        square(2, [17, 34], 4, 1, 1),
        square(2, [33, 65], 3, 3, 1),
        Conv2d {
            groups: 32,
            ..square(3, [32, 32], 7, 3, 1)
        },
        Conv2d {
            groups: 2,
            ..square(3, [72, 64], 5, 3, 1)
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

#[test]
fn degenerate_shapes() {
    let without = |shape: Conv2d, padding: usize| Conv2d {
        padding: [padding; 2],
        ..shape
    };
    check(&without(square(1, [1, 1], 1, 1, 1), 0));
    check(&square(1, [1, 1], 1, 3, 1));
    check(&without(square(1, [5, 7], 2, 2, 3), 0));
    // All padding: most windows see nothing of the input.
    check(&without(square(2, [3, 4], 1, 2, 2), 3));
    check(&without(square(2, [9, 4], 1, 2, 2), 3));
    // A kernel that is larger than the input in one direction.
    check(&Conv2d {
        input: [2, 9],
        padding: [3, 0],
        ..square(2, [4, 4], 9, 5, 1)
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(shape in convolutions()) {
        check(&shape);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // Rows of a tile over channels, over taps, in parts, and in groups that are no whole pairs.
    for shape in [
        square(85, [3, 20], 80, 3, 2),
        square(40, [9, 6], 100, 3, 2),
        square(37, [20, 33], 11, 3, 2),
        square(37, [3, 33], 11, 3, 2),
        Conv2d {
            groups: 3,
            ..square(37, [27, 33], 6, 3, 1)
        },
    ] {
        threads_change_no_bit(&shape);
    }
}

fn threads_change_no_bit(shape: &Conv2d) {
    let [input_len, output_len] = lens(shape);
    let w = values(shape.weight_len(), 6);
    let [of_x, of_dy] = [shape.in_channels, shape.out_channels].map(Part::whole);
    let all = |threads: usize, isa: Isa| {
        let x = blocks_of_pairs(isa, &rounded(input_len, 5), shape.batch, shape.in_channels);
        let dy = blocks_of_pairs(
            isa,
            &rounded(output_len, 7),
            shape.batch,
            shape.out_channels,
        );
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut dx = vec![0; x.len()];
            let back = PairConvolution::backward_data(isa, shape, &w);
            back.run((&dy, of_dy), (&mut dx, of_x), false);
            let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; shape.out_channels]);
            let bias = Some(&mut db[..]);
            conv2d_backward_weights_of_pairs(isa, shape, &x, (&dy, of_dy), &mut dw, bias);
            (dx, dw, db)
        })
    };
    for isa in Isa::available() {
        let alone = all(1, isa);
        for threads in [2, 3, 64] {
            assert!(
                alone == all(threads, isa),
                "{threads} threads differ from one with {isa:?}"
            );
        }
    }
}

/// Words of a tensor's blocks that belong to some pairs of its channels.
fn part_of(words: &[u32], part: Part, channels: usize, plane: usize) -> Vec<u32> {
    let block = pair_words(part.of, plane) * LANES;
    let first = pair_words(part.first, plane) * LANES;
    let len = pair_words(channels, plane) * LANES;
    words
        .chunks(block)
        .flat_map(|block| block[first..][..len].to_vec())
        .collect()
}

/// Two layers' outputs side by side, and the gradients through both.
#[test]
fn parts_of_a_tensor_are_as_good_as_their_own() {
    let isa = Isa::best();
    let (first, rest) = (6, 0x3e80_3e80);
    // A part that something follows, and an odd one at the end.
    for (out_channels, of) in [(8, 17), (5, 11)] {
        let shape = square(20, [7, out_channels], 6, 3, 1);
        let (part, whole) = (Part { first, of }, Part::whole(out_channels));
        let of_x = Part::whole(shape.in_channels);
        let [input_len, _] = lens(&shape);
        let x = blocks_of_pairs(isa, &rounded(input_len, 1), shape.batch, shape.in_channels);
        let w = values(shape.weight_len(), 2);
        let relu = acft_kernels::Activation::Relu;
        let conv = PairConvolution::new(isa, &shape, &w, None, relu);
        let mut among = vec![rest; 2 * pair_words(of, 36) * LANES];
        let mut alone = vec![0; 2 * pair_words(out_channels, 36) * LANES];
        conv.run((&x, of_x), (&mut among, part), false);
        conv.run((&x, of_x), (&mut alone, whole), false);
        assert!(part_of(&among, part, out_channels, 36) == alone, "forward");
        let before = part_of(&among, Part { first: 0, of }, first, 36);
        assert!(before.iter().all(|&word| word == rest));
        if first + out_channels < of {
            let after = Part {
                first: first + out_channels,
                of,
            };
            let after = part_of(&among, after, of - first - out_channels, 36);
            assert!(after.iter().all(|&word| word == rest));
        }

        let back = PairConvolution::backward_data(isa, &shape, &w);
        let (mut dx, mut dx_alone) = (vec![0; x.len()], vec![0; x.len()]);
        back.run((&among, part), (&mut dx, of_x), false);
        back.run((&alone, whole), (&mut dx_alone, of_x), false);
        assert!(dx == dx_alone, "backward-data");

        let weights = |dy: &[u32], part: Part| {
            let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; out_channels]);
            let bias = Some(&mut db[..]);
            conv2d_backward_weights_of_pairs(isa, &shape, &x, (dy, part), &mut dw, bias);
            (dw, db)
        };
        assert!(
            weights(&among, part) == weights(&alone, whole),
            "backward-weights"
        );
    }
}

#[test]
#[should_panic(
    expected = "`out` has 6 channels, of which channels 1 to 5 are no part of whole pairs"
)]
fn a_part_within_a_pair_is_named() {
    let shape = square(1, [2, 4], 1, 1, 1);
    let conv = PairConvolution::new(
        Isa::best(),
        &shape,
        &[0.0; 8],
        None,
        acft_kernels::Activation::Identity,
    );
    let mut out = [0; 3 * LANES];
    let part = Part { first: 1, of: 6 };
    conv.run((&[0; LANES], Part::whole(2)), (&mut out, part), false);
}
