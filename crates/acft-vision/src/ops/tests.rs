//! The kernels against Burn's own operations and against finite differences.
#![allow(clippy::unwrap_used)]

use burn::optim::{AdamConfig, Optimizer};
use burn::tensor::module as burn_ops;
use burn::tensor::{Device, Shape, Tensor, TensorData, activation};

use super::{
    Branch, FusedAdam, Images, MaxPool, add_relu, batch_norm_training, conv2d_side_by_side,
    has_kernels, linear, masked, plain,
};

/// [`super::conv2d`] of image × channel × height × width.
fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
    relu: bool,
) -> Tensor<4> {
    super::conv2d(x.into(), weight, bias, stride, padding, relu).one_by_one()
}

/// [`super::max_pool2d`] of image × channel × height × width.
fn max_pool2d(x: Tensor<4>, pool: MaxPool, relu: bool) -> Tensor<4> {
    super::max_pool2d(x.into(), pool, relu).one_by_one()
}

/// A tensor of values in [-1, 1), the same for the same seed, that tracks its
/// gradient if the device does.
fn values<const D: usize>(dims: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
        })
        .collect();
    let tensor = Tensor::from_data(TensorData::new(values, Shape::from(dims)), device);
    tensor.set_require_grad(device.is_autodiff())
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Panics unless the two agree within 1e-4 of the largest expected value.
#[track_caller]
fn assert_close(what: &str, actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len(), "{what}: another length");
    let scale = expected.iter().fold(1e-6_f32, |m, v| m.max(v.abs()));
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let off = (a - e).abs() / scale;
        assert!(off < 1e-4, "{what}: element {i} is {a}, expected {e}");
    }
}

/// Runs a layer as ours and as Burn's, and compares the outputs and the
/// gradients of the three inputs under the same random gradient of the output.
#[track_caller]
fn compare<const D: usize>(
    dims: ([usize; D], [usize; D], usize),
    ours: impl Fn(Tensor<D>, Tensor<D>, Tensor<1>) -> Tensor<D>,
    burns: impl Fn(Tensor<D>, Tensor<D>, Tensor<1>) -> Tensor<D>,
) {
    let device = Device::flex().autodiff();
    let run = |layer: &dyn Fn(Tensor<D>, Tensor<D>, Tensor<1>) -> Tensor<D>| {
        let (x, w) = (values(dims.0, 1, &device), values(dims.1, 2, &device));
        let b = values([dims.2], 3, &device);
        let y = layer(x.clone(), w.clone(), b.clone());
        let gradient = values(y.dims(), 4, &device).detach();
        let gradients = (y.clone() * gradient).sum().backward();
        let gradients = [
            floats(x.grad(&gradients).unwrap()),
            floats(w.grad(&gradients).unwrap()),
            floats(b.grad(&gradients).unwrap()),
        ];
        (floats(y), gradients)
    };
    let (y, gradients) = run(&ours);
    let (expected_y, expected) = run(&burns);
    assert_close("output", &y, &expected_y);
    for (what, (actual, expected)) in ["dx", "dw", "db"]
        .iter()
        .zip(gradients.iter().zip(&expected))
    {
        assert_close(what, actual, expected);
    }
}

#[test]
fn the_cpu_uses_the_kernels_with_and_without_gradients() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        assert!(has_kernels(&Tensor::<2>::zeros([1, 1], &device)));
    }
}

#[test]
fn convolutions_equal_burns() {
    for (x, w, stride, padding) in [
        ([3, 3, 23, 23], [16, 3, 3, 3], 2, 0),
        ([2, 3, 31, 31], [8, 3, 11, 11], 4, 2),
        ([4, 16, 6, 5], [10, 16, 1, 1], 1, 0),
        ([4, 9, 7, 5], [20, 9, 3, 3], 1, 1),
        ([5, 8, 9, 9], [12, 8, 3, 3], 2, 1),
        ([3, 8, 8, 8], [12, 8, 1, 1], 2, 0),
        ([3, 6, 9, 9], [4, 6, 5, 5], 1, 2),
    ] {
        for relu in [false, true] {
            compare(
                (x, w, w[0]),
                |x, w, b| conv2d(x, w, Some(b), stride, padding, relu),
                |x, w, b| plain::conv2d(x, w, Some(b), stride, padding, relu),
            );
        }
    }
}

#[test]
fn linear_layers_equal_burns() {
    for relu in [false, true] {
        compare(
            ([17, 33], [50, 33], 50),
            |x, w, b| linear(x, w, b, relu),
            |x, w, b| plain::linear(x, w, b, relu),
        );
    }
}

