//! The area under the precision-recall curve.

use super::{Area, Auc, Ranking, assert_shape, column};

/// Average precision, Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores, descending:
/// the AUPRC without the optimism of straight lines between its points.
///
/// `None` without a positive, or if a score is NaN.
///
/// # Panics
/// If `scores` and `positive` differ in length.
pub fn average_precision_binary(scores: &[f64], positive: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), positive.len(), "one score for each label");
    precision_of(&Ranking::new(scores.iter().copied())?, |row| positive[row])
}

/// Average precision of `n × classes` probabilities: of the named positive
/// class, or else the macro average of every class against the rest.
///
/// Unlike the area under the ROC curve, that of two classes depends on which
/// one is called positive. A class without a positive is left out.
///
/// # Panics
/// If the lengths contradict each other, or a label or `positive` is no class.
pub fn average_precision(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
    positive: Option<usize>,
) -> Auc {
    assert_shape(probabilities, classes, labels);
    Auc::over(classes, positive, |class| {
        let ranking = Ranking::new(column(probabilities, classes, class));
        Area::of(ranking.as_ref(), |ranking| {
            precision_of(ranking, |row| labels[row] == class)
        })
    })
}

fn precision_of(ranking: &Ranking, positive: impl Fn(usize) -> bool) -> Option<f64> {
    let (mut hits, mut called, mut sum) = (0_u64, 0_u64, 0.0);
    for (yes, no) in ranking.counts(positive, |_| 1) {
        hits += yes;
        called += yes + no;
        sum += yes as f64 * (hits as f64 / called as f64);
    }
    (hits > 0).then(|| sum / hits as f64)
}
