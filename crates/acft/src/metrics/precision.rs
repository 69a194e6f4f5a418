//! The area under the precision-recall curve.

use super::Ranking;

/// Average precision, Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores, descending:
/// the AUPRC without the optimism of straight lines between its points.
///
/// `None` without a positive, or if a score is NaN.
///
/// # Panics
/// If `scores` and `positive` differ in length.
pub fn average_precision_binary(scores: &[f64], positive: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), positive.len(), "one score for each label");
    let ranking = Ranking::new(scores.iter().copied())?;
    let (mut hits, mut called, mut sum) = (0_u64, 0_u64, 0.0);
    for (yes, no) in ranking.counts(|row| positive[row], |_| 1) {
        hits += yes;
        called += yes + no;
        sum += yes as f64 * (hits as f64 / called as f64);
    }
    (hits > 0).then(|| sum / hits as f64)
}