#[test]
fn max_pools_equal_burns() {
    let device = Device::flex().autodiff();
    for (size, kernel, stride, padding, ceil) in [
        ([23, 23], 3, 2, 0, true),
        ([24, 11], 3, 2, 0, true),
        ([24, 11], 3, 2, 1, false),
        ([8, 8], 2, 2, 0, false),
        ([9, 7], 3, 1, 1, false),
        ([2, 1], 3, 2, 0, true),
    ] {
        let run = |pool: &dyn Fn(Tensor<4>) -> Tensor<4>| {
            let x = values([3, 5, size[0], size[1]], 1, &device);
            let y = pool(x.clone());
            let gradient = values(y.dims(), 4, &device).detach();
            let gradients = (y.clone() * gradient).sum().backward();
            (floats(y), floats(x.grad(&gradients).unwrap()))
        };
        let pool = MaxPool {
            kernel,
            stride,
            padding,
            ceil,
        };
        for relu in [false, true] {
            let (y, dx) = run(&|x| max_pool2d(x, pool, relu));
            let expected = run(&|x| plain::max_pool2d(x, pool, relu));
            assert_close("maxima", &y, &expected.0);
            assert_close("dx", &dx, &expected.1);
            // Without gradients, another path gives the same.
            let x = values([3, 5, size[0], size[1]], 1, &Device::flex());
            let alone = floats(max_pool2d(x, pool, relu));
            assert_eq!(alone, y);
        }
    }
}

#[test]
fn batch_norms_equal_burns() {
    let device = Device::flex().autodiff();
    // One block that is not full, one that is, and one and a half.
    for (batch, relu) in [(5, false), (16, true), (24, false), (24, true)] {
        let run = |norm: &dyn Fn(Tensor<4>, [Tensor<1>; 2]) -> (Tensor<4>, [Tensor<1>; 2])| {
            let x = values([batch, 3, 4, 5], 1, &device);
            let (w, b) = (values([3], 2, &device), values([3], 3, &device));
            let (y, statistics) = norm(x.clone(), [w.clone(), b.clone()]);
            let gradient = values(y.dims(), 4, &device).detach();
            let gradients = (y.clone() * gradient).sum().backward();
            let found = [w, b].map(|t| floats(t.grad(&gradients).unwrap()));
            (
                floats(y),
                floats(x.grad(&gradients).unwrap()),
                found,
                statistics.map(floats),
            )
        };
        let ours = run(&|x, parameters| {
            let (y, statistics) = batch_norm_training(Images::from(x), parameters, 1e-5, relu);
            (y.one_by_one(), statistics)
        });
        let burns = run(&|x, [w, b]| {
            let normed = burn::tensor::module::batch_norm_train(x, w, b, 1e-5);
            let y = match relu {
                true => activation::relu(normed.output),
                false => normed.output,
            };
            (y, [normed.mean, normed.variance])
        });
        assert_close("y", &ours.0, &burns.0);
        assert_close("dx", &ours.1, &burns.1);
        for i in 0..2 {
            assert_close("dw and db", &ours.2[i], &burns.2[i]);
            assert_close("mean and variance", &ours.3[i], &burns.3[i]);
        }
    }
}

#[test]
fn residual_sums_and_dropouts_equal_burns() {
    let device = Device::flex().autodiff();
    let run = |network: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
        let (a, b) = (
            values([20, 3, 4, 5], 1, &device),
            values([20, 3, 4, 5], 2, &device),
        );
        let y = network(a.clone(), b.clone());
        let gradient = values(y.dims(), 4, &device).detach();
        let gradients = (y.clone() * gradient).sum().backward();
        let found = [a, b].map(|t| floats(t.grad(&gradients).unwrap()));
        (floats(y), found)
    };
    let mask: Vec<f32> = (0..20 * 60).map(|i| (i % 3) as f32).collect();
    let as_tensor =
        || Tensor::<4>::from_data(TensorData::new(mask.clone(), [20, 3, 4, 5]), &device);
    // The sum's gradient goes to both, and one of them has another besides.
    let ours = run(&|a, b| {
        let sum = add_relu(a.clone().into(), b.clone().into()).one_by_one();
        masked(sum, mask.clone()) + b
    });
    let burns = run(&|a, b| activation::relu(a + b.clone()) * as_tensor() + b);
    assert_close("y", &ours.0, &burns.0);
    for i in 0..2 {
        assert_close("gradients", &ours.1[i], &burns.1[i]);
    }
}

