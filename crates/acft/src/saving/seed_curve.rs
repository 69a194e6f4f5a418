//! One seed's learning curve and, where at hand, the predictions behind it.

use std::collections::BTreeMap;

use super::SavingError;
use crate::curve::{LearningCurve, Point};
use crate::metrics::{Ranking, column, judged};

/// One run of a strategy. Seeds pair the runs of two strategies.
#[derive(Clone, Debug)]
pub struct SeedCurve {
    seed: u64,
    curve: LearningCurve,
    predictions: Option<Predictions>,
}

/// What a run is judged by.
#[derive(Clone, Copy, Debug)]
pub struct TestSet<'a> {
    /// Columns of the probabilities.
    pub classes: usize,
    /// The positive class, as in [`roc_auc`](crate::metrics::roc_auc).
    pub positive: Option<usize>,
    /// The true class of each row.
    pub labels: &'a [usize],
    /// The group (patient, video) of each row, or the row's own number where
    /// there are none. One number means one group in all seeds and strategies.
    pub groups: &'a [usize],
}

/// The ranks of a test set's rows at each step: all that an AUC needs.
#[derive(Clone, Debug)]
struct Predictions {
    labels: Vec<usize>,
    groups: Vec<usize>,
    first_class: usize,
    /// A step's rankings, one for each class judged.
    steps: Vec<Vec<Ranking>>,
}

impl SeedCurve {
    /// A curve alone.
    pub fn new(seed: u64, curve: LearningCurve) -> Self {
        Self {
            seed,
            curve,
            predictions: None,
        }
    }

    /// A curve computed from the test predictions of each step, given as
    /// (labels queried, row-major probabilities), so that the test set can be
    /// resampled. The values are those of [`roc_auc`](crate::metrics::roc_auc).
    ///
    /// # Errors
    /// If the AUC of a step is undefined, or the labels do not increase.
    ///
    /// # Panics
    /// If the lengths contradict each other, or `positive` is no class.
    pub fn judged<'a>(
        seed: u64,
        test: TestSet<'_>,
        steps: impl IntoIterator<Item = (usize, &'a [f64])>,
    ) -> Result<Self, SavingError> {
        assert_eq!(
            test.labels.len(),
            test.groups.len(),
            "one group for each label"
        );
        let mut predictions = Predictions {
            labels: test.labels.to_vec(),
            groups: test.groups.to_vec(),
            first_class: judged(test.classes, test.positive).start,
            steps: Vec::new(),
        };
        let mut points = Vec::new();
        for (labels, probabilities) in steps {
            assert_eq!(
                probabilities.len(),
                test.labels.len() * test.classes,
                "one row a label"
            );
            let undefined = |reason| SavingError::UndefinedAuc {
                seed,
                labels,
                reason,
            };
            let rankings: Option<Vec<Ranking>> = judged(test.classes, test.positive)
                .map(|class| Ranking::new(column(probabilities, test.classes, class)))
                .collect();
            let rankings = rankings.ok_or_else(|| undefined("a probability is NaN"))?;
            let value = predictions
                .auc(&rankings, |_| 1)
                .ok_or_else(|| undefined("the test set has one class only"))?;
            points.push(Point { labels, value });
            predictions.steps.push(rankings);
        }
        let curve =
            LearningCurve::new(points).map_err(|source| SavingError::Curve { seed, source })?;
        Ok(Self {
            seed,
            curve,
            predictions: Some(predictions),
        })
    }

    /// The seed that pairs this run with those of other strategies.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The learning curve.
    pub fn curve(&self) -> &LearningCurve {
        &self.curve
    }

    /// The groups of the test rows, if predictions are at hand.
    pub(super) fn groups(&self) -> Option<&[usize]> {
        self.predictions
            .as_ref()
            .map(|predictions| predictions.groups.as_slice())
    }

    /// The curve on a test set in which group g occurs `times(g)` times; `None`
    /// if there is no such curve: without predictions, or with one class left.
    pub(super) fn resampled(&self, times: impl Fn(usize) -> u64) -> Option<LearningCurve> {
        let predictions = self.predictions.as_ref()?;
        let weights: Vec<u64> = predictions
            .groups
            .iter()
            .map(|&group| times(group))
            .collect();
        let points: Option<Vec<Point>> = predictions
            .steps
            .iter()
            .zip(self.curve.points())
            .map(|(rankings, point)| {
                let value = predictions.auc(rankings, |row| weights[row])?;
                Some(Point {
                    labels: point.labels,
                    value,
                })
            })
            .collect();
        LearningCurve::new(points?).ok()
    }
}

impl Predictions {
    /// The mean over the classes judged; a class that the weights leave out,
    /// or leave alone, is left out of the mean.
    fn auc(&self, rankings: &[Ranking], weight: impl Fn(usize) -> u64) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0_u32);
        for (class, ranking) in (self.first_class..).zip(rankings) {
            if let Some(auc) = ranking.auc(|row| self.labels[row] == class, &weight) {
                sum += auc;
                count += 1;
            }
        }
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// Pairs two strategies' runs by seed, in ascending order of seeds.
pub(super) fn pair<'a>(
    reference: &'a [SeedCurve],
    strategy: &'a [SeedCurve],
) -> Result<Vec<(&'a SeedCurve, &'a SeedCurve)>, SavingError> {
    let (reference, mut strategy) = (by_seed(reference)?, by_seed(strategy)?);
    if reference.is_empty() && strategy.is_empty() {
        return Err(SavingError::NoSeeds);
    }
    let mut pairs = Vec::with_capacity(reference.len());
    for (seed, curve) in reference {
        pairs.push((
            curve,
            strategy
                .remove(&seed)
                .ok_or(SavingError::UnpairedSeed(seed))?,
        ));
    }
    match strategy.keys().next() {
        Some(&seed) => Err(SavingError::UnpairedSeed(seed)),
        None => Ok(pairs),
    }
}

fn by_seed(curves: &[SeedCurve]) -> Result<BTreeMap<u64, &SeedCurve>, SavingError> {
    let mut found = BTreeMap::new();
    for curve in curves {
        if found.insert(curve.seed, curve).is_some() {
            return Err(SavingError::RepeatedSeed(curve.seed));
        }
    }
    Ok(found)
}
