//! How far out a percentile interval must reach when it rests on few seeds.

use std::f64::consts::{FRAC_2_PI, TAU};

/// The tail of resampled means at which a percentile interval is as wide as
/// Student's t interval of `units` independent values:
/// Φ(−√(n / (n − 1)) · t), with t the upper `tail` quantile at n − 1 degrees of
/// freedom (Hesterberg 2015, "What Teachers Should Know About the Bootstrap").
/// The root mends the bootstrap's division by n, and t the unknown variance.
pub(super) fn expanded_tail(tail: f64, units: usize) -> f64 {
    // From here on the expansion is less than the noise of the replicates.
    if !(2..=500).contains(&units) {
        return tail;
    }
    let n = units as f64;
    normal_tail((n / (n - 1.0)).sqrt() * student_quantile(tail, units - 1))
}

/// The t that Student's distribution exceeds with the probability `tail`.
fn student_quantile(tail: f64, freedom: usize) -> f64 {
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

/// P(Z > z) for z ≥ 0, within 7.5e-8 (Abramowitz & Stegun 26.2.17).
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [
        1.330_274_429,
        -1.821_255_978,
        1.781_477_937,
        -0.356_563_782,
        0.319_381_530,
    ];
    let sum = series
        .iter()
        .fold(0.0, |sum, coefficient| t * (sum + coefficient));
    (-z * z / 2.0).exp() / TAU.sqrt() * sum
}

#[cfg(test)]
mod tests {
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
        for (z, tail) in [(0.0, 0.5), (1.959_964, 0.025), (3.0, 0.001_349_898)] {
            assert!(
                (normal_tail(z) - tail).abs() < 1e-7,
                "{z}: {}",
                normal_tail(z)
            );
        }
    }

    #[test]
    fn the_tail_shrinks_with_few_seeds_and_comes_back_with_many() {
        let five = expanded_tail(0.025, 5);
        assert!((five - 0.000_955).abs() < 1e-5, "{five}");
        assert!((expanded_tail(0.025, 500) - 0.025).abs() < 5e-4);
        assert_eq!(expanded_tail(0.025, 1), 0.025);
    }
}