#[test]
fn two_layers_side_by_side_equal_burns() {
    let device = Device::flex().autodiff();
    let run = |layers: &dyn Fn(Tensor<4>, [Branch; 2]) -> Tensor<4>| {
        let x = values([20, 3, 5, 4], 1, &device);
        let branch = |channels: usize, kernel: usize| Branch {
            weight: values([channels, 3, kernel, kernel], channels as u32, &device),
            bias: values([channels], 9, &device),
            padding: kernel / 2,
        };
        let branches = [branch(2, 1), branch(4, 3)];
        let y = layers(x.clone(), branches.clone());
        let gradient = values(y.dims(), 4, &device).detach();
        let gradients = (y.clone() * gradient).sum().backward();
        let mut found = vec![floats(y), floats(x.grad(&gradients).unwrap())];
        for branch in branches {
            found.push(floats(branch.weight.grad(&gradients).unwrap()));
            found.push(floats(branch.bias.grad(&gradients).unwrap()));
        }
        found
    };
    for relu in [true, false] {
        let ours = run(&|x, branches| conv2d_side_by_side(x.into(), branches, relu).one_by_one());
        let burns = run(&|x, branches| {
            let branch =
                |b: Branch| plain::conv2d(x.clone(), b.weight, Some(b.bias), 1, b.padding, relu);
            Tensor::cat(branches.map(branch).to_vec(), 1)
        });
        for (ours, burns) in ours.iter().zip(&burns) {
            assert_close("output and gradients", ours, burns);
        }
    }
}

#[test]
fn views_are_read_in_their_own_order() {
    let device = Device::flex().autodiff();
    let x = values([6, 9, 4, 7], 1, &device).swap_dims(0, 2);
    let x = x.narrow(2, 1, 4).narrow(1, 3, 5);
    let w = values([3, 8, 3, 5], 2, &device).swap_dims(1, 3);
    let w = w.narrow(3, 2, 3);
    let ours = conv2d(x.clone(), w.clone(), None, 1, 1, false);
    let burns = plain::conv2d(x, w, None, 1, 1, false);
    assert_close("output", &floats(ours), &floats(burns));
}

#[test]
fn a_gradient_that_others_hold_or_that_is_a_slice_is_masked_apart() {
    let device = Device::flex().autodiff();
    let x = values([2, 3, 5, 5], 1, &device);
    let w = values([4, 3, 3, 3], 2, &device);
    // Along the channels slices have gaps; along the batch they are parts of a
    // larger buffer.
    for axis in [0, 1] {
        let gradient = |layer: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
            let (y, z) = (
                layer(x.clone(), w.clone()),
                layer(x.clone(), w.clone() * 0.5),
            );
            let both = Tensor::cat(vec![y.clone(), z.clone() + y.clone()], axis);
            let weights = values(both.dims(), 3, &device).detach();
            let gradients = (both * weights + Tensor::cat(vec![z, y], axis))
                .sum()
                .backward();
            (
                floats(x.grad(&gradients).unwrap()),
                floats(w.grad(&gradients).unwrap()),
            )
        };
        let (dx, dw) = gradient(&|x, w| conv2d(x, w, None, 1, 1, true));
        let expected = gradient(&|x, w| plain::conv2d(x, w, None, 1, 1, true));
        assert_close("dx", &dx, &expected.0);
        assert_close("dw", &dw, &expected.1);
    }
}

#[test]
fn frozen_weights_get_no_gradient_and_others_still_do() {
    let device = Device::flex().autodiff();
    let x = values([2, 3, 5, 5], 1, &device).set_require_grad(false);
    let w = values([4, 3, 3, 3], 2, &device).set_require_grad(false);
    let b = values([4], 3, &device);
    let y = conv2d(x.clone(), w.clone(), Some(b.clone()), 1, 1, false);
    let gradients = y.sum().backward();
    assert!(x.grad(&gradients).is_none() && w.grad(&gradients).is_none());
    assert_close("db", &floats(b.grad(&gradients).unwrap()), &[50.0; 4]);
}

#[test]
fn adaptive_pools_equal_burns() {
    let device = Device::flex().autodiff();
    for (height, width, size) in [(1, 1, 6), (2, 3, 6), (7, 5, 6), (9, 13, 2)] {
        let run = |pool: &dyn Fn(Tensor<4>) -> Tensor<2>| {
            let x = values([19, 3, height, width], 1, &device);
            let y = pool(x.clone());
            let gradient = values(y.dims(), 4, &device).detach();
            let gradients = (y.clone() * gradient).sum().backward();
            (floats(y), floats(x.grad(&gradients).unwrap()))
        };
        let ours = run(&|x| super::adaptive_avg_pool2d(x.into(), size));
        let burns = run(&|x| burn_ops::adaptive_avg_pool2d(x, [size; 2]).flatten(1, 3));
        assert_close("means", &ours.0, &burns.0);
        assert_close("dx", &ours.1, &burns.1);
    }
}

