//! Agreement of two labellings, corrected for chance.

/// Cohen's kappa of two labellings of the same candidates.
///
/// `None` where it is undefined: without candidates, and where both labellings
/// name one and the same class throughout, so that chance alone explains all
/// of the agreement (0/0). A stopping rule must not take that for agreement.
///
/// # Panics
/// If the lengths differ, or a label is not below `classes`.
///
/// ```
/// use acft::metrics::cohen_kappa;
/// assert_eq!(cohen_kappa(&[0, 1, 1, 0], &[0, 1, 1, 0], 2), Some(1.0));
/// assert_eq!(cohen_kappa(&[1, 1, 1], &[1, 1, 1], 2), None);
/// ```
pub fn cohen_kappa(a: &[usize], b: &[usize], classes: usize) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two labellings of the same candidates");
    let (mut in_a, mut in_b) = (vec![0_u64; classes], vec![0_u64; classes]);
    let mut agreed = 0_u64;
    for (&a, &b) in a.iter().zip(b) {
        in_a[a] += 1;
        in_b[b] += 1;
        agreed += u64::from(a == b);
    }
    let n = a.len() as u64;
    // n² × the agreement expected by chance: whole, so that 0/0 is seen exactly.
    let chance: u64 = in_a.iter().zip(&in_b).map(|(a, b)| a * b).sum();
    let room = n * n - chance;
    (room > 0).then(|| ((n * agreed) as f64 - chance as f64) / room as f64)
}
