//! Fully connected layers against the plain sums, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Activation, Isa, Linear, linear, linear_backward_data, linear_backward_data_in_bf16,
    linear_backward_weights, linear_backward_weights_in_bf16, linear_in_bf16,
};
use common::{assert_close, values};
use proptest::prelude::*;

fn check(shape: &Linear) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    let (x, w) = (values(batch * inputs, 1), values(inputs * outputs, 2));
    let (bias, dy) = (values(outputs, 3), values(batch * outputs, 4));
    let mut y: Vec<f64> = (0..batch * outputs)
        .map(|i| f64::from(bias[i % outputs]))
        .collect();
    let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; outputs]);
    for b in 0..batch {
        for n in 0..outputs {
            let g = f64::from(dy[b * outputs + n]);
            db[n] += g;
            for k in 0..inputs {
                let (x, w) = (f64::from(x[b * inputs + k]), f64::from(w[n * inputs + k]));
                y[b * outputs + n] += x * w;
                dx[b * inputs + k] += g * w;
                dw[n * inputs + k] += g * x;
            }
        }
    }
    let rectified: Vec<f64> = y.iter().map(|v| v.max(0.0)).collect();
    for isa in Isa::available() {
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        let mut out = vec![f32::NAN; y.len()];
        linear(
            isa,
            shape,
            &x,
            &w,
            Some(&bias),
            Activation::Identity,
            &mut out,
        );
        assert_close(&what("y"), &out, &y);
        linear(isa, shape, &x, &w, Some(&bias), Activation::Relu, &mut out);
        assert_close(&what("relu(y)"), &out, &rectified);
        let mut out = vec![f32::NAN; x.len()];
        linear_backward_data(isa, shape, &dy, &w, &mut out);
        assert_close(&what("dx"), &out, &dx);
        let (mut out, mut out_bias) = (vec![f32::NAN; w.len()], vec![f32::NAN; outputs]);
        linear_backward_weights(isa, shape, &x, &dy, &mut out, Some(&mut out_bias));
        assert_close(&what("dw"), &out, &dw);
        assert_close(&what("db"), &out_bias, &db);
    }
}

/// The numbers of the layer rounded to bf16 beforehand: what the functions round is then what it was.
fn check_rounded(shape: &Linear) {
    let &Linear {
        batch,
        inputs,
        outputs,
    } = shape;
    let rounded = |n: usize, seed: u64| -> Vec<f32> {
        let values = values(n, seed).into_iter();
        values
            .map(|v| f32::from_bits(v.to_bits() & 0xffff_0000))
            .collect()
    };
    let (x, w) = (rounded(batch * inputs, 1), rounded(inputs * outputs, 2));
    let (bias, dy) = (values(outputs, 3), rounded(batch * outputs, 4));
    let exact = |values: Vec<f32>| -> Vec<f64> { values.into_iter().map(f64::from).collect() };
    let portable = *Isa::available().last().unwrap();
    let mut plain = [x.clone(), w.clone(), bias.clone(), dy.clone()].map(|v| vec![0.0; v.len()]);
    let [dx, dw, db, y] = &mut plain;
    linear(portable, shape, &x, &w, Some(&bias), Activation::Relu, y);
    linear_backward_data(portable, shape, &dy, &w, dx);
    linear_backward_weights(portable, shape, &x, &dy, dw, Some(db));
    let [dx, dw, db, y] = plain.map(exact);
    for isa in Isa::available() {
        let what = |part: &str| format!("{part} of {shape:?} with {isa:?}");
        let mut out = vec![f32::NAN; y.len()];
        linear_in_bf16(isa, shape, &x, &w, &bias, Activation::Relu, &mut out);
        assert_close(&what("relu(y)"), &out, &y);
        let mut out = vec![f32::NAN; x.len()];
        linear_backward_data_in_bf16(isa, shape, &dy, &w, &mut out);
        assert_close(&what("dx"), &out, &dx);
        let (mut out, mut out_bias) = (vec![f32::NAN; w.len()], vec![f32::NAN; outputs]);
        linear_backward_weights_in_bf16(isa, shape, &x, &dy, &mut out, &mut out_bias);
        assert_close(&what("dw"), &out, &dw);
        assert_close(&what("db"), &out_bias, &db);
    }
}

#[test]
fn rounded_factors_give_what_they_give_in_f32() {
    for (batch, inputs, outputs) in [
        (128, 320, 259),
        (33, 144, 131),
        (1, 16, 1),
        (7, 272, 2),
        (40, 33, 9),
        (0, 16, 2),
        (3, 0, 2),
        (3, 16, 0),
    ] {
        check_rounded(&Linear {
            batch,
            inputs,
            outputs,
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_rounded_shape(batch in 1usize..70, vectors in 1usize..20, outputs in 1usize..200) {
        check_rounded(&Linear { batch, inputs: 16 * vectors, outputs });
    }

    #[test]
    fn any_shape(batch in 1usize..30, inputs in 1usize..90, outputs in 1usize..110) {
        check(&Linear { batch, inputs, outputs });
    }
}

/// A product's last columns, rows and terms are no whole vectors, panels and depths; and there may be none at all.
#[test]
fn sizes_around_those_of_the_parts_that_are_worked_on() {
    for (batch, inputs, outputs) in [
        (300, 100, 130),
        (129, 770, 5),
        (257, 1550, 3),
        (9, 48, 259),
        (0, 3, 2),
        (3, 0, 2),
        (3, 2, 0),
    ] {
        check(&Linear {
            batch,
            inputs,
            outputs,
        });
    }
}

#[test]
fn long_sums_and_single_outputs() {
    check(&Linear {
        batch: 17,
        inputs: 4099,
        outputs: 2,
    });
    check(&Linear {
        batch: 1,
        inputs: 512,
        outputs: 1000,
    });
    check(&Linear {
        batch: 801,
        inputs: 5,
        outputs: 49,
    });
}
