//! L-BFGS: the minimum of a smooth function of many variables, from its values and gradients.
//!
//! The direction is `−H g` by the two-loop recursion over the last [`Settings::memory`] steps (Nocedal 1980; Liu & Nocedal
//! 1989; Nocedal & Wright, *Numerical Optimization*, 2nd ed., Alg. 7.4), the length of a step by a line search for the
//! strong Wolfe conditions (ibid., Alg. 3.5 and 3.6, with cubic interpolation).
//!
//! Near a minimum a step lowers the value by about `gradient² / curvature`. Once that is less than the value's rounding,
//! values say nothing more, while the gradient still has many digits: at a value of 1 this happens where the gradient is
//! near 1e-8. There the search goes by slopes alone, as the approximate Wolfe conditions do (Hager & Zhang, *A new
//! conjugate gradient method with guaranteed descent and an efficient line search*, SIAM J. Optim. 16, 2005, sec. 4).
//!
//! It is written here and not taken from `argmin`, the best-kept crate that has it: what is needed is some hundred lines
//! without a choice of back ends, and a warm start that ends when the gradient is small at the very start; argmin brings
//! an executor with observers and checkpoints, and several crates with it. Everything is a sum in a fixed order.

/// When to stop, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps at most.
    pub steps: usize,
    /// No component of the gradient is larger than this at a minimum.
    pub gradient: f64,
    /// Steps whose curvature is remembered.
    pub memory: usize,
}

/// Why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The gradient is as small as asked for.
    Converged,
    /// All steps were taken.
    Steps,
    /// No step along the direction lowers the value: rounding is all that is left.
    Stuck,
}

/// Where it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Minimum {
    /// The place.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The largest component of the gradient there.
    pub gradient: f64,
    /// Steps taken.
    pub steps: usize,
    /// How often the function was evaluated.
    pub evaluations: usize,
    /// Why it stopped.
    pub ended: Ended,
}

/// Sufficient decrease, c₁.
const DECREASE: f64 = 1e-4;
/// Curvature, c₂.
const CURVATURE: f64 = 0.9;
/// Values that differ by less than this, in parts of the value, may differ by rounding only: some hundred times the
/// precision of f64, as a value is a sum of many terms.
const ROUNDING: f64 = 1e-13;
/// Evaluations of a line search.
const TRIES: usize = 20;

/// The minimum of `function` from `x` on, which gives the value and writes the gradient.
///
/// ```
/// use acft_head::{Ended, LbfgsSettings, minimise};
///
/// let settings = LbfgsSettings { steps: 50, gradient: 1e-9, memory: 10 };
/// let found = minimise(&settings, vec![-1.2, 1.0], |x, g| {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     g[0] = -2.0 * a - 400.0 * x[0] * b;
///     g[1] = 200.0 * b;
///     a * a + 100.0 * b * b
/// });
/// assert_eq!(found.ended, Ended::Converged);
/// assert!((found.x[0] - 1.0).abs() < 1e-6 && (found.x[1] - 1.0).abs() < 1e-6);
/// ```
pub fn minimise(
    settings: &Settings,
    x: Vec<f64>,
    function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let mut counted = Counted {
        function,
        evaluations: 0,
    };
    let mut here = counted.at(x);
    let mut memory = Memory::new(settings.memory);
    let mut steps = 0;
    let ended = loop {
        if largest(&here.gradient) <= settings.gradient {
            break Ended::Converged;
        }
        if steps == settings.steps {
            break Ended::Steps;
        }
        let mut direction = memory.direction(&here.gradient);
        if dot(&direction, &here.gradient) >= 0.0 {
            memory.forget();
            direction = memory.direction(&here.gradient);
        }
        let first = match memory.is_empty() {
            true => (1.0 / dot(&here.gradient, &here.gradient).sqrt()).min(1.0),
            false => 1.0,
        };
        match counted.search(&here, &direction, first) {
            Some(next) => {
                memory.remember(&here, &next);
                here = next;
                steps += 1;
            }
            // Once more, straight down.
            None if !memory.is_empty() => memory.forget(),
            None => break Ended::Stuck,
        }
    };
    Minimum {
        value: here.value,
        gradient: largest(&here.gradient),
        x: here.x,
        steps,
        evaluations: counted.evaluations,
        ended,
    }
}

