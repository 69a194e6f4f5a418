//! Pooling against the plain definition, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Activation, AdaptivePool2d, Divisor, Isa, LANES, Pool2d, Summary, adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward, avg_pool2d, avg_pool2d_backward, from_pairs, global_avg_pool,
    global_avg_pool_backward, max_pool2d_backward, max_pool2d_block, max_pool2d_with_taps,
    pair_words, relu_backward, summarize_block, summarize_block_of_pairs, to_pairs,
};
use proptest::prelude::*;

use common::{assert_close, values};

/// Each output's elements of the input, in the order of the outputs, in the plainest way.
fn windows(shape: &Pool2d) -> Vec<Vec<usize>> {
    let ([height, width], [out_h, out_w]) = (shape.input, shape.output());
    let mut windows = Vec::new();
    for plane in 0..shape.planes {
        for (oy, ox) in (0..out_h).flat_map(|oy| (0..out_w).map(move |ox| (oy, ox))) {
            let taps = (0..shape.kernel).flat_map(|ky| (0..shape.kernel).map(move |kx| (ky, kx)));
            let elements: Vec<usize> = taps
                .map(|(ky, kx)| {
                    let y = (oy * shape.stride + ky).wrapping_sub(shape.padding);
                    let x = (ox * shape.stride + kx).wrapping_sub(shape.padding);
                    (y, x)
                })
                .filter(|(y, x)| *y < height && *x < width)
                .map(|(y, x)| ((plane * height + y) * width + x) * LANES)
                .collect();
            windows.extend((0..LANES).map(|lane| elements.iter().map(|at| at + lane).collect()));
        }
    }
    windows
}

/// The maxima, and the input element that gave each of them.
fn reference(shape: &Pool2d, x: &[f32]) -> (Vec<f32>, Vec<usize>) {
    let wins = |at: usize, best: usize| x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan());
    let winner = |window: Vec<usize>| {
        let better = |best, at| if wins(at, best) { at } else { best };
        window.into_iter().reduce(better).unwrap()
    };
    let found: Vec<usize> = windows(shape).into_iter().map(winner).collect();
    (found.iter().map(|&at| x[at]).collect(), found)
}

fn check(shape: &Pool2d, x: &[f32]) {
    let (maxima, winners) = reference(shape, x);
    let dy = values(maxima.len(), 2);
    let mut dx = vec![0.0; x.len()];
    for (&at, &dy) in winners.iter().zip(&dy) {
        dx[at] += f64::from(dy);
    }
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for isa in Isa::available() {
        let mut out = vec![0.0; maxima.len()];
        max_pool2d_block(isa, shape, x, &mut out);
        assert_eq!(
            bits(&out),
            bits(&maxima),
            "maxima of {shape:?} with {isa:?}"
        );
        let mut taps = vec![255; out.len()];
        out.fill(0.0);
        max_pool2d_with_taps(isa, shape, Activation::Identity, x, &mut out, &mut taps);
        assert_eq!(
            bits(&out),
            bits(&maxima),
            "maxima of {shape:?} with {isa:?}"
        );
        let mut out = vec![f32::NAN; x.len()];
        max_pool2d_backward(isa, shape, &dy, &taps, &mut out);
        assert_close(&format!("dx of {shape:?} with {isa:?}"), &out, &dx);
    }
}

