//! How far out a percentile interval must reach when it rests on few seeds.

use std::f64::consts::TAU;

use crate::seeds::student_quantile;

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
