//! Convolution against the plain sums, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Activation, Conv2d, Convolution, Isa, LANES, Part, conv2d, conv2d_backward_data,
    conv2d_backward_data_of, conv2d_backward_weights, conv2d_backward_weights_of, conv2d_into,
};
use common::{
    assert_close, assert_within, for_each_product, lens, one_by_one, side_by_side, values,
};
use proptest::prelude::*;

/// Checks forward, backward-data and backward-weights of one shape.
fn check(shape: &Conv2d) {
    let [input_len, output_len] = lens(shape);
    let x = values(input_len, 1);
    let w = values(shape.weight_len(), 2);
    let bias = values(shape.out_channels, 3);
    let dy = values(output_len, 4);
    let plane = output_len / shape.batch / shape.out_channels;
    let mut y: Vec<f64> = (0..output_len)
        .map(|i| f64::from(bias[i / plane % shape.out_channels]))
        .collect();
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
    for_each_product(shape, |_, out, input, weight| {
        y[out] += f64::from(x[input]) * f64::from(w[weight]);
        dx[input] += f64::from(dy[out]) * f64::from(w[weight]);
        dw[weight] += f64::from(dy[out]) * f64::from(x[input]);
    });
    let mut db = vec![0.0; shape.out_channels];
    for (i, &v) in dy.iter().enumerate() {
        db[i / plane % shape.out_channels] += f64::from(v);
    }
    let rectified: Vec<f64> = y.iter().map(|v| v.max(0.0)).collect();
    let (xs, dys) = (
        side_by_side(&x, shape.batch),
        side_by_side(&dy, shape.batch),
    );
    for isa in Isa::available() {
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        let images = |interleaved: &[f32]| one_by_one(interleaved, shape.batch);
        // Targets are poisoned, so that an element left unwritten is seen.
        let mut out = vec![f32::NAN; dys.len()];
        conv2d(
            isa,
            shape,
            &xs,
            &w,
            Some(&bias),
            Activation::Identity,
            &mut out,
        );
        assert_close(&what("y"), &images(&out), &y);
        out.fill(f32::NAN);
        conv2d(isa, shape, &xs, &w, Some(&bias), Activation::Relu, &mut out);
        assert_close(&what("relu(y)"), &images(&out), &rectified);
        let prepared = Convolution::new(isa, shape, &w, Some(&bias), Activation::Relu);
        let mut again = vec![f32::NAN; dys.len()];
        let blocks = acft_kernels::blocks(shape.batch);
        for (x, out) in xs
            .chunks(xs.len() / blocks)
            .zip(again.chunks_mut(dys.len() / blocks))
        {
            prepared.run_block(x, out);
        }
        assert_eq!(out, again, "{}", what("prepared"));
        let mut onto = dys.clone();
        for (x, out) in xs
            .chunks(xs.len() / blocks)
            .zip(onto.chunks_mut(dys.len() / blocks))
        {
            prepared.run_block_onto(x, out);
        }
        let sums: Vec<f64> = y
            .iter()
            .zip(&dy)
            .map(|(y, &held)| (y + f64::from(held)).max(0.0))
            .collect();
        assert_close(&what("relu(y + held)"), &images(&onto), &sums);
        let mut out = vec![f32::NAN; xs.len()];
        conv2d_backward_data(isa, shape, &dys, &w, &mut out);
        assert_close(&what("dx"), &images(&out), &dx);
        let (mut out, mut out_bias) = (vec![f32::NAN; w.len()], vec![f32::NAN; db.len()]);
        conv2d_backward_weights(isa, shape, &xs, &dys, &mut out, Some(&mut out_bias));
        // Sums over all images and positions, the longest in a hundred thousand terms.
        assert_within(3e-5, &what("dw"), &out, &dw);
        assert_within(3e-5, &what("db"), &out_bias, &db);
    }
}

