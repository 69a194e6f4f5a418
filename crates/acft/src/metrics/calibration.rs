//! Whether a stated probability is met as often as it says (Guo et al. 2017).

use super::assert_shape;

/// The search for a temperature ends at these bounds: data that are fitted
/// without error want 0, and data that contradict the model want infinity.
const TEMPERATURES: (f64, f64) = (0.01, 100.0);

/// The smallest probability whose logarithm is taken.
const FLOOR: f64 = f64::EPSILON;

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

/// The temperature T whose softmax(logits / T) has the least negative
/// log-likelihood, within `[0.01, 100]`; 1 where all temperatures are equal.
///
/// The loss is convex in 1/T, so bisecting its slope finds the one minimum.
/// Fit it on validation candidates, never on those that it is judged by.
///
/// # Panics
/// If the lengths contradict each other, or a logit is not finite.
pub fn temperature(logits: &[f64], classes: usize, labels: &[usize]) -> f64 {
    assert_shape(logits, classes, labels);
    assert!(
        logits.iter().all(|logit| logit.is_finite()),
        "logits must be finite"
    );
    let at_one = slope(logits, classes, labels, 1.0);
    if at_one == 0.0 {
        return 1.0;
    }
    // Bisected in log(1/T); 60 halvings exhaust the precision of f64.
    let (mut cool, mut hot) = (-TEMPERATURES.1.ln(), -TEMPERATURES.0.ln());
    for _ in 0..60 {
        let middle = f64::midpoint(cool, hot);
        if slope(logits, classes, labels, middle.exp()) > 0.0 {
            hot = middle;
        } else {
            cool = middle;
        }
    }
    (-f64::midpoint(cool, hot)).exp()
}

/// [`temperature`], where only probabilities are at hand: their logarithms
/// (floored at 2⁻⁵²) are logits up to a constant of each row.
///
/// # Panics
/// If the lengths contradict each other, or a probability is not finite.
pub fn temperature_of_probabilities(
    probabilities: &[f64],
    classes: usize,
    labels: &[usize],
) -> f64 {
    assert!(
        probabilities.iter().all(|p| p.is_finite()),
        "probabilities must be finite"
    );
    let logits: Vec<f64> = probabilities.iter().map(|p| p.max(FLOOR).ln()).collect();
    temperature(&logits, classes, labels)
}

/// Probabilities at temperature T: log(p)/T, renormalised in each row. The
/// order of classes in a row stays; T > 1 makes them less certain.
///
/// # Panics
/// If `temperature` is not a positive number, a probability is not finite, or a
/// row is incomplete.
pub fn with_temperature(probabilities: &[f64], classes: usize, temperature: f64) -> Vec<f64> {
    assert!(
        temperature > 0.0 && temperature.is_finite(),
        "temperature {temperature} is not > 0"
    );
    assert!(
        probabilities.len().is_multiple_of(classes),
        "rows of {classes} probabilities"
    );
    assert!(
        probabilities.iter().all(|p| p.is_finite()),
        "probabilities must be finite"
    );
    let mut scaled = Vec::with_capacity(probabilities.len());
    for row in probabilities.chunks_exact(classes) {
        let logits: Vec<f64> = row
            .iter()
            .map(|p| p.max(FLOOR).ln() / temperature)
            .collect();
        scaled.extend(softmax(&logits, 1.0));
    }
    scaled
}

/// d/d(1/T) of the negative log-likelihood: `Σ over rows of E_p[z] − z_label`.
fn slope(logits: &[f64], classes: usize, labels: &[usize], inverse: f64) -> f64 {
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, &label)| {
        let expected: f64 = softmax(row, inverse).zip(row).map(|(p, z)| p * z).sum();
        expected - row[label]
    })
    .sum()
}

fn softmax(logits: &[f64], inverse: f64) -> impl Iterator<Item = f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let odds = move |z: f64| (inverse * (z - top)).exp();
    let sum: f64 = logits.iter().map(|&z| odds(z)).sum();
    logits.iter().map(move |&z| odds(z) / sum)
}
