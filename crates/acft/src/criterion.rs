//! Entropy and diversity of a candidate's predictions (Eq. 1), and their
//! weighted sum (Eq. 2): how much a label of the candidate would teach.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::prediction::{Predictions, kept_patches};
use crate::ranking::Score;

/// ε = 2^-52, added inside every logarithm. Where the softmax saturates it
/// sets the scale of diversity: log(ε) ≈ −36.
pub const EPSILON: f64 = f64::EPSILON;

/// Eq. 1, left: e = −(1/m') Σ_k Σ_j P^{j,k} log(P^{j,k} + ε) over the patches
/// in `kept`. Natural logarithm.
pub fn entropy(predictions: &Predictions<'_>, kept: &[usize]) -> f64 {
    Logarithms::new(predictions, kept).entropy()
}

/// Eq. 1, right: d = Σ_k Σ_{j<l} (P^j − P^l) log((P^j + ε)/(P^l + ε)) over the
/// patches in `kept`, each unordered pair once.
///
/// Computed without the pair loop, as m' times the sum over classes of the
/// covariance sum of P and log(P + ε): O(m'|Y|) where the loop is O(m'²|Y|).
/// Both factors are centred first; expanding the product instead would cancel
/// catastrophically on patches that are nearly alike.
pub fn diversity(predictions: &Predictions<'_>, kept: &[usize]) -> f64 {
    Logarithms::new(predictions, kept).diversity()
}

/// The kept patches with log(P + ε), which both measures need.
struct Logarithms<'a> {
    predictions: &'a Predictions<'a>,
    kept: &'a [usize],
    /// m' × |Y|, row-major.
    logs: Vec<f64>,
}

impl<'a> Logarithms<'a> {
    fn new(predictions: &'a Predictions<'a>, kept: &'a [usize]) -> Self {
        let kept_rows = kept.iter().flat_map(|&j| predictions.row(j));
        Self {
            predictions,
            kept,
            logs: kept_rows.map(|p| (p + EPSILON).ln()).collect(),
        }
    }

    fn entropy(&self) -> f64 {
        let probabilities = self.kept.iter().flat_map(|&j| self.predictions.row(j));
        let sum: f64 = probabilities.zip(&self.logs).map(|(p, log)| p * log).sum();
        // Saturated rows give ln(1 + ε) > 0, a hair below zero in all.
        (-sum / self.kept.len() as f64).max(0.0)
    }

    fn diversity(&self) -> f64 {
        let (m, classes) = (self.kept.len() as f64, self.predictions.classes());
        let mut sum = 0.0;
        for k in 0..classes {
            let p = || self.kept.iter().map(|&j| self.predictions.row(j)[k]);
            let logs = || self.logs.iter().skip(k).step_by(classes);
            let mean_p = p().sum::<f64>() / m;
            let mean_log = logs().sum::<f64>() / m;
            sum += p()
                .zip(logs())
                .map(|(p, log)| (p - mean_p) * (log - mean_log))
                .sum::<f64>();
        }
        // Every pair's term is ≥ 0; rounding may leave less.
        (m * sum).max(0.0)
    }
}

/// Eq. 2, a = λ1 e + λ2 d, over the patches that majority selection keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Criterion {
    /// The weight of entropy.
    pub lambda1: f64,
    /// The weight of diversity.
    pub lambda2: f64,
    /// The share of patches that majority selection keeps; 1 turns it off.
    pub alpha: f64,
    /// Divide diversity by its m'(m'−1)/2 pairs, so that candidates with
    /// different numbers of patches can be compared. The paper does not.
    #[cfg_attr(feature = "serde", serde(default))]
    pub per_pair: bool,
}

/// Why a criterion cannot rank a pool.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CriterionError {
    /// A setting that is out of range.
    #[error("{name} = {value}: {expected}")]
    Setting {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// One patch has no pairs.
    #[error(
        "diversity compares patches in pairs, but alpha = {alpha} keeps 1 of {patches}: \
         raise alpha, use more patches, or use the entropy criterion"
    )]
    OnePatch {
        /// α.
        alpha: f64,
        /// m.
        patches: usize,
    },
    /// A sum over pairs favours the candidates that have more of them.
    #[error(
        "diversity is a sum over pairs of patches, so every candidate needs the same number: \
         one has {first}, another {other}; give all the same, or ask for the mean per pair"
    )]
    UnequalPatches {
        /// m of the first candidate.
        first: usize,
        /// m of the one that differs.
        other: usize,
    },
}

