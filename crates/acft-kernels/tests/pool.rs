//! Pooling against the plain definition, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Isa, LANES, Pool2d, global_avg_pool, global_avg_pool_backward, max_pool2d, max_pool2d_backward,
    max_pool2d_with_taps,
};
use common::{assert_close, values};
use proptest::prelude::*;

/// The maxima, and the input element that gave each of them.
fn reference(shape: &Pool2d, x: &[f32]) -> (Vec<f32>, Vec<usize>) {
    let ([height, width], [out_h, out_w]) = (shape.input, shape.output());
    let mut found = Vec::new();
    for plane in 0..shape.planes {
        for oy in 0..out_h {
            for ox in 0..out_w {
                for lane in 0..LANES {
                    let mut best: Option<usize> = None;
                    for ky in 0..shape.kernel {
                        for kx in 0..shape.kernel {
                            let y = (oy * shape.stride + ky).wrapping_sub(shape.padding);
                            let x_ = (ox * shape.stride + kx).wrapping_sub(shape.padding);
                            if y < height && x_ < width {
                                let at = ((plane * height + y) * width + x_) * LANES + lane;
                                if best.is_none_or(|best| {
                                    x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan())
                                }) {
                                    best = Some(at);
                                }
                            }
                        }
                    }
                    found.push(best.unwrap());
                }
            }
        }
    }
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
        max_pool2d(isa, shape, x, &mut out);
        assert_eq!(
            bits(&out),
            bits(&maxima),
            "maxima of {shape:?} with {isa:?}"
        );
        let mut taps = vec![255; out.len()];
        out.fill(0.0);
        max_pool2d_with_taps(isa, shape, x, &mut out, &mut taps);
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
        max_pool2d_with_taps(isa, &shape, &x, &mut out, &mut taps);
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
