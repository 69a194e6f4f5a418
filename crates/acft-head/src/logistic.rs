//! The loss of multinomial logistic regression, its gradient, and its predictions.
//!
//! With rows x, targets t, weights s that sum to 1, `z = W x + b` and `p = softmax(z)`:
//! `loss = Σ s (log Σ_c exp z_c − t · z) + λ/2 ‖W‖²`, `∂W_c = Σ s (p_c − t_c) x + λ W_c`, `∂b_c = Σ s (p_c − t_c)`
//! (Cox 1958; Bishop, *Pattern Recognition and Machine Learning*, 4.3.4, with as many outputs as classes). Biases are free.
//!
//! Features are f32, all sums f64. The loops are plain ones that `pulp` compiles for the vectors of the processor;
//! without fused additions, so that processors agree to the last bit but for `exp` and `ln`. Rows are cut into tasks by
//! their number alone, and the tasks' sums are added in their order.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows of a task at least.
const ROWS: usize = 256;
/// Tasks at most: each has a gradient of its own.
const TASKS: usize = 64;
/// Rows whose part of the gradient is added at once.
const TOGETHER: usize = 4;
/// Partial sums of a product of two rows.
const LANES: usize = 8;

/// Rows with targets: the terms of the loss.
pub(crate) struct Terms<'a> {
    pub(crate) width: usize,
    pub(crate) classes: usize,
    /// `[row][feature]`.
    pub(crate) rows: &'a [f32],
    /// `[owner][class]`.
    pub(crate) targets: &'a [f64],
    /// Of each row: whose target is its own.
    pub(crate) owner: &'a [u32],
    /// Of each owner: the weight of one of its rows.
    pub(crate) weights: &'a [f64],
    /// λ.
    pub(crate) penalty: f64,
}

impl Terms<'_> {
    /// The loss at `x`, `[class][feature]` and then the biases; writes the gradient.
    pub(crate) fn loss(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let arch = Arch::new();
        let task = task_rows(self.owner.len());
        let parts: Vec<(f64, Vec<f64>)> = self
            .rows
            .par_chunks(task * self.width)
            .zip(self.owner.par_chunks(task))
            .map(|(rows, owner)| {
                arch.dispatch(Part {
                    terms: self,
                    x,
                    rows,
                    owner,
                })
            })
            .collect();
        gradient.fill(0.0);
        let mut loss = 0.0;
        for (part, added) in &parts {
            loss += part;
            gradient.iter_mut().zip(added).for_each(|(g, a)| *g += a);
        }
        let weights = self.classes * self.width;
        let mut squares = 0.0;
        for (g, w) in gradient[..weights].iter_mut().zip(x) {
            *g += self.penalty * w;
            squares += w * w;
        }
        loss + 0.5 * self.penalty * squares
    }
}

/// Probabilities of rows, `[row][class]`.
pub(crate) fn probabilities(rows: &[f32], width: usize, classes: usize, x: &[f64]) -> Vec<f64> {
    let arch = Arch::new();
    let mut out = vec![0.0; rows.len() / width * classes];
    out.par_chunks_mut(ROWS * classes)
        .zip(rows.par_chunks(ROWS * width))
        .for_each(|(out, rows)| {
            arch.dispatch(Predict {
                rows,
                out,
                width,
                classes,
                x,
            });
        });
    out
}

fn task_rows(rows: usize) -> usize {
    rows.div_ceil(TASKS).next_multiple_of(TOGETHER).max(ROWS)
}

/// A task: some rows' part of the loss and of its gradient.
struct Part<'a> {
    terms: &'a Terms<'a>,
    x: &'a [f64],
    rows: &'a [f32],
    owner: &'a [u32],
}

impl WithSimd for Part<'_> {
    type Output = (f64, Vec<f64>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let Terms { width, classes, .. } = *self.terms;
        let mut gradient = vec![0.0; classes * (width + 1)];
        let (weights, biases) = gradient.split_at_mut(classes * width);
        let mut loss = 0.0;
        let mut wide = vec![0.0; TOGETHER * width];
        let mut residuals = vec![0.0; TOGETHER * classes];
        let groups = self.rows.chunks(TOGETHER * width);
        for (rows, owners) in groups.zip(self.owner.chunks(TOGETHER)) {
            residuals.fill(0.0);
            for (i, (row, owner)) in rows.chunks_exact(width).zip(owners).enumerate() {
                let wide = &mut wide[i * width..][..width];
                widen(row, wide);
                let p = &mut residuals[i * classes..][..classes];
                logits(wide, self.x, p);
                let owner = *owner as usize;
                let target = &self.terms.targets[owner * classes..][..classes];
                let weight = self.terms.weights[owner];
                let mut expected = 0.0;
                for (z, t) in p.iter().zip(target) {
                    expected += z * t;
                }
                loss += weight * (softmax(p) - expected);
                for ((p, t), b) in p.iter_mut().zip(target).zip(biases.iter_mut()) {
                    *p = weight * (*p - t);
                    *b += *p;
                }
            }
            // What is left in `wide` of an earlier group has residuals of 0.
            for (class, sums) in weights.chunks_exact_mut(width).enumerate() {
                let r = |i: usize| residuals[i * classes + class];
                add_four(sums, &wide, [r(0), r(1), r(2), r(3)]);
            }
        }
        (loss, gradient)
    }
}

