//! The prediction patterns of the paper's Table 1: seven ways in which a network's predictions spread over
//! the patches of one candidate.
//!
//! The paper describes them by words. Here a candidate has the pattern whose row of Table 1 its predictions are nearest
//! to: by the mean distance between the two distributions' quantiles (the first Wasserstein distance), so that the
//! number of patches does not matter. Each row of the table has its own pattern.

use std::fmt;

/// A pattern of the probabilities that the patches of a candidate give to one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Near ½: uncertain.
    A,
    /// All over 0 to 1: uncertain, and inconsistent.
    B,
    /// At both ends: inconsistent; what the paper's diversity seeks, and where noisy patches lie.
    C,
    /// Near 0: certain.
    D,
    /// Near 1: certain.
    E,
    /// Near 0, with outliers at 1.
    F,
    /// Near 1, with outliers at 0.
    G,
}

/// The rows of Table 1, ascending, in tenths.
const TABLE: [(Pattern, [u8; 11]); 7] = [
    (Pattern::A, [4, 4, 4, 5, 5, 5, 5, 5, 5, 6, 6]),
    (Pattern::B, [0, 1, 2, 3, 4, 4, 6, 7, 8, 10, 10]),
    (Pattern::C, [0, 0, 0, 1, 1, 9, 9, 10, 10, 10, 10]),
    (Pattern::D, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
    (Pattern::E, [9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10]),
    (Pattern::F, [0, 0, 1, 1, 1, 1, 2, 2, 3, 9, 10]),
    (Pattern::G, [0, 1, 7, 8, 8, 9, 9, 9, 9, 10, 10]),
];

impl Pattern {
    /// All of them, A to G.
    pub const ALL: [Self; 7] = [
        Self::A,
        Self::B,
        Self::C,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
    ];

    /// The pattern of a candidate whose patches have these probabilities, in any order; of two that are equally near,
    /// the earlier letter. `None` without patches, or where a probability is NaN.
    pub fn of(probabilities: &[f64]) -> Option<Self> {
        let mut sorted = probabilities.to_vec();
        sorted.sort_by(f64::total_cmp);
        if sorted.iter().any(|p| p.is_nan()) || sorted.is_empty() {
            return None;
        }
        let mut nearest = (f64::INFINITY, Self::A);
        for (pattern, row) in TABLE {
            let distance = distance(&sorted, &row.map(|tenths| f64::from(tenths) / 10.0));
            // Sums that are equal but for rounding are a tie.
            if distance < nearest.0 - 1e-12 {
                nearest = (distance, pattern);
            }
        }
        Some(nearest.1)
    }

    /// In a few words.
    pub fn description(self) -> &'static str {
        match self {
            Self::A => "near ½",
            Self::B => "all over 0 to 1",
            Self::C => "at both ends",
            Self::D => "near 0",
            Self::E => "near 1",
            Self::F => "near 0, outliers at 1",
            Self::G => "near 1, outliers at 0",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The first Wasserstein distance of two samples, each ascending: the area between their quantile functions.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j) = (0, 0);
    let (mut at, mut area) = (0.0, 0.0);
    while i < a.len() && j < b.len() {
        // Compared as whole numbers, so that both end together.
        let (end_a, end_b) = ((i + 1) * b.len(), (j + 1) * a.len());
        let next = end_a.min(end_b) as f64 / (a.len() * b.len()) as f64;
        area += (next - at) * (a[i] - b[j]).abs();
        at = next;
        i += usize::from(end_a <= end_b);
        j += usize::from(end_b <= end_a);
    }
    area
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_row_of_table_1_has_its_own_pattern_however_often_it_is_repeated() {
        for (pattern, row) in TABLE {
            let mut probabilities: Vec<f64> =
                row.iter().map(|tenths| f64::from(*tenths) / 10.0).collect();
            probabilities.reverse();
            assert_eq!(Pattern::of(&probabilities), Some(pattern));
            assert_eq!(Pattern::of(&probabilities.repeat(3)), Some(pattern));
        }
    }

    #[test]
    fn plain_cases_are_named_as_one_would() {
        for (probabilities, pattern) in [
            (vec![0.5; 12], Pattern::A),
            (vec![0.0; 12], Pattern::D),
            (vec![1.0; 12], Pattern::E),
            (vec![0.0, 1.0, 0.0, 1.0], Pattern::C),
            (
                vec![
                    0.02, 0.05, 0.1, 0.1, 0.1, 0.15, 0.2, 0.2, 0.1, 0.2, 0.9, 0.95,
                ],
                Pattern::F,
            ),
            ((0..12).map(|i| f64::from(i) / 11.0).collect(), Pattern::B),
        ] {
            assert_eq!(
                Pattern::of(&probabilities),
                Some(pattern),
                "{probabilities:?}"
            );
        }
        assert_eq!(Pattern::of(&[]), None);
        assert_eq!(Pattern::of(&[0.5, f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_definition(
            a in proptest::collection::vec(0.0..1.0, 1..9),
            b in proptest::collection::vec(0.0..1.0, 1..9),
        ) {
            let sorted = |mut values: Vec<f64>| { values.sort_by(f64::total_cmp); values };
            let (a, b) = (sorted(a), sorted(b));
            // The area between the distribution functions, which is the same area turned.
            let mut cuts: Vec<f64> = a.iter().chain(&b).copied().collect();
            cuts.sort_by(f64::total_cmp);
            let share = |values: &[f64], x: f64| {
                values.iter().filter(|v| **v <= x).count() as f64 / values.len() as f64
            };
            let area: f64 = cuts
                .windows(2)
                .map(|pair| (pair[1] - pair[0]) * (share(&a, pair[0]) - share(&b, pair[0])).abs())
                .sum();
            prop_assert!((distance(&a, &b) - area).abs() < 1e-9);
        }
    }
}