impl Criterion {
    /// Entropy alone.
    pub fn entropy(alpha: f64) -> Self {
        Self {
            lambda1: 1.0,
            lambda2: 0.0,
            alpha,
            per_pair: false,
        }
    }

    /// Diversity alone.
    pub fn diversity(alpha: f64) -> Self {
        Self {
            lambda1: 0.0,
            lambda2: 1.0,
            alpha,
            per_pair: false,
        }
    }

    /// Checks the settings themselves.
    ///
    /// # Errors
    /// [`CriterionError::Setting`] for an α outside (0, 1] or weights that are
    /// not finite, negative, or both 0.
    pub fn check(&self) -> Result<(), CriterionError> {
        let setting = |name, value, expected| {
            Err(CriterionError::Setting {
                name,
                value,
                expected,
            })
        };
        if !(self.alpha > 0.0 && self.alpha <= 1.0) {
            return setting(
                "alpha",
                self.alpha,
                "the share of patches kept is above 0 and at most 1",
            );
        }
        for (name, value) in [("lambda1", self.lambda1), ("lambda2", self.lambda2)] {
            if !(value.is_finite() && value >= 0.0) {
                return setting(name, value, "a weight is a finite number, 0 or more");
            }
        }
        if self.lambda1 == 0.0 && self.lambda2 == 0.0 {
            return setting("lambda1 and lambda2", 0.0, "one of the two must be above 0");
        }
        Ok(())
    }

    /// Whether candidates of `patches` patches can be scored at all.
    ///
    /// # Errors
    /// [`CriterionError::OnePatch`] where diversity is asked of one kept patch.
    pub fn check_patches(&self, patches: usize) -> Result<(), CriterionError> {
        if self.lambda2 > 0.0 && kept_patches(self.alpha, patches) == 1 {
            return Err(CriterionError::OnePatch {
                alpha: self.alpha,
                patches,
            });
        }
        Ok(())
    }

    /// Whether a candidate of `other` patches can be ranked beside one of
    /// `first`. Two candidates may keep equally many patches and still have
    /// different numbers of them, which is refused too.
    ///
    /// # Errors
    /// [`CriterionError::UnequalPatches`] where diversity is a sum over pairs.
    pub fn check_equal(&self, first: usize, other: usize) -> Result<(), CriterionError> {
        if self.lambda2 > 0.0 && !self.per_pair && first != other {
            return Err(CriterionError::UnequalPatches { first, other });
        }
        Ok(())
    }

    /// Something a user should hear before trusting the ranking.
    pub fn warning(&self, patches: usize) -> Option<String> {
        (self.lambda2 > 0.0 && kept_patches(self.alpha, patches) == 2).then(|| {
            format!(
                "alpha = {} keeps 2 of {patches} patches, so diversity rests on a single pair",
                self.alpha
            )
        })
    }

    /// Lines 5–7 of the algorithm for one candidate. Entropy and diversity are
    /// both reported, whatever their weights.
    ///
    /// ```
    /// use acft::{Criterion, Predictions};
    ///
    /// // Three patches; two are sure of class 1.
    /// let rows = [0.1, 0.9, 0.5, 0.5, 0.2, 0.8];
    /// let score = Criterion::entropy(0.25).score(&Predictions::new(&rows, 2)?);
    /// assert_eq!((score.dominant, score.kept), (1, 1));
    /// assert_eq!(score.value, score.entropy);
    /// # Ok::<(), acft::prediction::PredictionError>(())
    /// ```
    pub fn score(&self, predictions: &Predictions<'_>) -> Score {
        let dominant = predictions.dominant();
        let kept = predictions.most_confident(dominant, self.alpha);
        self.weigh(predictions, dominant, &kept)
    }

