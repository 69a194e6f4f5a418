//! Head and graph together: `p ∝ sqrt(head · graph)`, their geometric mean (the logarithmic opinion pool with equal
//! weights, Genest & Zidek 1986).

/// Added to what the graph says, so that it alone can rule no class out.
const FLOOR: f64 = 1e-6;

/// Candidates' predictions of head and graph, both `[candidate][class]`. Rows of the result sum to 1.
///
/// This is the prediction: what a model is judged by. The query looks at the head's patches alone, as in the method's
/// measurements; [`combine_patches`] is there for those who want to ask otherwise.
///
/// ```
/// let p = acft_head::combine_means(&[0.8, 0.2], &[0.5, 0.5], 2);
/// assert!((p[0] - 2.0 / 3.0).abs() < 1e-12);
/// ```
///
/// Panics if lengths differ.
pub fn combine_means(head: &[f64], graph: &[f64], classes: usize) -> Vec<f64> {
    combine_patches(head, graph, 1, classes)
}

/// The head's predictions of patches, `[candidate][patch][class]`, each with its candidate's row of the graph,
/// `[candidate][class]`. Rows of the result sum to 1.
///
/// Panics if lengths do not fit.
pub fn combine_patches(head: &[f64], graph: &[f64], patches: usize, classes: usize) -> Vec<f64> {
    assert_eq!(
        head.len(),
        graph.len() * patches,
        "patches of each candidate of the graph"
    );
    assert!(graph.len().is_multiple_of(classes), "whole rows");
    let mut out = Vec::with_capacity(head.len());
    for (rows, graph) in head
        .chunks_exact(patches * classes)
        .zip(graph.chunks_exact(classes))
    {
        for row in rows.chunks_exact(classes) {
            let first = out.len();
            out.extend(row.iter().zip(graph).map(|(p, q)| (p * (q + FLOOR)).sqrt()));
            let sum: f64 = out[first..].iter().sum();
            out[first..].iter_mut().for_each(|value| *value /= sum);
        }
    }
    out
}
