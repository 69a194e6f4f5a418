//! How well neighbours in feature space agree on labels, beyond chance.
//!
//! The purity is the share of each labeled candidate's k nearest labeled neighbours that have its label, averaged. If
//! labels were dealt out at random it would be `Σ n_c (n_c − 1) / (n (n − 1))` on average, so
//! `(purity − chance) / (1 − chance)` is 0 then and 1 where neighbours always agree (chance-corrected as Cohen's kappa,
//! 1960). On the sets tried, it orders where a head, a graph and uncertainty save labels.

use crate::{
    FeatureError, Patches,
    neighbours::{Own, among, unit_rows},
};

/// How well neighbours agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Purity {
    /// Beyond chance: 0 for chance, 1 for always; can be below 0.
    pub corrected: f64,
    /// The plain share of neighbours with the same label.
    pub plain: f64,
    /// What chance would give.
    pub chance: f64,
    /// How many labels it is estimated from.
    pub labels: usize,
    /// How many neighbours each was held against.
    pub neighbours: usize,
}

/// The purity of labeled candidates' neighbours among each other: `means` are their mean features, `classes` their
/// classes. None where it cannot be told: with fewer than two labels, or labels of one class only.
///
/// ```
/// let means = [0.0, 1.0, 0.1, 1.0, 1.0, 0.0, 1.0, 0.1];
/// let found = acft_head::purity(&means, 2, &[0, 0, 1, 1], 1)?.unwrap();
/// assert_eq!(found.corrected, 1.0);
/// # Ok::<(), acft_head::FeatureError>(())
/// ```
///
/// # Errors
/// Features that are not finite, or not one row for each class.
pub fn purity(
    means: &[f32],
    width: usize,
    classes: &[usize],
    wanted: usize,
) -> Result<Option<Purity>, FeatureError> {
    let rows = Patches::new(means, 1, width, 0)?;
    if rows.candidates() != classes.len() {
        return Err(FeatureError::Shape {
            values: means.len(),
            patches: classes.len(),
            width,
        });
    }
    let labels = classes.len();
    let mut sorted = classes.to_vec();
    sorted.sort_unstable();
    let pairs: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|same| same.len() as f64 * (same.len() - 1) as f64)
        .sum();
    let chance = pairs / (labels as f64 * (labels as f64 - 1.0));
    if labels < 2 || wanted == 0 || chance == 1.0 {
        return Ok(None);
    }
    let unit = unit_rows(means, width);
    let nearest = among(&unit, &unit, width, wanted, Own::LeftOut);
    let agreeing: usize = (0..labels)
        .map(|i| {
            let same = nearest.of(i).filter(|(j, _)| classes[*j] == classes[i]);
            same.count()
        })
        .sum();
    let plain = agreeing as f64 / (labels * nearest.each()) as f64;
    Ok(Some(Purity {
        corrected: (plain - chance) / (1.0 - chance),
        plain,
        chance,
        labels,
        neighbours: nearest.each(),
    }))
}
