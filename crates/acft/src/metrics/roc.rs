//! Receiver operating characteristic: the area, and single points of it.

use super::{Area, Auc, Ranking, assert_shape, column};

/// The area under the ROC curve: the chance that a positive scores above a
/// negative, ties counting half.
///
/// `None` if there are only positives or only negatives, or if a score is NaN.
///
/// # Panics
/// If `scores` and `positive` differ in length.
///
/// ```
/// use acft::metrics::roc_auc_binary;
/// assert_eq!(roc_auc_binary(&[0.1, 0.4, 0.4, 0.9], &[false, false, true, true]), Some(0.875));
/// assert_eq!(roc_auc_binary(&[0.1, 0.4], &[true, true]), None);
/// ```
pub fn roc_auc_binary(scores: &[f64], positive: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), positive.len(), "one score for each label");
    Ranking::new(scores.iter().copied())?.auc(|row| positive[row], |_| 1)
}

/// The area under the ROC curve of `n × classes` probabilities.
///
/// With `positive` named: that class's column against the rest, which is how
/// two classes are meant to be judged. Without: the macro average of every
/// class against the rest, as scikit-learn's `multi_class="ovr"`.
///
/// # Panics
/// If the lengths contradict each other, or a label or `positive` is no class.
pub fn roc_auc(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
    positive: Option<usize>,
) -> Auc {
    assert_shape(probabilities, classes, labels);
    Auc::over(classes, positive, |class| {
        let ranking = Ranking::new(column(probabilities, classes, class));
        Area::of(ranking.as_ref(), |ranking| {
            ranking.auc(|row| labels[row] == class, |_| 1)
        })
    })
}

/// A threshold and what it achieves: a score at or above it is called positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The lowest score called positive; infinite where none can be.
    pub threshold: f64,
    /// The share of positives called positive.
    pub sensitivity: f64,
    /// The share of negatives called negative.
    pub specificity: f64,
}

/// The highest sensitivity among thresholds whose specificity is at least
/// `specificity`, and the most specific threshold that has it.
///
/// `None` if there are only positives or only negatives, or if a score is NaN.
///
/// # Panics
/// If the lengths differ or `specificity` is outside `[0, 1]`.
pub fn sensitivity_at_specificity(
    scores: &[f64],
    positive: &[bool],
    specificity: f64,
) -> Option<OperatingPoint> {
    assert_eq!(scores.len(), positive.len(), "one score for each label");
    assert!(
        (0.0..=1.0).contains(&specificity),
        "specificity {specificity} is outside [0, 1]"
    );
    let ranking = Ranking::new(scores.iter().copied())?;
    let positives = positive.iter().filter(|&&yes| yes).count() as f64;
    let negatives = positive.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut best = OperatingPoint {
        threshold: f64::INFINITY,
        sensitivity: 0.0,
        specificity: 1.0,
    };
    let (mut hits, mut alarms) = (0, 0);
    for (block, (yes, no)) in ranking
        .blocks()
        .zip(ranking.counts(|row| positive[row], |_| 1))
    {
        hits += yes;
        alarms += no;
        let reached = (negatives - alarms as f64) / negatives;
        if reached < specificity {
            break;
        }
        if yes > 0 {
            best = OperatingPoint {
                threshold: scores[block[0] as usize],
                sensitivity: hits as f64 / positives,
                specificity: reached,
            };
        }
    }
    Some(best)
}
