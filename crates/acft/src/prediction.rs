//! The predictions of one candidate's patches, and majority selection (Sec. 3.3).

/// How far a row's sum may be from 1: room for probabilities rounded to three
/// digits, and none for logits.
pub const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// Class means closer than this to the largest count as tied with it, so that
/// rounding in the last bit does not choose the dominant class.
const TIE: f64 = 1e-6;

/// Selection beats sorting when at most `FEW` of at most `OF_FEW` patches are kept.
const FEW: usize = 16;
const OF_FEW: usize = 64;
/// Patches that are compared at once.
const LANES: usize = 8;

/// P_i: the softmax outputs of a network over one candidate's patches,
/// m × |Y| row-major. Every row is finite, non-negative and sums to 1;
/// m ≥ 1, |Y| ≥ 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predictions<'a> {
    probabilities: &'a [f64],
    classes: usize,
}

/// Why a matrix is no prediction. Patches and classes count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PredictionError {
    /// |Y| < 2, or a length that is no multiple of |Y|, or no row at all.
    #[error(
        "{values} probabilities do not form rows of {classes} classes (at least 1 row of at least 2)"
    )]
    Shape {
        /// How many values there were.
        values: usize,
        /// |Y|.
        classes: usize,
    },
    /// A value that is no probability.
    #[error("patch {patch}: p_{class} is {value}; a probability is a number from 0 to 1")]
    Value {
        /// The row.
        patch: usize,
        /// The column.
        class: usize,
        /// What stands there.
        value: f64,
    },
    /// A row that is no distribution.
    #[error(
        "patch {patch}: its probabilities sum to {sum}, not to 1; are they logits, or is a class missing?"
    )]
    Sum {
        /// The row.
        patch: usize,
        /// What it sums to.
        sum: f64,
    },
}

impl PredictionError {
    /// The row at fault, where it is one.
    pub fn patch(&self) -> Option<usize> {
        match self {
            Self::Shape { .. } => None,
            Self::Value { patch, .. } | Self::Sum { patch, .. } => Some(*patch),
        }
    }
}

impl<'a> Predictions<'a> {
    /// Checks the shape, and each row.
    ///
    /// # Errors
    /// [`PredictionError`] names the first patch and class at fault.
    pub fn new(probabilities: &'a [f64], classes: usize) -> Result<Self, PredictionError> {
        if classes < 2 || probabilities.is_empty() || !probabilities.len().is_multiple_of(classes) {
            return Err(PredictionError::Shape {
                values: probabilities.len(),
                classes,
            });
        }
        // Nearly always nothing is wrong, and one fast pass shows it.
        if are_distributions(probabilities, classes) {
            return Ok(Self {
                probabilities,
                classes,
            });
        }
        for (patch, row) in probabilities.chunks_exact(classes).enumerate() {
            let in_range = |p: &f64| (0.0..=1.0 + ROW_SUM_TOLERANCE).contains(p);
            if let Some(class) = row.iter().position(|p| !in_range(p)) {
                let value = row[class];
                return Err(PredictionError::Value {
                    patch,
                    class,
                    value,
                });
            }
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > ROW_SUM_TOLERANCE {
                return Err(PredictionError::Sum { patch, sum });
            }
        }
        Ok(Self {
            probabilities,
            classes,
        })
    }

    /// m, the number of patches.
    pub fn patches(&self) -> usize {
        self.probabilities.len() / self.classes
    }

