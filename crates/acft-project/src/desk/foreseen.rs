//! What the network made of a candidate before anyone had labeled it.

use acft::CandidateId;
use acft::prediction::dominant;

use crate::event::ClassId;
use crate::ledger::Ledger;

/// The mean prediction of the model that a candidate was drawn by.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// The classes of the model, as they count today; two may be the same,
    /// where classes were merged since.
    pub classes: Vec<ClassId>,
    /// The mean of the patches' softmax rows, a value for each of them.
    pub mean: Vec<f64>,
}

impl Foreseen {
    /// The class that it named, as classes count today.
    pub fn guess(&self) -> Option<ClassId> {
        let today: Vec<f64> = self
            .classes
            .iter()
            .map(|class| self.trust(*class))
            .collect();
        self.classes.get(dominant(&today)).copied()
    }

    /// The probability that it gave a class.
    pub fn trust(&self, class: ClassId) -> f64 {
        self.classes
            .iter()
            .zip(&self.mean)
            .filter(|(other, _)| **other == class)
            .map(|(_, p)| p)
            .sum()
    }
}

impl Ledger {
    /// What the network made of a candidate when it was drawn; none where it
    /// was not asked.
    pub fn foreseen(&self, id: CandidateId) -> Option<Foreseen> {
        let (batch, member) = self.drawn(id)?;
        let asked = self.asked(batch.ranking?)?;
        let patches = member.predictions.len();
        let columns = member.predictions.first()?.len();
        let mean = (0..columns)
            .map(|column| {
                let sum: f64 = member
                    .predictions
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|p| f64::from(*p))
                    .sum();
                sum / patches as f64
            })
            .collect();
        let today = |class: &ClassId| self.classes().today(*class);
        Some(Foreseen {
            classes: asked.classes.iter().map(today).collect(),
            mean,
        })
    }
}
