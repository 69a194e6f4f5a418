//! One number over several seeds: its mean, its spread, and the interval of the mean.

use std::f64::consts::{FRAC_2_PI, TAU};

#[cfg(feature = "serde")]
use serde::Serialize;

/// The values of some seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize))]
pub struct Spread {
    /// How many seeds.
    pub seeds: usize,
    /// Their mean.
    pub mean: f64,
    /// The standard deviation over seeds (n − 1 in the denominator); `None` for a single value.
    pub sd: Option<f64>,
}

impl Spread {
    /// `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (!values.is_empty()).then(|| Self {
            seeds: values.len(),
            mean,
            sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
        })
    }

    /// Student's interval of the mean; `None` for a single seed. For differences that are paired over seeds this is the
    /// paired t test: the two differ at the level 1 − `confidence` where the interval leaves 0 out.
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let error = self.sd? / (self.seeds as f64).sqrt();
        let reach = error * student_quantile((1.0 - confidence) / 2.0, self.seeds - 1);
        Some((self.mean - reach, self.mean + reach))
    }
}

/// The t that Student's distribution exceeds with the probability `tail`.
pub(crate) fn student_quantile(tail: f64, freedom: usize) -> f64 {
    // Bisected over the angle, in which the distribution has no far tail.
    let (mut low, mut high) = (0.0, TAU / 4.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if (1.0 - student_within(middle, freedom)) / 2.0 > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    (freedom as f64).sqrt() * low.tan()
}

/// P(|T| < √freedom · tan(angle)): the finite sums of Abramowitz & Stegun
/// 26.7.3 (odd degrees of freedom) and 26.7.4 (even).
fn student_within(angle: f64, freedom: usize) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2;
    let (mut term, mut sum) = (if odd == 1 { cos } else { 1.0 }, 0.0);
    let mut power = odd;
    while power + 2 <= freedom {
        sum += term;
        power += 2;
        term *= cos * cos * (power - 1) as f64 / power as f64;
    }
    if odd == 1 {
        FRAC_2_PI * (angle + sin * sum)
    } else {
        sin * sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let rows = [
            (1, 12.706_205),
            (2, 4.302_653),
            (3, 3.182_446),
            (4, 2.776_445),
        ];
        for (freedom, t) in rows.into_iter().chain([(7, 2.364_624), (30, 2.042_272)]) {
            let ours = student_quantile(0.025, freedom);
            assert!(
                (ours - t).abs() < 1e-5,
                "{freedom} degrees of freedom: {ours}"
            );
        }
    }

    /// `scipy.stats.t.interval(0.95, 3, loc=mean, scale=sem([0.90, 0.92, 0.91, 0.95]))`.
    #[test]
    fn the_interval_is_that_of_scipy() {
        let spread = Spread::of(&[0.90, 0.92, 0.91, 0.95]).unwrap();
        assert!((spread.mean - 0.92).abs() < 1e-12);
        assert!((spread.sd.unwrap() - 0.021_602_47).abs() < 1e-8);
        let (low, high) = spread.interval(0.95).unwrap();
        assert!((low - 0.885_625_5).abs() < 1e-6, "{low}");
        assert!((high - 0.954_374_5).abs() < 1e-6, "{high}");
    }

    #[test]
    fn one_seed_has_no_spread_and_none_no_mean() {
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.sd, one.interval(0.95)), (None, None));
        assert_eq!(Spread::of(&[]), None);
    }
}