fn square(
    batch: usize,
    channels: [usize; 2],
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Conv2d {
    Conv2d {
        batch,
        in_channels: channels[0],
        input: [size; 2],
        out_channels: channels[1],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 2],
        dilation: [1; 2],
        groups: 1,
    }
}

#[test]
fn layers_of_real_networks() {
    // First layers, a fire module at three sizes, strided and projecting residual layers, a wide sum.
    for shape in [
        square(3, [3, 64], 23, 3, 2, 0),
        square(2, [3, 16], 31, 11, 4, 2),
        square(2, [3, 16], 29, 7, 2, 3),
        square(5, [64, 16], 11, 1, 1, 0),
        square(5, [16, 64], 11, 3, 1, 1),
        square(30, [32, 24], 5, 3, 1, 1),
        square(70, [16, 40], 2, 3, 1, 1),
        square(4, [24, 32], 9, 3, 2, 1),
        square(4, [24, 32], 9, 1, 2, 0),
        square(2, [130, 20], 6, 3, 1, 1),
        square(9, [2, 3], 48, 3, 1, 1),
        // So many outputs that their gradient is summed in parts; in groups too.
        square(160, [3, 64], 31, 1, 1, 0),
        Conv2d {
            groups: 2,
            ..square(40, [4, 6], 50, 1, 1, 0)
        },
        // What a row reads is so much that channels are summed in several passes, forward and backward.
        square(2, [66, 9], 27, 5, 1, 2),
        square(1, [5, 270], 33, 3, 2, 1),
        square(1, [270, 5], 33, 3, 2, 1),
        Conv2d {
            groups: 2,
            ..square(2, [132, 10], 27, 5, 1, 2)
        },
        // The same where the first rows read nothing at all, forward and backward.
        square(1, [260, 3], 40, 1, 1, 3),
        square(1, [3, 512], 79, 1, 4, 1),
        // Summed in parts tap by tap.
        square(40, [9, 6], 100, 3, 2, 1),
        square(2, [9, 70], 27, 5, 1, 2),
        // Winograd's transforms, in more than one wave of tiles.
        square(40, [64, 64], 22, 3, 1, 1),
        // Each form of them, forward and backward: `conv/choice.rs` holds that these are chosen.
        square(17, [64, 64], 16, 3, 1, 1),
        square(17, [160, 160], 8, 3, 1, 0),
        square(17, [80, 96], 12, 5, 1, 0),
    ] {
        check(&shape);
    }
}

/// So small that Miri goes through it: see the recipe `miri`.
#[test]
fn one_small_shape() {
    check(&square(1, [2, 3], 3, 3, 2, 1));
}