/// A little network of all operations, to a scalar.
fn loss(x: Tensor<4>, w: Tensor<4>, b: Tensor<1>, head: Tensor<2>) -> Tensor<1> {
    let device = x.device();
    let pool = MaxPool {
        kernel: 3,
        stride: 2,
        padding: 0,
        ceil: true,
    };
    let y = max_pool2d(conv2d(x, w, Some(b), 1, 1, false), pool, true);
    let y = linear(y.flatten(1, 3), head, Tensor::zeros([2], &device), false);
    y.powi_scalar(2).mean()
}

#[test]
fn gradients_equal_finite_differences() {
    let device = Device::flex().autodiff();
    let x = values([3, 2, 8, 8], 1, &device).detach();
    let w = values([5, 2, 3, 3], 2, &device);
    let b = values([5], 3, &device);
    let head = values([2, 5 * 4 * 4], 4, &device);
    let gradients = loss(x.clone(), w.clone(), b.clone(), head.clone()).backward();
    let (dw, db) = (w.grad(&gradients).unwrap(), b.grad(&gradients).unwrap());
    let dhead = head.grad(&gradients).unwrap();
    // The derivative along a direction of all parameters at once, so that one
    // pair of losses tests every element.
    let plain_device = Device::flex();
    let direction = (
        values([5, 2, 3, 3], 5, &plain_device),
        values([5], 6, &plain_device),
        values([2, 80], 7, &plain_device),
    );
    let predicted = (dw * direction.0.clone()).sum().into_scalar::<f32>()
        + (db * direction.1.clone()).sum().into_scalar::<f32>()
        + (dhead * direction.2.clone()).sum().into_scalar::<f32>();
    let at = |step: f32| {
        loss(
            x.clone().inner(),
            w.clone().inner() + direction.0.clone() * step,
            b.clone().inner() + direction.1.clone() * step,
            head.clone().inner() + direction.2.clone() * step,
        )
        .into_scalar::<f32>()
    };
    let step = 2e-3;
    let measured = (at(step) - at(-step)) / (2.0 * step);
    assert!(
        (measured - predicted).abs() < 5e-3 * predicted.abs(),
        "measured {measured}, predicted {predicted}"
    );
}

#[test]
fn adam_takes_burns_steps_and_can_go_on_from_its_state() {
    let device = Device::flex();
    let burns = AdamConfig::new().with_epsilon(1e-8).build();
    let start: Tensor<2> = values([30, 41], 1, &device);
    let (mut ours, mut expected) = (start.clone(), start.clone());
    let (mut our_state, mut burn_state) = (None, None);
    for step in 0..6 {
        let gradient = values([41, 30], 10 + step, &device).transpose();
        (ours, our_state) = FusedAdam.step(1e-2, ours, gradient.clone(), our_state);
        (expected, burn_state) = burns.step(1e-2, expected, gradient, burn_state);
        if step == 2 {
            our_state = burn_state.clone();
        }
    }
    assert_close("parameters", &floats(ours), &floats(expected));
    // The tensors that were handed in are not changed through other handles.
    assert_eq!(floats(start), floats(values([30, 41], 1, &device)));
}

/// Panics unless the two differ by no more than `share` of the expected values, in the root mean square.
#[track_caller]
fn assert_like(what: &str, actual: &[f32], expected: &[f32], share: f32) {
    assert_eq!(actual.len(), expected.len(), "{what}: another length");
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let off = norm(&mut actual.iter().zip(expected).map(|(a, e)| a - e));
    let size = norm(&mut expected.iter().copied());
    assert!(size > 0.0, "{what}: nothing to compare");
    assert!(
        off <= share * size,
        "{what}: off by {} of its size",
        off / size
    );
}