    /// Line 7 alone: a = λ1 e + λ2 d over the patches in `kept`, one at least,
    /// for a candidate of this dominant class.
    pub fn weigh(&self, predictions: &Predictions<'_>, dominant: usize, kept: &[usize]) -> Score {
        let pairs = (kept.len() * kept.len().saturating_sub(1) / 2).max(1) as f64;
        let logarithms = Logarithms::new(predictions, kept);
        let entropy = logarithms.entropy();
        let diversity = logarithms.diversity() / if self.per_pair { pairs } else { 1.0 };
        Score {
            dominant,
            kept: kept.len(),
            entropy,
            diversity,
            value: self.lambda1 * entropy + self.lambda2 * diversity,
        }
    }

    /// Checks the candidates of a pool one after the other.
    pub(crate) fn comparable(self) -> Comparable {
        Comparable {
            criterion: self,
            first: None,
        }
    }
}

/// Entropy over all patches: by it candidates are described where no criterion
/// ranks them.
impl Default for Criterion {
    fn default() -> Self {
        Self::entropy(1.0)
    }
}

/// Whether all candidates of a pool can be scored, and ranked side by side.
pub(crate) struct Comparable {
    criterion: Criterion,
    /// m of the first candidate.
    first: Option<usize>,
}

impl Comparable {
    /// Checks the next candidate, by its number of patches.
    pub(crate) fn check(&mut self, patches: usize) -> Result<(), CriterionError> {
        self.criterion.check_patches(patches)?;
        let first = *self.first.get_or_insert(patches);
        self.criterion.check_equal(first, patches)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The definition, as the oracle of the closed form.
    fn diversity_by_pairs(predictions: &Predictions<'_>, kept: &[usize]) -> f64 {
        let mut sum = 0.0;
        for (i, &j) in kept.iter().enumerate() {
            for &l in &kept[i + 1..] {
                for (a, b) in predictions.row(j).iter().zip(predictions.row(l)) {
                    sum += (a - b) * ((a + EPSILON) / (b + EPSILON)).ln();
                }
            }
        }
        sum
    }

    fn all(predictions: &Predictions<'_>) -> Vec<usize> {
        (0..predictions.patches()).collect()
    }

    /// Table 1 prints m'·e and 2·d, to two decimals.
    #[test]
    fn table_1_to_the_printed_digit() {
        #[rustfmt::skip]
        let table: [(&str, [f64; 11], [f64; 4]); 7] = [
            ("A", [0.4, 0.4, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6], [7.52, 2.02, 4.38, 0.00]),
            ("B", [0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.6, 0.7, 0.8, 1.0, 1.0], [4.57, 0.83, 1237.21, 20.79]),
            ("C", [0.0, 0.0, 0.0, 0.1, 0.1, 0.9, 0.9, 1.0, 1.0, 1.0, 1.0], [1.30, 0.00, 2816.66, 0.00]),
            ("D", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1], [1.30, 0.00, 189.54, 0.00]),
            ("E", [0.9, 0.9, 0.9, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.30, 0.00, 189.54, 0.00]),
            ("F", [0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.9, 1.0], [3.24, 0.33, 1076.87, 13.54]),
            ("G", [0.0, 0.1, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9, 1.0, 1.0], [3.24, 0.33, 1076.87, 13.54]),
        ];
        for (pattern, p, printed) in table {
            let rows: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
            let predictions = Predictions::new(&rows, 2).unwrap();
            let kept = predictions.majority(0.25);
            let found = [
                11.0 * entropy(&predictions, &all(&predictions)),
                kept.len() as f64 * entropy(&predictions, &kept),
                2.0 * diversity(&predictions, &all(&predictions)),
                2.0 * diversity(&predictions, &kept),
            ];
            let to_text = |values: [f64; 4]| values.map(|v| format!("{v:.2}"));
            assert_eq!(to_text(found), to_text(printed), "pattern {pattern}");
        }
    }