#[test]
fn degenerate_shapes() {
    check(&square(1, [1, 1], 1, 1, 1, 0));
    check(&square(1, [1, 1], 1, 3, 1, 1));
    check(&square(1, [5, 7], 2, 2, 3, 0));
    // All padding: most windows see nothing of the input.
    check(&square(2, [3, 4], 1, 2, 2, 3));
    // Depthwise, and a kernel that is larger than the input in one direction.
    check(&Conv2d {
        groups: 6,
        ..square(2, [6, 12], 7, 3, 1, 1)
    });
    check(&Conv2d {
        input: [2, 9],
        padding: [3, 0],
        ..square(2, [4, 4], 9, 5, 1, 0)
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        batch in 1usize..5, groups in 1usize..4, channels in prop::array::uniform2(1usize..12),
        input in prop::array::uniform2(1usize..14), kernel in prop::array::uniform2(1usize..6),
        stride in prop::array::uniform2(1usize..5), padding in prop::array::uniform2(0usize..4),
        dilation in prop::array::uniform2(1usize..4),
    ) {
        let shape = Conv2d {
            batch, in_channels: channels[0] * groups, input, out_channels: channels[1] * groups,
            kernel, stride, padding, dilation, groups,
        };
        prop_assume!((0..2).all(|a| input[a] + 2 * padding[a] > dilation[a] * (kernel[a] - 1)));
        check(&shape);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Enough channels that Winograd's transforms pay.
    #[test]
    fn any_shape_of_3_by_3_or_5_by_5(
        batch in 1usize..20, channels in prop::array::uniform2(40usize..72), large in any::<bool>(),
        input in prop::array::uniform2(2usize..14), padding in prop::array::uniform2(0usize..6),
    ) {
        let kernel = if large { 5 } else { 3 };
        let shape = Conv2d {
            batch, in_channels: channels[0], input, out_channels: channels[1], kernel: [kernel; 2],
            stride: [1; 2], padding, dilation: [1; 2], groups: 1,
        };
        prop_assume!((0..2).all(|a| input[a] + 2 * padding[a] >= kernel));
        check(&shape);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // One shape for plain sums, two for sums in parts, one for channels in passes, three for Winograd's transforms.
    for shape in [
        square(37, [20, 33], 11, 3, 2, 1),
        square(85, [3, 20], 60, 3, 2, 0),
        square(40, [9, 6], 100, 3, 2, 1),
        square(17, [66, 9], 27, 5, 1, 2),
        square(37, [44, 51], 11, 3, 1, 1),
        square(37, [60, 90], 6, 3, 1, 1),
        square(37, [44, 51], 11, 5, 1, 2),
    ] {
        threads_change_no_bit(&shape);
    }
}

fn threads_change_no_bit(shape: &Conv2d) {
    let (x, w) = (values(shape.input_len(), 5), values(shape.weight_len(), 6));
    let mut dy = values(shape.output_len(), 7);
    // Lanes that hold no image have no gradient.
    let last = dy.len() / 3 * 2;
    dy[last..]
        .chunks_mut(LANES)
        .for_each(|lanes| lanes[37 % LANES..].fill(0.0));
    let all = |threads: usize, isa: Isa| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut y = vec![0.0; dy.len()];
            conv2d(isa, shape, &x, &w, None, Activation::Identity, &mut y);
            let (mut dx, mut dw, mut db) = (
                vec![0.0; x.len()],
                vec![0.0; w.len()],
                vec![0.0; shape.out_channels],
            );
            conv2d_backward_data(isa, shape, &dy, &w, &mut dx);
            conv2d_backward_weights(isa, shape, &x, &dy, &mut dw, Some(&mut db));
            (y, dx, dw, db)
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

/// So many weights that they are not summed in parts, and so many outputs that their gradient is turned in several waves:
/// the plain way would take minutes, but the gradient is the sum of those of some images and of the others.
#[test]
fn a_gradient_is_the_sum_of_those_of_parts_of_a_batch() {
    let shape = |batch: usize| square(batch, [260, 260], 21, 1, 1, 0);
    let (all, isa) = (shape(160), Isa::best());
    let (x, dy) = (values(all.input_len(), 1), values(all.output_len(), 2));
    let gradients = |batch: usize, x: &[f32], dy: &[f32]| {
        let mut dw = vec![f32::NAN; all.weight_len()];
        let mut db = vec![f32::NAN; all.out_channels];
        conv2d_backward_weights(isa, &shape(batch), x, dy, &mut dw, Some(&mut db));
        [dw, db]
    };
    let whole = gradients(160, &x, &dy);
    let (some, others) = (96, 64);
    let (x, dy) = (
        x.split_at(shape(some).input_len()),
        dy.split_at(shape(some).output_len()),
    );
    let (first, second) = (gradients(some, x.0, dy.0), gradients(others, x.1, dy.1));
    for i in 0..2 {
        let sums: Vec<f64> = first[i]
            .iter()
            .zip(&second[i])
            .map(|(a, b)| f64::from(*a) + f64::from(*b))
            .collect();
        assert_within(1e-4, "gradient", &whole[i], &sums);
    }
}

/// Two layers' outputs side by side, and the gradients through both.
#[test]
fn parts_of_a_tensor_are_as_good_as_their_own() {
    let isa = Isa::best();
    // Plain sums, and Winograd's transforms.
    for (shape, first) in [
        (square(20, [7, 5], 6, 3, 1, 1), 3),
        (square(20, [48, 64], 9, 3, 1, 1), 16),
        (square(20, [48, 64], 9, 5, 1, 2), 16),
    ] {
        let (of, rest) = (shape.out_channels + 20, 0.25);
        let part = Part { first, of };
        let x = values(shape.input_len(), 1);
        let w = values(shape.weight_len(), 2);
        let mut whole = vec![rest; shape.output_len() / shape.out_channels * of];
        let mut alone = vec![0.0; shape.output_len()];
        conv2d_into(
            isa,
            &shape,
            &x,
            &w,
            None,
            Activation::Relu,
            (&mut whole, part),
        );
        conv2d(isa, &shape, &x, &w, None, Activation::Relu, &mut alone);
        let plane = whole.len() / of / 2;
        let (left, right) = (first * plane, (first + shape.out_channels) * plane);
        let block = shape.out_channels * plane;
        for (whole, alone) in whole.chunks(of * plane).zip(alone.chunks(block)) {
            assert!(&whole[left..right] == alone, "forward");
            let others = whole[..left].iter().chain(&whole[right..]);
            assert!(others.into_iter().all(|&v| v == rest));
        }
        let held = values(shape.input_len(), 3);
        let (mut onto, mut dx) = (held.clone(), vec![0.0; held.len()]);
        conv2d_backward_data_of(isa, &shape, (&whole, part), &w, (&mut onto, true));
        conv2d_backward_data(isa, &shape, &alone, &w, &mut dx);
        let sums: Vec<f64> = dx
            .iter()
            .zip(&held)
            .map(|(a, b)| f64::from(a + b))
            .collect();
        assert_close("dx", &onto, &sums);
        let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; shape.out_channels]);
        let mut expected = (dw.clone(), db.clone());
        conv2d_backward_weights_of(isa, &shape, &x, (&whole, part), &mut dw, Some(&mut db));
        let (w, b) = (&mut expected.0, &mut expected.1);
        conv2d_backward_weights(isa, &shape, &x, &alone, w, Some(b));
        assert!((dw, db) == expected, "backward to the weights");
    }
}

#[test]
#[should_panic(expected = "cannot be a part")]
fn a_part_that_is_not_there_is_named() {
    let shape = square(1, [1, 4], 3, 1, 1, 0);
    let (x, w, mut out) = (vec![0.0; 9 * LANES], vec![0.0; 4], vec![0.0; 5 * 9 * LANES]);
    let part = Part { first: 2, of: 5 };
    let to = (&mut out[..], part);
    conv2d_into(Isa::best(), &shape, &x, &w, None, Activation::Relu, to);
}

#[test]
fn a_nan_survives_the_rectifier() {
    let shape = square(1, [1, 1], 5, 1, 1, 0);
    let mut x = values(25, 8);
    x[7] = f32::NAN;
    for isa in Isa::available() {
        let mut y = vec![0.0; 25 * LANES];
        let x = side_by_side(&x, 1);
        conv2d(isa, &shape, &x, &[1.0], None, Activation::Relu, &mut y);
        let y = one_by_one(&y, 1);
        assert!(
            y[7].is_nan() && y.iter().filter(|v| v.is_nan()).count() == 1,
            "{isa:?}: {y:?}"
        );
    }
}

#[test]
#[should_panic(expected = "`x` has 25 elements, but the shapes call for 400")]
fn a_short_slice_is_named() {
    conv2d(
        Isa::best(),
        &square(1, [1, 1], 5, 1, 1, 0),
        &[0.0; 25],
        &[1.0],
        None,
        Activation::Relu,
        &mut [0.0; 400],
    );
}
