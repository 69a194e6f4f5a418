//! The algorithms F(m, r) along one axis, on whole vectors: m outputs of r taps each from m + r − 1 products, where the
//! plain sums take m · r.
//!
//! Each is Toom and Cook's: a polynomial is told by its values at some points and at infinity (Lavin & Gray 2016, Sec. 4).
//! With four products the points are 0, 1 and −1, and the transforms only add. With six they are 0, 1, −1, 2 and −½, which
//! lose fewer digits than 0, ±1 and ±2 (on such points see Barabasz et al., *Error Analysis and Improving the Accuracy of
//! Winograd Convolution for Deep Neural Networks*, arXiv:1803.10986). What inputs become depends on the points alone.

use crate::lanes::LANES;

pub(super) type Vector = [f32; LANES];

/// One axis of F(`M`, `R`), from `P` products.
pub(super) trait Axis<const P: usize, const M: usize, const R: usize> {
    /// G: what the taps become, a row of each product.
    const KERNEL: [[f32; R]; P];

    /// Bᵀ d: what a tile of inputs becomes.
    fn spread(d: &[Vector; P]) -> [Vector; P];

    /// Aᵀ p: the outputs from the products.
    fn gather(p: &[Vector; P]) -> [Vector; M];

    /// A y, the adjoint of [`Axis::gather`].
    fn spread_back(y: &[Vector; M]) -> [Vector; P];
}

/// F(2, 3).
pub(super) struct TwoOfThree;

/// F(4, 3).
pub(super) struct FourOfThree;

/// F(2, 5).
pub(super) struct TwoOfFive;

impl Axis<4, 2, 3> for TwoOfThree {
    const KERNEL: [[f32; 3]; 4] = [
        [1., 0., 0.],
        [0.5, 0.5, 0.5],
        [0.5, -0.5, 0.5],
        [0., 0., 1.],
    ];

    #[inline(always)]
    fn spread(d: &[Vector; 4]) -> [Vector; 4] {
        [
            sub(&d[0], &d[2]),
            add(&d[1], &d[2]),
            sub(&d[2], &d[1]),
            sub(&d[1], &d[3]),
        ]
    }

    #[inline(always)]
    fn gather(p: &[Vector; 4]) -> [Vector; 2] {
        [
            add(&add(&p[0], &p[1]), &p[2]),
            sub(&sub(&p[1], &p[2]), &p[3]),
        ]
    }

    #[inline(always)]
    fn spread_back(y: &[Vector; 2]) -> [Vector; 4] {
        [y[0], add(&y[0], &y[1]), sub(&y[0], &y[1]), y[1].map(|v| -v)]
    }
}

impl Axis<6, 4, 3> for FourOfThree {
    const KERNEL: [[f32; 3]; 6] = [
        [1., 0., 0.],
        [-1. / 3., -1. / 3., -1. / 3.],
        [1. / 3., -1. / 3., 1. / 3.],
        [1. / 15., 2. / 15., 4. / 15.],
        [-16. / 15., 8. / 15., -4. / 15.],
        [0., 0., 1.],
    ];

    #[inline(always)]
    fn spread(d: &[Vector; 6]) -> [Vector; 6] {
        six(d)
    }

    #[inline(always)]
    fn gather(p: &[Vector; 6]) -> [Vector; 4] {
        let (sum, difference) = (add(&p[1], &p[2]), sub(&p[1], &p[2]));
        let odd = |two: f32, half: f32| plus(&plus(&difference, two, &p[3]), half, &p[4]);
        let even = |two: f32, half: f32| plus(&plus(&sum, two, &p[3]), half, &p[4]);
        [
            add(&even(1., 1.), &p[0]),
            odd(2., -0.5),
            even(4., 0.25),
            add(&odd(8., -0.125), &p[5]),
        ]
    }

    #[inline(always)]
    fn spread_back(y: &[Vector; 4]) -> [Vector; 6] {
        let (even, odd) = (add(&y[0], &y[2]), add(&y[1], &y[3]));
        [
            y[0],
            add(&even, &odd),
            sub(&even, &odd),
            plus(&plus(&plus(&y[0], 2., &y[1]), 4., &y[2]), 8., &y[3]),
            plus(&plus(&plus(&y[0], -0.5, &y[1]), 0.25, &y[2]), -0.125, &y[3]),
            y[3],
        ]
    }
}