/// Each operation that has kernels for bf16, and those that go back to f32 for themselves: outputs and all gradients.
#[test]
fn layers_in_bf16_give_what_they_give_in_f32_but_for_the_rounding() {
    let device = Device::flex().autodiff();
    // The last block is not full, and channels have no partner.
    let x = values([19, 3, 9, 7], 1, &device);
    let weights: Vec<Tensor<4>> = vec![
        values([5, 3, 3, 3], 2, &device),
        values([4, 5, 1, 1], 3, &device),
        values([3, 5, 3, 3], 4, &device),
        values([7, 7, 3, 3], 5, &device),
    ];
    let [bias, norm_weight, norm_bias] = [6, 7, 8].map(|seed| values([7], seed, &device));
    // With ReLUs where they stand, and left to what follows.
    let run = |round: &dyn Fn(Images) -> Images, late: bool, adaptive: bool| {
        let y = round(x.clone().into());
        let y = super::conv2d(y, weights[0].clone(), None, 2, 1, !late);
        assert_eq!(y.dims(), [19, 5, 5, 4]);
        let pool = MaxPool {
            kernel: 3,
            stride: 1,
            padding: 1,
            ceil: false,
        };
        let y = super::max_pool2d(y, pool, late);
        let branch = |i: usize| Branch {
            weight: weights[i].clone(),
            bias: bias.clone().narrow(0, 0, weights[i].dims()[0]),
            padding: i - 1,
        };
        let y = conv2d_side_by_side(y, [branch(1), branch(2)], !late);
        assert_eq!(y.dims(), [19, 7, 5, 4]);
        let z = super::conv2d(
            y.clone(),
            weights[3].clone(),
            Some(bias.clone()),
            1,
            1,
            false,
        );
        let (z, _) = batch_norm_training(z, [norm_weight.clone(), norm_bias.clone()], 1e-5, false);
        // What is read twice gets the sum of two gradients.
        let sum = add_relu(y, z);
        let pooled = match adaptive {
            true => super::adaptive_avg_pool2d(sum, 1),
            false => super::global_avg_pool(sum),
        };
        let weighted = pooled.clone() * values(pooled.dims(), 9, &device).detach();
        let gradients = weighted.sum().backward();
        let mut found = vec![floats(pooled), floats(x.grad(&gradients).unwrap())];
        found.extend(weights.iter().map(|w| floats(w.grad(&gradients).unwrap())));
        found.extend([&bias, &norm_weight].map(|t| floats(t.grad(&gradients).unwrap())));
        found
    };
    for (late, adaptive) in [(false, false), (false, true), (true, false), (true, true)] {
        let exact = run(&|x| x, late, adaptive);
        let rounded = run(&Images::in_bf16, late, adaptive);
        assert_ne!(exact, rounded);
        for (i, (rounded, exact)) in rounded.iter().zip(&exact).enumerate() {
            // A rounded sum may fall on the other side of a ReLU, and lose or win a whole gradient: where fewer of them
            // make gradients 0, more are passed on.
            let share = if late { 0.07 } else { 0.05 };
            let what = format!("late ReLUs: {late}, adaptive pool: {adaptive}, tensor {i}");
            assert_like(&what, rounded, exact, share);
        }
    }
}

#[test]
fn linear_layers_in_bf16_give_what_they_give_in_f32_but_for_the_rounding() {
    let device = Device::flex().autodiff();
    // Whole vectors, and not.
    for inputs in [48, 50] {
        let run = |linear: &dyn Fn(Tensor<2>, Tensor<2>, Tensor<1>, bool) -> Tensor<2>| {
            let x = values([19, inputs], 1, &device);
            let (w, b) = (values([33, inputs], 2, &device), values([33], 3, &device));
            let y = linear(x.clone(), w.clone(), b.clone(), true);
            let weighted = y.clone() * values(y.dims(), 4, &device).detach();
            let gradients = weighted.sum().backward();
            [
                floats(y),
                floats(x.grad(&gradients).unwrap()),
                floats(w.grad(&gradients).unwrap()),
                floats(b.grad(&gradients).unwrap()),
            ]
        };
        let (exact, rounded) = (run(&super::linear), run(&super::linear_in_bf16));
        for (i, (rounded, exact)) in rounded.iter().zip(&exact).enumerate() {
            // A rounded sum may fall on the other side of the ReLU.
            assert_like(&format!("tensor {i}"), rounded, exact, 0.05);
        }
    }
}

#[test]
fn rounding_and_going_back_is_exact_for_numbers_of_eight_bits() {
    let device = Device::flex().autodiff();
    let x = values([17, 3, 2, 3], 1, &device)
        .mul_scalar(128.0)
        .round()
        .detach();
    let x = x.require_grad();
    let there_and_back = Images::from(x.clone()).in_bf16().in_f32().one_by_one();
    assert_eq!(floats(there_and_back.clone()), floats(x.clone()));
    let gradients = (there_and_back * x.clone().detach()).sum().backward();
    assert_eq!(floats(x.grad(&gradients).unwrap()), floats(x));
}
