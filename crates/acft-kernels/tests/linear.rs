//! Fully connected layers against the plain sums, on every instruction set of this machine.

mod common;

use acft_kernels::{
    Activation, Isa, Linear, linear, linear_backward_data, linear_backward_weights,
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

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
        inputs: 1021,
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
