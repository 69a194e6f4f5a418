//! How far annotators agree where they labeled the same candidates.

use std::collections::BTreeMap;

use acft::metrics::cohen_kappa;
use serde::Serialize;

use crate::event::{ClassId, LabelOrigin};
use crate::project::Project;

/// Two annotators on the candidates that both labeled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// The first by name.
    pub a: String,
    /// The other.
    pub b: String,
    /// How many candidates both labeled.
    pub n: usize,
    /// On how many of these they agree.
    pub agreed: usize,
    /// Cohen's kappa (1960); none where it is undefined, as when both gave
    /// everything one and the same label.
    pub kappa: Option<f64>,
}

/// All pairs that have labeled something in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// By name.
    pub pairs: Vec<Pair>,
    /// The mean of their kappas, each weighing as much as it has candidates;
    /// none where none is defined.
    pub kappa: Option<f64>,
}

/// The labels of two annotators, candidate by candidate, as places in Y.
type Both = (Vec<usize>, Vec<usize>);

impl Project {
    /// Compares annotators on what each was served and labeled on their own;
    /// second looks do not count, for they have seen the first.
    pub fn agreement(&self) -> Agreement {
        let ledger = self.ledger();
        let classes: Vec<ClassId> = ledger.classes().current().collect();
        let place = |class: ClassId| classes.iter().position(|other| *other == class);
        let mut given: BTreeMap<(&str, &str), Both> = BTreeMap::new();
        for id in ledger.votes().in_order() {
            // By name; a later word of the same annotator takes the place of
            // an earlier one, but a second look does not.
            let own: BTreeMap<&str, Option<ClassId>> = ledger
                .votes()
                .history(id)
                .iter()
                .filter(|vote| vote.origin == LabelOrigin::Expert)
                .map(|vote| (vote.annotator.as_str(), vote.class))
                .collect();
            let own: Vec<(&str, usize)> = own
                .into_iter()
                .filter_map(|(name, class)| Some((name, place(ledger.classes().today(class?))?)))
                .collect();
            for (at, (a, by_a)) in own.iter().enumerate() {
                for (b, by_b) in &own[at + 1..] {
                    let both = given.entry((a, b)).or_default();
                    both.0.push(*by_a);
                    both.1.push(*by_b);
                }
            }
        }
        let pairs: Vec<Pair> = given
            .into_iter()
            .map(|((a, b), (by_a, by_b))| Pair {
                a: a.to_owned(),
                b: b.to_owned(),
                n: by_a.len(),
                agreed: by_a.iter().zip(&by_b).filter(|(a, b)| a == b).count(),
                kappa: cohen_kappa(&by_a, &by_b, classes.len()),
            })
            .collect();
        Agreement {
            kappa: mean_kappa(&pairs),
            pairs,
        }
    }
}

fn mean_kappa(pairs: &[Pair]) -> Option<f64> {
    let defined = || pairs.iter().filter_map(|pair| Some((pair.kappa?, pair.n)));
    let n: usize = defined().map(|(_, n)| n).sum();
    let sum: f64 = defined().map(|(kappa, n)| kappa * n as f64).sum();
    (n > 0).then(|| sum / n as f64)
}
