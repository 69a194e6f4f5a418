//! Adam against the paper's formula in `f64`.

mod common;

use acft_kernels::{Adam, Isa, Moments};
use common::{assert_close, values};

#[test]
fn ten_steps_follow_the_formula() {
    // More than one chunk, and a rim that fills no vector.
    let n = (1 << 14) + 13;
    let settings = Adam::default();
    let (b1, b2) = (f64::from(settings.beta1), f64::from(settings.beta2));
    for isa in Isa::available() {
        let mut p = values(n, 1);
        let (mut m, mut v) = (vec![0.0f32; n], vec![0.0f32; n]);
        let mut expected: Vec<f64> = p.iter().map(|&p| f64::from(p)).collect();
        let (mut em, mut ev) = (vec![0.0f64; n], vec![0.0f64; n]);
        for time in 1..=10 {
            // Gradients of very different sizes, zeros among them.
            let mut g = values(n, 10 + u64::from(time));
            g.iter_mut()
                .enumerate()
                .for_each(|(i, g)| *g *= [0.0, 1e-6, 1.0, 1e3][i % 4]);
            let moments = Moments {
                first: &mut m,
                second: &mut v,
            };
            settings.step(isa, 1e-2, time, &mut p, &g, moments);
            for i in 0..n {
                let g = f64::from(g[i]);
                em[i] = b1 * em[i] + (1.0 - b1) * g;
                ev[i] = b2 * ev[i] + (1.0 - b2) * g * g;
                let (mean, square) = (
                    em[i] / (1.0 - b1.powi(time as i32)),
                    ev[i] / (1.0 - b2.powi(time as i32)),
                );
                expected[i] -= 1e-2 * mean / (square.sqrt() + 1e-8);
            }
        }
        assert_close(&format!("parameters with {isa:?}"), &p, &expected);
    }
}

#[test]
#[should_panic(expected = "`g` has 3 elements, but the shapes call for 4")]
fn a_short_gradient_is_named() {
    let moments = Moments {
        first: &mut [0.0; 4],
        second: &mut [0.0; 4],
    };
    Adam::default().step(Isa::best(), 0.1, 1, &mut [0.0; 4], &[0.0; 3], moments);
}
