//! Eq. 4: the batch is drawn from the best of the ranking, at random in
//! proportion to how far each stands above the last of them.

use crate::random::Stream;

/// The window: how many of the best the batch is drawn from,
/// min(⌊ω b⌋, pool), and never fewer than min(b, pool).
pub fn window_len(omega: f64, batch: usize, pool: usize) -> usize {
    let wide = (omega * batch as f64).floor() as usize;
    wide.max(batch).min(pool)
}

/// Eq. 4: the window's scores (descending) shifted and scaled to [0, 1] by
/// its last and first, and normalised to sum 1. Where all are equal the
/// formula would be 0/0; the weights are uniform then.
pub fn weights(scores: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (scores.first(), scores.last()) else {
        return Vec::new();
    };
    let range = first - last;
    if range <= 0.0 {
        return vec![1.0 / scores.len() as f64; scores.len()];
    }
    let scaled: Vec<f64> = scores.iter().map(|a| (a - last) / range).collect();
    let sum: f64 = scaled.iter().sum();
    scaled.into_iter().map(|a| a / sum).collect()
}

/// Draws `count` of the indices of `weights`, one after the other and without
/// replacement, each time in proportion to the weights that are left; when
/// only weights of 0 are left, uniformly. In draw order.
pub fn draw(weights: &[f64], count: usize, rng: &mut Stream) -> Vec<usize> {
    let mut left: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
    let mut drawn = Vec::with_capacity(count.min(left.len()));
    while drawn.len() < count && !left.is_empty() {
        let total: f64 = left.iter().map(|(_, w)| w).sum();
        let at = if total > 0.0 {
            pick(&left, rng.uniform() * total)
        } else {
            rng.below(left.len())
        };
        // `remove`, not `swap_remove`: the order of what is left must not
        // depend on what was drawn.
        drawn.push(left.remove(at).0);
    }
    drawn
}

/// The entry in whose share of the cumulative weights `target` falls.
fn pick(left: &[(usize, f64)], target: f64) -> usize {
    let mut sum = 0.0;
    let mut last_positive = 0;
    for (at, (_, weight)) in left.iter().enumerate() {
        if *weight > 0.0 {
            sum += weight;
            last_positive = at;
            if target < sum {
                return at;
            }
        }
    }
    // Rounding may leave the target at the very end of the line.
    last_positive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};
    use proptest::prelude::*;

    #[test]
    fn window_clips_to_the_pool_and_holds_a_batch() {
        for (omega, batch, pool, expected) in [
            (5.0, 20, 1000, 100),
            (5.0, 20, 60, 60),
            (1.0, 20, 1000, 20),
            (1.25, 10, 1000, 12),
            (0.5, 20, 1000, 20),
            (5.0, 20, 7, 7),
        ] {
            assert_eq!(window_len(omega, batch, pool), expected);
        }
    }

    #[test]
    fn equal_scores_are_drawn_uniformly() {
        assert_eq!(weights(&[3.0; 4]), [0.25; 4]);
        assert!(weights(&[]).is_empty());
    }

    #[test]
    fn the_last_of_the_window_has_weight_zero_and_comes_last() {
        let w = weights(&[4.0, 3.0, 1.0]);
        assert!((w[0] - 0.6).abs() < 1e-12 && (w[1] - 0.4).abs() < 1e-12);
        assert_eq!(w[2], 0.0);
        for seed in 0..50 {
            let drawn = draw(&w, 3, &mut stream(seed, 1, Purpose::Draw));
            assert_eq!(drawn[2], 2);
        }
    }

    /// The first draw follows Eq. 4: within 5 standard errors over 20,000 draws.
    #[test]
    fn first_draws_follow_eq_4() {
        let w = weights(&[9.0, 7.0, 6.5, 2.0, 1.0]);
        let n = 20_000;
        let mut counts = [0u32; 5];
        for seed in 0..n {
            counts[draw(&w, 1, &mut stream(seed, 3, Purpose::Draw))[0]] += 1;
        }
        for (count, w) in counts.iter().zip(&w) {
            let expected = n as f64 * w;
            let standard_error = (n as f64 * w * (1.0 - w)).sqrt();
            assert!(
                (f64::from(*count) - expected).abs() <= 5.0 * standard_error,
                "{counts:?} against {w}"
            );
        }
    }

    proptest! {
        #[test]
        fn draws_are_without_replacement(
            mut scores in prop::collection::vec(0.0..10.0f64, 1..60),
            count in 0usize..80,
            seed: u64,
        ) {
            scores.sort_by(|a, b| b.total_cmp(a));
            let w = weights(&scores);
            prop_assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let drawn = draw(&w, count, &mut stream(seed, 1, Purpose::Draw));
            prop_assert_eq!(drawn.len(), count.min(scores.len()));
            let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
            prop_assert_eq!(distinct.len(), drawn.len());
            prop_assert_eq!(&drawn, &draw(&w, count, &mut stream(seed, 1, Purpose::Draw)));
        }
    }
}