    /// |Y|, the number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// P^j: the distribution over classes of patch `j`.
    pub fn row(&self, j: usize) -> &'a [f64] {
        &self.probabilities[j * self.classes..][..self.classes]
    }

    /// The prediction for the candidate: the mean of its patches' rows.
    pub fn mean(&self) -> Vec<f64> {
        mean_of_rows(self.probabilities, self.classes).collect()
    }

    /// The class with the largest mean; of those tied, the lowest index.
    pub fn dominant(&self) -> usize {
        dominant(&self.mean())
    }

    /// Majority selection: the patches that are most confident of the dominant
    /// class, in descending order of that confidence (ties keep patch order).
    /// Their number is [`kept_patches`]; `alpha` = 1 keeps every patch.
    ///
    /// ```
    /// let rows = [0.4, 0.6, 0.1, 0.9, 0.7, 0.3, 0.2, 0.8];
    /// let predictions = acft::Predictions::new(&rows, 2)?;
    /// assert_eq!(predictions.dominant(), 1);
    /// assert_eq!(predictions.majority(0.5), [1, 3]);
    /// # Ok::<(), acft::prediction::PredictionError>(())
    /// ```
    pub fn majority(&self, alpha: f64) -> Vec<usize> {
        self.most_confident(self.dominant(), alpha)
    }

    /// Lines 5 and 6 of the algorithm where the dominant class is known: the
    /// patches that are most confident of `class`.
    pub fn most_confident(&self, class: usize, alpha: f64) -> Vec<usize> {
        let patches = self.patches();
        let kept = kept_patches(alpha, patches);
        // Adding 0.0 turns −0.0 into 0.0; `total_cmp` would order them differently.
        let confidence = |j: usize| self.row(j)[class] + 0.0;
        if kept > FEW || patches > OF_FEW {
            let mut order: Vec<usize> = (0..patches).collect();
            order.sort_by(|&a, &b| confidence(b).total_cmp(&confidence(a)));
            order.truncate(kept);
            return order;
        }
        // Take the largest again and again. Comparing all patches has no branch that a processor could mispredict, and
        // vector instructions compare several at a time. The padding of the last vector is never the largest.
        let mut confidences = [-1.0; OF_FEW];
        for (j, place) in confidences[..patches].iter_mut().enumerate() {
            *place = confidence(j);
        }
        let filled = patches.next_multiple_of(LANES);
        let mut order = vec![0; kept];
        for place in &mut order {
            let mut largest = [-1.0; LANES];
            for vector in confidences[..filled].as_chunks::<LANES>().0 {
                for (largest, &p) in largest.iter_mut().zip(vector) {
                    *largest = if p > *largest { p } else { *largest };
                }
            }
            let largest = largest.into_iter().fold(-1.0, f64::max);
            *place = confidences
                .iter()
                .position(|p| *p == largest)
                .unwrap_or_default();
            confidences[*place] = -1.0;
        }
        order
    }
}

/// The mean of the rows of a row-major matrix of this width: one value a column.
pub fn mean_of_rows<T: Copy + Into<f64>>(
    rows: &[T],
    width: usize,
) -> impl Iterator<Item = f64> + '_ {
    let count = (rows.len() / width) as f64;
    (0..width).map(move |column| {
        let values = rows.iter().skip(column).step_by(width);
        values.map(|&value| Into::<f64>::into(value)).sum::<f64>() / count
    })
}

/// Whether every row is a distribution.
fn are_distributions(rows: &[f64], classes: usize) -> bool {
    fn of<const CLASSES: usize>(rows: &[f64]) -> bool {
        let rows = rows.as_chunks::<CLASSES>().0;
        rows.iter().all(|row| is_distribution(row))
    }
    // A loop whose length is known takes a third of the time.
    match classes {
        2 => of::<2>(rows),
        3 => of::<3>(rows),
        4 => of::<4>(rows),
        _ => rows.chunks_exact(classes).all(is_distribution),
    }
}

#[inline(always)]
fn is_distribution(row: &[f64]) -> bool {
    let (mut sum, mut least) = (0.0, 0.0_f64);
    for &p in row {
        sum += p;
        least = least.min(p);
    }
    // Where no value is below 0 and the sum is 1, no value is above 1. A NaN makes the sum NaN.
    least >= 0.0 && (sum - 1.0).abs() <= ROW_SUM_TOLERANCE
}

/// The class that a candidate's mean prediction names; of those within 1e-6
/// of the largest, the lowest index.
pub fn dominant(mean: &[f64]) -> usize {
    let largest = mean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    mean.iter()
        .position(|&p| p >= largest - TIE)
        .unwrap_or_default()
}

