//! Isotonic regression, and the labels that a target needs.

use crate::curve::LearningCurve;

/// The non-decreasing sequence nearest to `values` in least squares, by pooling
/// adjacent violators.
///
/// ```
/// use acft::saving::isotonic_regression;
/// assert_eq!(isotonic_regression(&[1.0, 3.0, 2.0, 4.0]), [1.0, 2.5, 2.5, 4.0]);
/// ```
pub fn isotonic_regression(values: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<Block> = Vec::new();
    for &value in values {
        let mut block = Block {
            sum: value,
            count: 1,
        };
        // Equals stay apart: they need no pooling, and their mean could be rounded.
        while let Some(before) = blocks.pop_if(|before| before.mean() > block.mean()) {
            block = Block {
                sum: before.sum + block.sum,
                count: before.count + block.count,
            };
        }
        blocks.push(block);
    }
    blocks
        .iter()
        .flat_map(|block| std::iter::repeat_n(block.mean(), block.count))
        .collect()
}

struct Block {
    sum: f64,
    count: usize,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// A learning curve made monotone, linear in log(labels) between its points.
pub(super) struct Monotone {
    logs: Vec<f64>,
    values: Vec<f64>,
}

impl Monotone {
    pub(super) fn of(curve: &LearningCurve) -> Self {
        let points = curve.points();
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        Self {
            logs: points
                .iter()
                .map(|point| (point.labels as f64).ln())
                .collect(),
            values: isotonic_regression(&values),
        }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn first_value(&self) -> f64 {
        self.values[0]
    }

    pub(super) fn last_value(&self) -> f64 {
        self.values[self.values.len() - 1]
    }

    /// log of the labels at the end of the curve.
    pub(super) fn last_log(&self) -> f64 {
        self.logs[self.logs.len() - 1]
    }

    /// log n(target): of the fewest labels with which the curve meets
    /// `target`; `None` if it never does.
    pub(super) fn log_labels(&self, target: f64) -> Option<f64> {
        let met = self.values.partition_point(|&value| value < target);
        let (&value, &log) = (self.values.get(met)?, self.logs.get(met)?);
        if met == 0 {
            return Some(log);
        }
        let (value_before, log_before) = (self.values[met - 1], self.logs[met - 1]);
        let share = (target - value_before) / (value - value_before);
        Some(log_before + share * (log - log_before))
    }
}