struct Predict<'a> {
    rows: &'a [f32],
    out: &'a mut [f64],
    width: usize,
    classes: usize,
    x: &'a [f64],
}

impl WithSimd for Predict<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut wide = vec![0.0; self.width];
        let rows = self.rows.chunks_exact(self.width);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(self.classes)) {
            widen(row, &mut wide);
            logits(&wide, self.x, out);
            softmax(out);
        }
    }
}

#[inline(always)]
fn widen(row: &[f32], out: &mut [f64]) {
    for (out, value) in out.iter_mut().zip(row) {
        *out = f64::from(*value);
    }
}

/// `z = W x + b`.
#[inline(always)]
fn logits(row: &[f64], x: &[f64], out: &mut [f64]) {
    let (weights, biases) = x.split_at(out.len() * row.len());
    for ((z, w), b) in out
        .iter_mut()
        .zip(weights.chunks_exact(row.len()))
        .zip(biases)
    {
        *z = dot(row, w) + b;
    }
}

/// Turns logits into probabilities; gives log Σ exp z.
#[inline(always)]
fn softmax(z: &mut [f64]) -> f64 {
    let mut most = f64::NEG_INFINITY;
    for z in z.iter() {
        most = most.max(*z);
    }
    let mut sum = 0.0;
    for z in z.iter_mut() {
        *z = (*z - most).exp();
        sum += *z;
    }
    for z in z.iter_mut() {
        *z /= sum;
    }
    most + sum.ln()
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut total = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        total += a * b;
    }
    for sum in sums {
        total += sum;
    }
    total
}

/// Adds four rows, each times a factor.
#[inline(always)]
fn add_four(to: &mut [f64], rows: &[f64], factors: [f64; TOGETHER]) {
    let width = to.len();
    let (a, rest) = rows.split_at(width);
    let (b, rest) = rest.split_at(width);
    let (c, d) = rest.split_at(width);
    for ((((to, a), b), c), d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *to += (factors[0] * a + factors[1] * b) + (factors[2] * c + factors[3] * d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (width, classes, owners) = (11, 3, 7);
        // Three patches of each; 21 rows are no multiple of four.
        let rows: Vec<f32> = (0..owners * 3 * width)
            .map(|i| ((i * 37 % 101) as f32) / 50.0 - 1.0)
            .collect();
        let owner: Vec<u32> = (0..owners as u32 * 3).map(|i| i / 3).collect();
        let targets: Vec<f64> = (0..owners)
            .flat_map(|i| match i % 4 {
                3 => [0.2, 0.3, 0.5],
                c => std::array::from_fn(|k| f64::from(u8::from(k == c))),
            })
            .collect();
        let weights: Vec<f64> = (0..owners).map(|i| (i + 1) as f64 / 84.0).collect();
        let terms = Terms {
            width,
            classes,
            rows: &rows,
            targets: &targets,
            owner: &owner,
            weights: &weights,
            penalty: 0.03,
        };
        let x: Vec<f64> = (0..classes * (width + 1))
            .map(|i| ((i * 29 % 17) as f64) / 10.0 - 0.8)
            .collect();
        let mut gradient = vec![0.0; x.len()];
        terms.loss(&x, &mut gradient);
        let mut scrap = vec![0.0; x.len()];
        for i in 0..x.len() {
            let mut at = |step: f64| {
                let mut x = x.clone();
                x[i] += step;
                terms.loss(&x, &mut scrap)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-8,
                "{i}: {slope} {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn tasks_are_whole_groups_and_not_too_many() {
        for rows in [1, 255, 256, 257, 20_000, 123_457] {
            let task = task_rows(rows);
            assert!(task.is_multiple_of(TOGETHER) && rows.div_ceil(task) <= TASKS);
        }
    }
}