/// A place, with the function's value and gradient.
#[derive(Clone)]
struct Place {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

struct Counted<F> {
    function: F,
    evaluations: usize,
}

/// A step of some length: where it leads, and the slope along the direction there.
struct Step {
    length: f64,
    place: Place,
    slope: f64,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> Counted<F> {
    fn at(&mut self, x: Vec<f64>) -> Place {
        let mut gradient = vec![0.0; x.len()];
        let value = (self.function)(&x, &mut gradient);
        self.evaluations += 1;
        Place { x, value, gradient }
    }

    fn step(&mut self, from: &Place, direction: &[f64], length: f64) -> Step {
        let x = from.x.iter().zip(direction).map(|(x, d)| x + length * d);
        let place = self.at(x.collect());
        let slope = dot(&place.gradient, direction);
        Step {
            length,
            place,
            slope,
        }
    }

    /// A place along `direction` that meets the strong Wolfe conditions, or the approximate ones where only rounding is
    /// left of the value; after [`TRIES`], one that is lower at least.
    fn search(&mut self, from: &Place, direction: &[f64], first: f64) -> Option<Place> {
        let slope = dot(&from.gradient, direction);
        let rounding = ROUNDING * from.value.abs();
        let enough = |step: &Step| step.place.value <= from.value + DECREASE * step.length * slope;
        let flat = |step: &Step| step.slope.abs() <= CURVATURE * slope.abs();
        let alike = |step: &Step| (step.place.value - from.value).abs() <= rounding;
        let mut low = Step {
            length: 0.0,
            place: from.clone(),
            slope,
        };
        let mut high: Option<Step> = None;
        let mut length = first;
        for _ in 0..TRIES {
            let step = self.step(from, direction, length);
            if alike(&step) && alike(&low) {
                if flat(&step) {
                    return Some(step.place);
                }
                // The minimum lies where the slope turns.
                match step.slope * low.slope > 0.0 {
                    true => low = step,
                    false => high = Some(step),
                }
            } else if !enough(&step) || step.place.value >= low.place.value {
                high = Some(step);
            } else if flat(&step) {
                return Some(step.place);
            } else {
                // The minimum lies on the side to which the function falls.
                let forward = match &high {
                    Some(high) => high.length - low.length,
                    None => 1.0,
                };
                let old = std::mem::replace(&mut low, step);
                if low.slope * forward >= 0.0 {
                    high = Some(old);
                }
            }
            length = match &high {
                Some(high) => between(&low, high, rounding),
                None => 2.0 * low.length,
            };
        }
        (low.length > 0.0).then_some(low.place)
    }
}

/// The minimum of the cubic through two steps, or of the parabola by their slopes where their values differ by rounding
/// only; kept away from both steps; the middle where there is none.
fn between(low: &Step, high: &Step, rounding: f64) -> f64 {
    let (a, b) = (low.length, high.length);
    let fall = low.place.value - high.place.value;
    let best = match fall.abs() <= rounding {
        true => a + (b - a) * low.slope / (low.slope - high.slope),
        false => {
            let d1 = low.slope + high.slope - 3.0 * fall / (a - b);
            // There is no minimum if this is below 0: the root is then NaN, which lies nowhere.
            let d2 = (b - a).signum() * (d1 * d1 - low.slope * high.slope).sqrt();
            b - (b - a) * (high.slope + d2 - d1) / (high.slope - low.slope + 2.0 * d2)
        }
    };
    let margin = 0.1 * (b - a).abs();
    let (near, far) = (a.min(b) + margin, a.max(b) - margin);
    match best >= near && best <= far {
        true => best,
        false => 0.5 * (a + b),
    }
}

/// The last steps: `s = x' − x`, `y = g' − g` and `1/(y·s)`.
struct Memory {
    size: usize,
    steps: Vec<(Vec<f64>, Vec<f64>, f64)>,
}

impl Memory {
    fn new(size: usize) -> Self {
        let steps = Vec::new();
        Self { size, steps }
    }

    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn forget(&mut self) {
        self.steps.clear();
    }

    fn remember(&mut self, from: &Place, to: &Place) {
        let s = difference(&to.x, &from.x);
        let y = difference(&to.gradient, &from.gradient);
        let product = dot(&s, &y);
        // Rounding can make a convex function look otherwise: such a step says nothing of its curvature.
        if product <= f64::EPSILON * dot(&y, &y) {
            return;
        }
        if self.steps.len() == self.size.max(1) {
            self.steps.remove(0);
        }
        self.steps.push((s, y, 1.0 / product));
    }

    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.steps.len());
        for (s, y, rho) in self.steps.iter().rev() {
            let alpha = rho * dot(s, &q);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some((s, y, _)) = self.steps.last() {
            let scale = dot(s, y) / dot(y, y);
            q.iter_mut().for_each(|q| *q *= scale);
        }
        for ((s, y, rho), alpha) in self.steps.iter().zip(alphas.iter().rev()) {
            let beta = rho * dot(y, &q);
            add(&mut q, alpha - beta, s);
        }
        q
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, row: &[f64]) {
    to.iter_mut().zip(row).for_each(|(to, r)| *to += factor * r);
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(gradient: f64) -> Settings {
        Settings {
            steps: 500,
            gradient,
            memory: 10,
        }
    }

    /// `offset + Σ c (x − i)² / 2`, whose values are rounded to the precision of `offset`, and its gradient, which is not.
    fn valley(offset: f64, curvatures: &[f64]) -> impl FnMut(&[f64], &mut [f64]) -> f64 {
        move |x, g| {
            let mut sum = 0.0;
            for (i, c) in curvatures.iter().enumerate() {
                let d = x[i] - i as f64;
                g[i] = c * d;
                sum += 0.5 * c * d * d;
            }
            offset + sum
        }
    }

    #[test]
    fn rounding_of_the_value_does_not_end_the_search() {
        let curvatures = [1e-3, 0.01, 0.3, 1.0, 7.0, 20.0];
        for offset in [0.0, 1.0, -1.0, 1e6] {
            let found = minimise(&settings(1e-11), vec![3.0; 6], valley(offset, &curvatures));
            assert_eq!(found.ended, Ended::Converged, "{offset}: {found:?}");
            for (i, x) in found.x.iter().enumerate() {
                assert!((x - i as f64).abs() < 1e-7, "{offset}: {found:?}");
            }
        }
    }

    #[test]
    fn a_gradient_that_no_step_makes_smaller_ends_it() {
        // |x| has a slope of 1 on both sides of its minimum.
        let found = minimise(&settings(1e-9), vec![0.7], |x, g| {
            g[0] = x[0].signum();
            x[0].abs()
        });
        assert_eq!(found.ended, Ended::Stuck);
        assert!(found.value < 1e-3, "{found:?}");
    }

    #[test]
    fn no_step_is_taken_where_the_gradient_is_small_already() {
        let found = minimise(&settings(0.1), vec![0.05], |x, g| {
            g[0] = x[0];
            0.5 * x[0] * x[0]
        });
        assert_eq!((found.steps, found.evaluations), (0, 1));
        assert_eq!(found.ended, Ended::Converged);
    }
}