/// m' = max(1, round_half_up(α m)), and never more than m.
pub fn kept_patches(alpha: f64, patches: usize) -> usize {
    let rounded = (alpha * patches as f64 + 0.5).floor() as usize;
    rounded.clamp(1, patches)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn refuses_what_is_no_prediction_and_says_where() {
        let check = |values: &[f64], classes, expected: &str| {
            let error = Predictions::new(values, classes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&[], 2, "0 probabilities");
        check(&[1.0], 1, "1 classes");
        check(&[0.5, 0.5, 1.0], 2, "3 probabilities");
        check(&[0.5, 0.5, f64::NAN, 1.0], 2, "patch 1: p_0 is NaN");
        check(&[-0.1, 1.1], 2, "patch 0: p_0 is -0.1");
        check(
            &[0.5, 0.5, 0.5, 0.6],
            2,
            "patch 1: its probabilities sum to 1.1",
        );
    }

    #[test]
    fn the_last_row_is_checked_whatever_the_number_of_classes() {
        for classes in 2..7 {
            let good = vec![1.0 / classes as f64; 3 * classes];
            assert!(Predictions::new(&good, classes).is_ok());
            for wrong in [f64::NAN, -0.1, 1.5] {
                let mut rows = good.clone();
                *rows.last_mut().unwrap() = wrong;
                let error = Predictions::new(&rows, classes).unwrap_err();
                assert_eq!(error.patch(), Some(2), "{wrong} of {classes} classes");
            }
        }
    }

    #[test]
    fn kept_patches_round_half_up_and_keep_one() {
        for (alpha, m, expected) in [
            (0.25, 11, 3),
            (0.25, 12, 3),
            (0.25, 10, 3),
            (0.25, 1, 1),
            (0.01, 10, 1),
            (1.0, 7, 7),
            (0.5, 3, 2),
        ] {
            assert_eq!(kept_patches(alpha, m), expected, "α {alpha}, m {m}");
        }
    }

    #[test]
    fn a_tie_of_means_goes_to_the_lowest_class() {
        assert_eq!(dominant(&[0.5, 0.5]), 0);
        assert_eq!(dominant(&[0.4999999, 0.5000001]), 0);
        assert_eq!(dominant(&[0.49, 0.51]), 1);
    }

    #[test]
    fn few_are_picked_as_sorting_would() {
        let classes = 2;
        for m in [1, 5, 24, 60, 64, 65, 100] {
            let rows = (0..m).flat_map(|j| {
                let p = f64::from((j * 7 + 3) % 11) / 11.0;
                [p, 1.0 - p]
            });
            let rows: Vec<f64> = rows.collect();
            let p = Predictions::new(&rows, classes).unwrap();
            let class = p.dominant();
            let mut sorted: Vec<usize> = (0..p.patches()).collect();
            sorted.sort_by(|&a, &b| p.row(b)[class].total_cmp(&p.row(a)[class]));
            for alpha in [0.01, 0.25, 0.5, 1.0] {
                let kept = kept_patches(alpha, p.patches());
                assert_eq!(p.majority(alpha), sorted[..kept], "m {m}, α {alpha}");
            }
        }
    }

    #[test]
    fn both_zeros_are_tied_however_many_patches_there_are() {
        for m in [3, 100] {
            let rows: Vec<f64> = [[-0.0, 1.0], [0.0, 1.0], [1.0, 0.0]].concat();
            let rows = [rows, [0.6, 0.4].repeat(m - 3)].concat();
            let p = Predictions::new(&rows, 2).unwrap();
            let order = p.most_confident(0, 1.0);
            assert_eq!(order[0], 2);
            assert_eq!(order[m - 2..], [0, 1], "m {m}");
        }
    }

    #[test]
    fn majority_is_stable() {
        let p = [0.2, 0.8, 0.1, 0.9, 0.2, 0.8, 0.6, 0.4];
        let p = Predictions::new(&p, 2).unwrap();
        assert_eq!(p.dominant(), 1);
        assert_eq!(p.majority(0.75), [1, 0, 2]);
    }
}
