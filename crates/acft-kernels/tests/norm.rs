//! Batch normalisation against the plain formulas and against finite differences.

mod common;

use acft_kernels::{
    Activation, LANES, Norm, NormGradients, batch_norm, batch_norm_backward, batch_statistics,
};
use common::{assert_close, one_by_one, side_by_side, values};
use proptest::prelude::*;

/// The normalised images by the formula, in f64.
fn reference(
    shape: &Norm,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let n = (shape.batch * shape.positions) as f64;
    let channel = |i: usize| i / shape.positions % shape.channels;
    let (mut mean, mut variance) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    x.iter()
        .enumerate()
        .for_each(|(i, &v)| mean[channel(i)] += f64::from(v) / n);
    for (i, &v) in x.iter().enumerate() {
        variance[channel(i)] += (f64::from(v) - mean[channel(i)]).powi(2) / n;
    }
    let y = x.iter().enumerate().map(|(i, &v)| {
        let c = channel(i);
        let normed = (f64::from(v) - mean[c]) / (variance[c] + f64::from(shape.epsilon)).sqrt();
        normed * f64::from(weight[c]) + f64::from(bias[c])
    });
    (y.collect(), mean, variance)
}

proptest! {
    #[test]
    fn statistics_outputs_and_gradients(batch in 1usize..40, channels in 1usize..5, positions in 1usize..40) {
        prop_assume!(batch * positions > 1);
        let shape = Norm { batch, channels, positions, epsilon: 1e-3 };
        let x = values(batch * channels * positions, 1);
        let (weight, bias) = (values(channels, 2), values(channels, 3));
        let dy = values(x.len(), 4);
        // What lies in lanes without an image must not matter.
        let mut xs = side_by_side(&x, batch);
        let elements = channels * positions;
        for (i, lanes) in xs.chunks_mut(LANES).enumerate() {
            let held = LANES.min(batch - i / elements * LANES);
            lanes[held..].fill(7.0);
        }
        let dys = side_by_side(&dy, batch);
        let statistics = batch_statistics(&shape, &xs);
        let (y, mean, variance) = reference(&shape, &x, &weight, &bias);
        assert_close("mean", &statistics.mean, &mean);
        assert_close("variance", &statistics.variance, &variance);
        let mut ys = vec![f32::NAN; xs.len()];
        batch_norm(&shape, &xs, &statistics, &weight, &bias, Activation::Identity, &mut ys);
        assert_close("y", &one_by_one(&ys, batch), &y);

        let mut dxs = vec![f32::NAN; xs.len()];
        let (mut dw, mut db) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
        let gradients = NormGradients { x: &mut dxs, weight: &mut dw, bias: &mut db };
        batch_norm_backward(&shape, &xs, &statistics, &weight, &dys, gradients);
        let dx = one_by_one(&dxs, batch);
        prop_assert_eq!(&side_by_side(&dx, batch), &dxs, "lanes without an image have no gradient");
        // The derivative along one direction of everything at once.
        let (along, along_w, along_b) = (values(x.len(), 5), values(channels, 6), values(channels, 7));
        let loss = |step: f64| -> f64 {
            let moved = |v: &[f32], d: &[f32]| -> Vec<f32> {
                v.iter().zip(d).map(|(&v, &d)| (f64::from(v) + step * f64::from(d)) as f32).collect()
            };
            let (y, ..) = reference(&shape, &moved(&x, &along), &moved(&weight, &along_w), &moved(&bias, &along_b));
            y.iter().zip(&dy).map(|(&y, &dy)| y * f64::from(dy)).sum()
        };
        let step = 1.0 / 512.0;
        let measured = (loss(step) - loss(-step)) / (2.0 * step);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        let predicted = dot(&dx, &along) + dot(&dw, &along_w) + dot(&db, &along_b);
        let scale = 1.0 + dy.iter().map(|v| f64::from(v.abs())).sum::<f64>();
        prop_assert!((measured - predicted).abs() < 1e-4 * scale, "measured {}, predicted {}", measured, predicted);
    }
}
