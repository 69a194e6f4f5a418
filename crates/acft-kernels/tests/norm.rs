//! Batch normalisation against the plain formulas and against finite differences.

mod common;

use acft_kernels::{
    Activation, Isa, LANES, Norm, NormGradients, batch_norm, batch_norm_backward,
    batch_norm_backward_of_pairs, batch_norm_of_pairs, batch_statistics, batch_statistics_of_pairs,
    blocks, from_pairs, to_pairs,
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
        let (y, mean, variance) = reference(&shape, &x, &weight, &bias);
        let parameters = [&weight[..], &bias];
        for isa in Isa::available() {
            let statistics = batch_statistics(isa, &shape, &xs);
            assert_close("mean", &statistics.mean, &mean);
            assert_close("variance", &statistics.variance, &variance);
            let mut ys = vec![f32::NAN; xs.len()];
            batch_norm(isa, &shape, &xs, &statistics, parameters, Activation::Identity, &mut ys);
            assert_close("y", &one_by_one(&ys, batch), &y);

            let mut dxs = vec![f32::NAN; xs.len()];
            let (mut dw, mut db) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            let gradients = NormGradients { x: &mut dxs, weight: &mut dw, bias: &mut db };
            batch_norm_backward(isa, &shape, [&xs, &dys], &statistics, parameters, Activation::Identity, gradients);
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

    /// Where a ReLU follows, the gradient is the one that the ReLU lets through.
    #[test]
    fn a_relu_lets_gradients_through_where_the_output_is_positive(batch in 1usize..40, channels in 1usize..5, positions in 1usize..40) {
        let shape = Norm { batch, channels, positions, epsilon: 1e-3 };
        let xs = side_by_side(&values(batch * channels * positions, 1), batch);
        let dys = side_by_side(&values(batch * channels * positions, 4), batch);
        let (weight, bias) = (values(channels, 2), values(channels, 3));
        let parameters = [&weight[..], &bias];
        for isa in Isa::available() {
            let statistics = batch_statistics(isa, &shape, &xs);
            let mut ys = vec![f32::NAN; xs.len()];
            batch_norm(isa, &shape, &xs, &statistics, parameters, Activation::Relu, &mut ys);
            prop_assert!(ys.iter().all(|&y| y >= 0.0));
            let let_through: Vec<f32> = dys.iter().zip(&ys).map(|(&dy, &y)| if y > 0.0 { dy } else { 0.0 }).collect();
            let run = |dy: &[f32], activation| {
                let mut found = [vec![0.0; xs.len()], vec![0.0; channels], vec![0.0; channels]];
                let [x, weight, bias] = &mut found;
                let gradients = NormGradients { x, weight, bias };
                batch_norm_backward(isa, &shape, [&xs, dy], &statistics, parameters, activation, gradients);
                found
            };
            prop_assert_eq!(run(&dys, Activation::Relu), run(&let_through, Activation::Identity));
        }
    }

    /// Pairs give what f32 gives of the rounded numbers, rounded.
    #[test]
    fn pairs_give_the_same_but_for_the_rounding(batch in 1usize..40, channels in 1usize..5, positions in 1usize..40, relu: bool) {
        let shape = Norm { batch, channels, positions, epsilon: 1e-3 };
        let activation = if relu { Activation::Relu } else { Activation::Identity };
        let (weight, bias) = (values(channels, 2), values(channels, 3));
        let parameters = [&weight[..], &bias];
        for isa in Isa::available() {
            let words = |x: &[f32]| {
                let mut words = vec![0; shape.pair_len()];
                let each = words.len() / blocks(batch);
                for (x, words) in x.chunks(x.len() / blocks(batch)).zip(words.chunks_mut(each)) {
                    to_pairs(isa, channels, positions, x, words);
                }
                words
            };
            let back = |words: &[u32]| {
                let mut x = vec![f32::NAN; shape.len()];
                let each = x.len() / blocks(batch);
                for (words, x) in words.chunks(words.len() / blocks(batch)).zip(x.chunks_mut(each)) {
                    from_pairs(isa, channels, positions, words, x);
                }
                x
            };
            let [xs, dys] = [1, 4].map(|seed| words(&side_by_side(&values(batch * channels * positions, seed), batch)));
            let [x, dy] = [&xs, &dys].map(|words| back(words));
            let statistics = batch_statistics(isa, &shape, &x);
            prop_assert_eq!(&batch_statistics_of_pairs(isa, &shape, &xs), &statistics);

            let mut y = vec![f32::NAN; x.len()];
            batch_norm(isa, &shape, &x, &statistics, parameters, activation, &mut y);
            // A channel that a pair lacks becomes 0, whatever was there.
            let mut ys = vec![u32::MAX; xs.len()];
            batch_norm_of_pairs(isa, &shape, &xs, &statistics, parameters, activation, &mut ys);
            prop_assert_eq!(ys, words(&y));

            let mut plain = [vec![f32::NAN; x.len()], vec![0.0; channels], vec![0.0; channels]];
            let [dx, dw, db] = &mut plain;
            let gradients = NormGradients { x: dx, weight: dw, bias: db };
            batch_norm_backward(isa, &shape, [&x, &dy], &statistics, parameters, activation, gradients);
            let mut dxs = vec![u32::MAX; xs.len()];
            let [mut dw, mut db] = [vec![0.0; channels], vec![0.0; channels]];
            let gradients = NormGradients { x: &mut dxs, weight: &mut dw, bias: &mut db };
            batch_norm_backward_of_pairs(isa, &shape, [&xs, &dys], &statistics, parameters, activation, gradients);
            prop_assert_eq!(dxs, words(&plain[0]));
            prop_assert_eq!([dw, db], [plain[1].clone(), plain[2].clone()]);
        }
    }
}