/// A ReLU behind a pool: bit by bit what one before it gives, and the gradient that passes both.
fn check_rectified(shape: &Pool2d, x: &[f32]) {
    let rectified: Vec<f32> = x.iter().map(|&v| if v <= 0.0 { 0.0 } else { v }).collect();
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let dy = values(shape.output_len(), 2);
    for isa in Isa::available() {
        let run = |activation: Activation, x: &[f32]| {
            let (mut out, mut taps) = (vec![f32::NAN; dy.len()], vec![0; dy.len()]);
            max_pool2d_with_taps(isa, shape, activation, x, &mut out, &mut taps);
            let mut dx = vec![f32::NAN; x.len()];
            max_pool2d_backward(isa, shape, &dy, &taps, &mut dx);
            (out, dx)
        };
        let (before, mut gradient) = run(Activation::Identity, &rectified);
        relu_backward(&rectified, &mut gradient);
        let (behind, found) = run(Activation::Relu, x);
        assert_eq!(bits(&behind), bits(&before), "{shape:?} with {isa:?}");
        assert_eq!(found, gradient, "dx of {shape:?} with {isa:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_shape(
        planes in 1usize..6, input in prop::array::uniform2(1usize..14), kernel in 1usize..6, stride in 1usize..6,
        padding in 0usize..3, ceil: bool, levels in 2u32..50,
    ) {
        prop_assume!(2 * padding <= kernel && (ceil || input.iter().all(|n| n + 2 * padding >= kernel)));
        let shape = Pool2d { planes, input, kernel, stride, padding, ceil };
        // Few levels make ties, which the first element of a window must win.
        let x: Vec<f32> = values(shape.input_len(), 1).iter().map(|v| (v * levels as f32).round()).collect();
        check(&shape, &x);
        check_means(&shape, &x);
        check_rectified(&shape, &x);
    }
}

/// The means by both divisors, and the gradients, which are the transpose: against sums in f64.
fn check_means(shape: &Pool2d, x: &[f32]) {
    let windows = windows(shape);
    let dy = values(windows.len(), 2);
    let [out_h, out_w] = shape.output();
    // What PyTorch counts: of a window that hangs over the far border, the part before its end.
    let with_border = |output: usize| {
        let position = output / LANES;
        let origin = [position / out_w % out_h, position % out_w].map(|at| at * shape.stride);
        let ends = shape.input.map(|n| n + 2 * shape.padding);
        let side = |axis: usize| (ends[axis] - origin[axis]).min(shape.kernel);
        side(0) * side(1)
    };
    for divisor in [Divisor::WithBorder, Divisor::Within] {
        let (mut means, mut dx) = (Vec::new(), vec![0.0; x.len()]);
        for (output, window) in windows.iter().enumerate() {
            let elements = match divisor {
                Divisor::WithBorder => with_border(output),
                Divisor::Within => window.len(),
            } as f64;
            means.push(window.iter().map(|&at| f64::from(x[at])).sum::<f64>() / elements);
            for &at in window {
                dx[at] += f64::from(dy[output]) / elements;
            }
        }
        for isa in Isa::available() {
            let what = |part: &str| format!("{part} of {shape:?} by {divisor:?} with {isa:?}");
            let (mut out, mut found) = (vec![f32::NAN; means.len()], vec![f32::NAN; x.len()]);
            avg_pool2d(isa, shape, divisor, x, &mut out);
            assert_close(&what("means"), &out, &means);
            avg_pool2d_backward(isa, shape, divisor, &dy, &mut found);
            assert_close(&what("dx"), &found, &dx);
        }
    }
}

#[test]
fn means_follow_pytorch() {
    // torch.nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)(torch.arange(16.).view(1, 1, 4, 4)), and the same with
    // count_include_pad=False.
    let shape = Pool2d {
        planes: 1,
        input: [4, 4],
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil: true,
    };
    let padded = [
        10.0 / 9.0,
        8.0 / 3.0,
        5.0 / 3.0,
        17.0 / 3.0,
        10.0,
        5.5,
        25.0 / 6.0,
        7.0,
        3.75,
    ];
    let inside = [2.5, 4.0, 5.0, 8.5, 10.0, 11.0, 12.5, 14.0, 15.0];
    let x: Vec<f32> = (0..16).flat_map(|v| [v as f32; LANES]).collect();
    for (divisor, expected) in [(Divisor::WithBorder, padded), (Divisor::Within, inside)] {
        let mut out = vec![f32::NAN; 9 * LANES];
        avg_pool2d(Isa::best(), &shape, divisor, &x, &mut out);
        let expected: Vec<f64> = expected.into_iter().flat_map(|v| [v; LANES]).collect();
        assert_close("means", &out, &expected);
    }
}

#[test]
fn windows_that_divide_a_plane_follow_pytorch() {
    // torch.nn.AdaptiveAvgPool2d((3, 2)) of torch.arange(20.).view(1, 1, 4, 5), and what backward() of its sum gives; and a
    // position that is in all of the windows.
    let shape = |input: [usize; 2], output: [usize; 2]| AdaptivePool2d {
        planes: 2,
        input,
        output,
    };
    let means = [
        7.0 / 2.0,
        11.0 / 2.0,
        17.0 / 2.0,
        21.0 / 2.0,
        27.0 / 2.0,
        31.0 / 2.0,
    ];
    let gradient = [
        1.0 / 6.0,
        1.0 / 6.0,
        1.0 / 3.0,
        1.0 / 6.0,
        1.0 / 6.0,
        1.0 / 3.0,
        1.0 / 3.0,
        2.0 / 3.0,
        1.0 / 3.0,
        1.0 / 3.0,
        1.0 / 3.0,
        1.0 / 3.0,
        2.0 / 3.0,
        1.0 / 3.0,
        1.0 / 3.0,
        1.0 / 6.0,
        1.0 / 6.0,
        1.0 / 3.0,
        1.0 / 6.0,
        1.0 / 6.0,
    ];
    let many = |values: &[f64]| -> Vec<f64> {
        let plane = values.iter().flat_map(|&v| [v; LANES]);
        plane.clone().chain(plane).collect()
    };
    for isa in Isa::available() {
        let x: Vec<f32> = many(&(0..20).map(f64::from).collect::<Vec<_>>())
            .iter()
            .map(|&v| v as f32)
            .collect();
        let (mut out, mut dx) = (vec![f32::NAN; 2 * 6 * LANES], vec![f32::NAN; x.len()]);
        let uneven = shape([4, 5], [3, 2]);
        adaptive_avg_pool2d(isa, &uneven, &x, &mut out);
        assert_close("means", &out, &many(&means));
        adaptive_avg_pool2d_backward(isa, &uneven, &[1.0; 2 * 6 * LANES], &mut dx);
        assert_close("dx", &dx, &many(&gradient));
        let (mut out, mut dx) = ([f32::NAN; 2 * 36 * LANES], [f32::NAN; 2 * LANES]);
        adaptive_avg_pool2d(isa, &shape([1, 1], [6, 6]), &[3.0; 2 * LANES], &mut out);
        assert_eq!(out, [3.0; 2 * 36 * LANES]);
        adaptive_avg_pool2d_backward(isa, &shape([1, 1], [6, 6]), &out, &mut dx);
        assert_eq!(dx, [108.0; 2 * LANES]);
    }
}

#[test]
fn sizes_follow_pytorch() {
    let size = |n, kernel, stride, padding, ceil| {
        Pool2d {
            planes: 1,
            input: [n, n],
            kernel,
            stride,
            padding,
            ceil,
        }
        .output()[0]
    };
    assert_eq!(size(23, 3, 2, 0, true), 11);
    assert_eq!(size(24, 3, 2, 0, true), 12);
    assert_eq!(size(24, 3, 2, 0, false), 11);
    assert_eq!(size(112, 3, 2, 1, false), 56);
    // The last window would begin in the far border, so it is dropped.
    assert_eq!(size(4, 2, 3, 1, true), 2);
    assert_eq!(size(5, 1, 3, 0, true), 2);
    assert_eq!(size(2, 3, 2, 0, true), 1);
}

#[test]
fn nan_and_infinities() {
    let shape = Pool2d {
        planes: 1,
        input: [4, 4],
        kernel: 2,
        stride: 2,
        padding: 0,
        ceil: false,
    };
    let mut x = values(16 * LANES, 3);
    (x[5 * LANES + 3], x[LANES + 3]) = (f32::NAN, 9.0);
    check(&shape, &x);
    check_rectified(&shape, &x);
    x.fill(f32::NEG_INFINITY);
    check(&shape, &x);
    // With a border, the window of nothing but −∞ passes its gradient to nobody, and nothing breaks.
    let shape = Pool2d {
        kernel: 3,
        padding: 1,
        ..shape
    };
    for isa in Isa::available() {
        let (mut out, mut taps) = (vec![0.0; 4 * LANES], vec![0; 4 * LANES]);
        max_pool2d_with_taps(isa, &shape, Activation::Identity, &x, &mut out, &mut taps);
        assert_eq!(out, [f32::NEG_INFINITY; 4 * LANES]);
        let mut dx = vec![f32::NAN; 16 * LANES];
        max_pool2d_backward(isa, &shape, &[1.0; 4 * LANES], &taps, &mut dx);
        assert!(dx.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn global_average() {
    let x = values(6 * 25 * LANES, 4);
    let mut out = vec![f32::NAN; 6 * LANES];
    global_avg_pool(&x, &mut out);
    let mut mean = vec![0.0; out.len()];
    for (i, &v) in x.iter().enumerate() {
        mean[i / (25 * LANES) * LANES + i % LANES] += f64::from(v) / 25.0;
    }
    assert_close("mean", &out, &mean);
    let mut dx = vec![f32::NAN; x.len()];
    global_avg_pool_backward(&out, &mut dx);
    let expected: Vec<f64> = (0..x.len())
        .map(|i| f64::from(out[i / (25 * LANES) * LANES + i % LANES]) / 25.0)
        .collect();
    assert_close("dx", &dx, &expected);
}

/// Means, maxima and means of the centre in the plainest way.
fn summary(shape: &Summary, x: &[f32]) -> Vec<f64> {
    let [height, width] = shape.input;
    let part = |kept: &dyn Fn(usize, usize) -> bool, join: &dyn Fn(&[f64]) -> f64| {
        let mut out = Vec::new();
        for channel in 0..shape.channels {
            for lane in 0..LANES {
                let positions = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
                let elements: Vec<f64> = positions
                    .filter(|(y, x)| kept(*y, *x))
                    .map(|(y, x)| ((channel * height + y) * width + x) * LANES + lane)
                    .map(|at| f64::from(x[at]))
                    .collect();
                out.push(join(&elements));
            }
        }
        out
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let max = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut out = part(&|_, _| true, &mean);
    out.extend(part(&|_, _| true, &max));
    if let Some([rows, columns]) = &shape.centre {
        let inside = |y: usize, x: usize| rows.contains(&y) && columns.contains(&x);
        out.extend(part(&inside, &mean));
    }
    out
}

#[test]
fn summaries_are_means_maxima_and_means_of_the_centre() {
    for (channels, input, centre) in [
        (1, [1, 1], None),
        (3, [2, 5], None),
        (4, [5, 5], Some([1..4, 1..4])),
        (5, [7, 6], Some([2..5, 2..4])),
        (2, [33, 31], Some([11..22, 0..31])),
    ] {
        let shape = Summary {
            channels,
            input,
            centre,
        };
        let plane = input[0] * input[1];
        // Below zero too: a maximum must not begin at zero.
        let x: Vec<f32> = values(channels * plane * LANES, 5)
            .iter()
            .map(|v| v - 0.9)
            .collect();
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; shape.width() * LANES];
            summarize_block(isa, &shape, &x, &mut out);
            assert_close(
                &format!("{shape:?} with {isa:?}"),
                &out,
                &summary(&shape, &x),
            );

            let mut pairs = vec![0; pair_words(channels, plane) * LANES];
            to_pairs(isa, channels, plane, &x, &mut pairs);
            let mut rounded = vec![0.0; x.len()];
            from_pairs(isa, channels, plane, &pairs, &mut rounded);
            out.fill(f32::NAN);
            summarize_block_of_pairs(isa, &shape, &pairs, &mut out);
            let expected = summary(&shape, &rounded);
            assert_close(&format!("{shape:?} of pairs with {isa:?}"), &out, &expected);
        }
    }
}

#[test]
fn a_nan_in_a_map_shows_in_its_summary() {
    let shape = Summary {
        channels: 1,
        input: [2, 2],
        centre: None,
    };
    let mut x = values(4 * LANES, 6);
    x[LANES + 3] = f32::NAN;
    for isa in Isa::available() {
        let mut out = vec![0.0; 2 * LANES];
        summarize_block(isa, &shape, &x, &mut out);
        for (at, value) in out.iter().enumerate() {
            assert_eq!(value.is_nan(), at % LANES == 3, "{at}");
        }
    }
}