    #[test]
    fn a_pool_whose_candidates_differ_in_patches_is_refused_though_as_many_are_kept() {
        let check = |criterion: Criterion, patches: [usize; 2]| {
            let mut comparable = criterion.comparable();
            patches.map(|m| comparable.check(m).is_ok())
        };
        assert_eq!(check(Criterion::diversity(0.25), [11, 13]), [true, false]);
        assert_eq!(check(Criterion::diversity(0.25), [11, 11]), [true, true]);
        assert_eq!(check(Criterion::entropy(0.25), [11, 13]), [true, true]);
    }

    #[test]
    fn settings_are_checked() {
        assert!(Criterion::entropy(0.25).check().is_ok());
        for alpha in [0.0, -1.0, 1.5, f64::NAN] {
            assert!(Criterion::entropy(alpha).check().is_err(), "α {alpha}");
        }
        let none = Criterion {
            lambda1: 0.0,
            ..Criterion::entropy(0.5)
        };
        assert!(none.check().is_err());
        assert!(Criterion::diversity(0.25).check_patches(4).is_err());
        assert!(Criterion::entropy(0.25).check_patches(4).is_ok());
        assert!(Criterion::diversity(0.25).warning(8).is_some());
        assert!(Criterion::diversity(0.25).warning(12).is_none());
        // Both keep 3.
        assert!(Criterion::diversity(0.25).check_equal(11, 13).is_err());
        assert!(Criterion::diversity(0.25).check_equal(11, 11).is_ok());
        assert!(Criterion::entropy(0.25).check_equal(11, 13).is_ok());
        let per_pair = Criterion {
            per_pair: true,
            ..Criterion::diversity(0.25)
        };
        assert!(per_pair.check_equal(11, 13).is_ok());
    }

    /// Rows of k classes from saturated logits, or all within `spread` of one.
    fn rows(spread: f64) -> impl Strategy<Value = (Vec<f64>, usize)> {
        (
            2usize..5,
            2usize..30,
            prop::collection::vec(-40.0..40.0f64, 5),
        )
            .prop_flat_map(move |(k, m, base)| {
                prop::collection::vec(prop::collection::vec(-1.0..1.0f64, k), m).prop_map(
                    move |noise| {
                        let rows = noise.iter().flat_map(|row| {
                            let logits: Vec<f64> =
                                row.iter().zip(&base).map(|(n, b)| b + spread * n).collect();
                            let top = logits.iter().copied().fold(f64::MIN, f64::max);
                            let exp: Vec<f64> = logits.iter().map(|l| (l - top).exp()).collect();
                            let sum: f64 = exp.iter().sum();
                            exp.into_iter().map(move |e| e / sum).collect::<Vec<_>>()
                        });
                        (rows.collect(), k)
                    },
                )
            })
    }

    fn closed_form_equals_pairs(rows: &[f64], classes: usize) -> Result<(), TestCaseError> {
        let p = Predictions::new(rows, classes).unwrap();
        let (closed, pairs) = (diversity(&p, &all(&p)), diversity_by_pairs(&p, &all(&p)));
        let pair_count = (p.patches() * (p.patches() - 1) / 2) as f64;
        // Relative, with an absolute floor per pair where everything cancels.
        prop_assert!(
            (closed - pairs).abs() <= 1e-9 * pairs.abs() + 1e-11 * pair_count,
            "closed {} pairs {}",
            closed,
            pairs
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn closed_form_is_the_pair_loop((rows, k) in rows(30.0)) {
            closed_form_equals_pairs(&rows, k)?;
        }

        #[test]
        fn closed_form_is_the_pair_loop_on_near_identical_patches((rows, k) in rows(1e-6)) {
            closed_form_equals_pairs(&rows, k)?;
        }

        #[test]
        fn scores_are_finite_and_not_negative((rows, k) in rows(30.0), alpha in 0.01..1.0f64) {
            let p = Predictions::new(&rows, k).unwrap();
            let score = Criterion { lambda1: 1.0, lambda2: 1.0, alpha, per_pair: false }.score(&p);
            prop_assert!(score.entropy.is_finite() && score.entropy >= 0.0);
            prop_assert!(score.entropy <= (k as f64).ln() + 1e-9);
            prop_assert!(score.diversity.is_finite() && score.diversity >= 0.0);
            prop_assert_eq!(score.value, score.entropy + score.diversity);
        }
    }
}