impl Axis<6, 2, 5> for TwoOfFive {
    const KERNEL: [[f32; 5]; 6] = [
        [1., 0., 0., 0., 0.],
        [-1. / 3.; 5],
        [1. / 3., -1. / 3., 1. / 3., -1. / 3., 1. / 3.],
        [1. / 15., 2. / 15., 4. / 15., 8. / 15., 16. / 15.],
        [-16. / 15., 8. / 15., -4. / 15., 2. / 15., -1. / 15.],
        [0., 0., 0., 0., 1.],
    ];

    #[inline(always)]
    fn spread(d: &[Vector; 6]) -> [Vector; 6] {
        six(d)
    }

    #[inline(always)]
    fn gather(p: &[Vector; 6]) -> [Vector; 2] {
        let (sum, difference) = (add(&p[1], &p[2]), sub(&p[1], &p[2]));
        [
            add(&add(&p[0], &sum), &add(&p[3], &p[4])),
            add(&plus(&plus(&difference, 2., &p[3]), -0.5, &p[4]), &p[5]),
        ]
    }

    #[inline(always)]
    fn spread_back(y: &[Vector; 2]) -> [Vector; 6] {
        [
            y[0],
            add(&y[0], &y[1]),
            sub(&y[0], &y[1]),
            plus(&y[0], 2., &y[1]),
            plus(&y[0], -0.5, &y[1]),
            y[1],
        ]
    }
}

/// Bᵀ d of the points 0, 1, −1, 2, −½ and infinity. Row i holds the coefficients of the product of x − a over all
/// points a but the i-th:
///
/// ```text
///  1   3/2   −2  −3/2    1   0
///  0   −1  −5/2  −1/2    1   0
///  0    1   1/2  −5/2    1   0
///  0  −1/2  −1    1/2    1   0
///  0    2   −1    −2     1   0
///  0    1   3/2   −2   −3/2  1
/// ```
#[inline(always)]
fn six(d: &[Vector; 6]) -> [Vector; 6] {
    let (even, odd) = (sub(&d[4], &d[2]), sub(&d[3], &d[1]));
    let (s, t) = (plus(&even, -1.5, &d[3]), plus(&odd, -1.5, &d[2]));
    [
        plus(&add(&sub(&d[0], &d[2]), &even), -1.5, &odd),
        add(&s, &t),
        sub(&s, &t),
        plus(&even, 0.5, &odd),
        plus(&even, -2., &odd),
        plus(&sub(&sub(&d[5], &d[3]), &odd), -1.5, &even),
    ]
}

#[inline(always)]
fn add(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|i| a[i] + b[i])
}

#[inline(always)]
fn sub(a: &Vector, b: &Vector) -> Vector {
    std::array::from_fn(|i| a[i] - b[i])
}

/// `a + factor · b`.
#[inline(always)]
fn plus(a: &Vector, factor: f32, b: &Vector) -> Vector {
    std::array::from_fn(|i| a[i] + factor * b[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exact in f32, and different.
    fn some<const N: usize>(seed: usize) -> [Vector; N] {
        std::array::from_fn(|i| {
            std::array::from_fn(|l| ((i * 37 + l * 11 + seed) % 19) as f32 - 9.)
        })
    }

    fn dot(a: &[Vector], b: &[Vector], lane: usize) -> f64 {
        let pairs = a.iter().zip(b);
        pairs
            .map(|(a, b)| f64::from(a[lane]) * f64::from(b[lane]))
            .sum()
    }

    /// The outputs are the sums over the taps, and what is called an adjoint is one.
    fn is_a_convolution<const P: usize, const M: usize, const R: usize, A: Axis<P, M, R>>() {
        let (d, y) = (some::<P>(1), some::<M>(3));
        let g: [f32; R] = std::array::from_fn(|k| k as f32 * 2.0 - 3.0);
        let points = A::spread(&d);
        let products = std::array::from_fn(|p| {
            let kernel: f32 = A::KERNEL[p].iter().zip(&g).map(|(a, g)| a * g).sum();
            points[p].map(|v| v * kernel)
        });
        for (m, output) in A::gather(&products).iter().enumerate() {
            for (lane, output) in output.iter().enumerate() {
                let expected: f32 = (0..R).map(|k| g[k] * d[m + k][lane]).sum();
                assert!((output - expected).abs() < 1e-4, "{output} for {expected}");
            }
        }
        let (gathered, back) = (A::gather(&d), A::spread_back(&y));
        for lane in 0..LANES {
            assert_eq!(dot(&gathered, &y, lane), dot(&d, &back, lane));
        }
    }

    #[test]
    fn products_at_points_make_convolutions() {
        is_a_convolution::<4, 2, 3, TwoOfThree>();
        is_a_convolution::<6, 4, 3, FourOfThree>();
        is_a_convolution::<6, 2, 5, TwoOfFive>();
    }
}
