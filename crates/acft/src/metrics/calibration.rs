//! Whether a stated probability is met as often as it says (Guo et al. 2017).

use super::assert_shape;

/// The expected calibration error: |accuracy − mean confidence| of the most
/// probable class (the lowest of equals), over `bins` equal bins `(lower,
/// upper]` of confidence, weighted by the rows in each. NaN without rows.
///
/// # Panics
/// If the lengths contradict each other, or `bins` is 0.
pub fn expected_calibration_error(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
    bins: usize,
) -> f64 {
    assert_shape(probabilities, classes, labels);
    assert!(bins > 0, "a calibration error needs at least one bin");
    // Σ (correct − confidence) of each bin; its size cancels against its weight.
    let mut excess = vec![0.0; bins];
    for (row, &label) in probabilities.chunks_exact(classes).zip(labels) {
        let mut best = 0;
        for class in 1..classes {
            if row[class] > row[best] {
                best = class;
            }
        }
        let upper = (row[best] * bins as f64).ceil() as usize;
        let correct = if best == label { 1.0 } else { 0.0 };
        excess[upper.clamp(1, bins) - 1] += correct - row[best];
    }
    excess.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / labels.len() as f64
}
