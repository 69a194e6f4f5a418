//! What the network made of a candidate before anyone had labeled it.

use acft::CandidateId;
use acft::prediction::dominant;

use crate::event::ClassId;
use crate::ledger::Ledger;

/// What the model that a candidate was drawn by made of it, in classes of
/// today: those that were merged since are one, with their probabilities summed.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// The columns, each class once.
    pub classes: Vec<ClassId>,
    /// The softmax row of each patch.
    pub rows: Vec<Vec<f32>>,
    /// The mean of the rows.
    pub mean: Vec<f64>,
}

impl Foreseen {
    fn of(asked: impl Iterator<Item = ClassId>, predictions: &[Vec<f32>]) -> Self {
        let mut classes: Vec<ClassId> = Vec::new();
        // The column of today that each of then is in.
        let columns: Vec<usize> = asked
            .map(|class| {
                let known = classes.iter().position(|other| *other == class);
                known.unwrap_or_else(|| {
                    classes.push(class);
                    classes.len() - 1
                })
            })
            .collect();
        let summed = |row: &Vec<f32>| {
            let mut today = vec![0.0; classes.len()];
            for (column, p) in columns.iter().zip(row) {
                today[*column] += p;
            }
            today
        };
        let rows: Vec<Vec<f32>> = predictions.iter().map(summed).collect();
        let mean = (0..classes.len())
            .map(|column| {
                let sum: f64 = rows.iter().map(|row| f64::from(row[column])).sum();
                sum / rows.len() as f64
            })
            .collect();
        Self {
            classes,
            rows,
            mean,
        }
    }

    /// The class that it named.
    pub fn guess(&self) -> Option<ClassId> {
        self.classes.get(dominant(&self.mean)).copied()
    }

    /// The probability that it gave a class; none where it did not know it.
    pub fn probability(&self, class: ClassId) -> Option<f64> {
        let at = self.classes.iter().position(|other| *other == class)?;
        Some(self.mean[at])
    }
}

impl Ledger {
    /// What the network made of a candidate when it was drawn; none where it
    /// was not asked, also where it was drawn by scores made elsewhere.
    pub fn foreseen(&self, id: CandidateId) -> Option<Foreseen> {
        let (batch, member) = self.drawn(id)?;
        let asked = self.asked(batch.ranking?)?;
        if member.predictions.is_empty() {
            return None;
        }
        let today = asked
            .classes
            .iter()
            .map(|class| self.classes().today(*class));
        Some(Foreseen::of(today, &member.predictions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_were_merged_are_one_column() {
        let (a, b) = (ClassId(0), ClassId(1));
        // Of three classes of then, the first and the last are one today.
        let rows = [vec![0.25, 0.5, 0.25], vec![0.5, 0.25, 0.25]];
        let foreseen = Foreseen::of([a, b, a].into_iter(), &rows);
        assert_eq!(foreseen.classes, [a, b]);
        assert_eq!(foreseen.rows, [[0.5, 0.5], [0.75, 0.25]]);
        assert_eq!(foreseen.mean, [0.625, 0.375]);
        assert_eq!(foreseen.guess(), Some(a));
        assert_eq!(foreseen.probability(ClassId(2)), None);
    }
}
