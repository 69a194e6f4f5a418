//! The learning curve: what a model is worth against what its labels cost.
//!
//! It starts at the first labeled batch, never at the model M₀ that has seen
//! no label. Only curves over equal ranges may be compared; those that stopped
//! early extend horizontally, since their model stays as it is.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// One evaluated step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Point {
    /// Labels queried so far (or another cost in whole units, such as seconds of an expert).
    pub labels: usize,
    /// The test metric, as a rule the AUC.
    pub value: f64,
}

/// A metric against labels queried: at least one point, from at least one
/// label on, labels strictly increasing, values finite.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Point>", into = "Vec<Point>"))]
pub struct LearningCurve {
    points: Vec<Point>,
}

/// Why points make no learning curve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CurveError {
    /// There is no point.
    #[error("a learning curve needs at least one point")]
    Empty,
    /// The model without labels is no part of the curve.
    #[error("point {index} is at 0 labels; a learning curve starts at the first labeled batch")]
    NoLabels {
        /// Counted from 0.
        index: usize,
    },
    /// Labels must strictly increase.
    #[error("point {index} is at {labels} labels, after one at {before}; labels must increase")]
    NotIncreasing {
        /// Counted from 0.
        index: usize,
        /// Its labels.
        labels: usize,
        /// The labels of the point before it.
        before: usize,
    },
    /// A metric was undefined.
    #[error("the value at {labels} labels is {value}; a learning curve needs finite values")]
    NotFinite {
        /// The labels of the point.
        labels: usize,
        /// Its value.
        value: f64,
    },
}

impl LearningCurve {
    /// Checks the points.
    ///
    /// # Errors
    /// [`CurveError`] names the first point that breaks the curve's invariant.
    pub fn new(points: Vec<Point>) -> Result<Self, CurveError> {
        if points.is_empty() {
            return Err(CurveError::Empty);
        }
        for (index, &Point { labels, value }) in points.iter().enumerate() {
            if labels == 0 {
                return Err(CurveError::NoLabels { index });
            }
            if !value.is_finite() {
                return Err(CurveError::NotFinite { labels, value });
            }
            if index > 0 && points[index - 1].labels >= labels {
                let before = points[index - 1].labels;
                return Err(CurveError::NotIncreasing {
                    index,
                    labels,
                    before,
                });
            }
        }
        Ok(Self { points })
    }

    /// The points, by increasing labels.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The first labeled batch.
    pub fn first(&self) -> Point {
        self.points[0]
    }

    /// The last step.
    pub fn last(&self) -> Point {
        self.points[self.points.len() - 1]
    }

    /// The area under the curve over the queried range, divided by the range:
    /// the mean value, by trapezoids on a linear axis. A single point's value
    /// is its own mean.
    pub fn alc(&self) -> f64 {
        self.mean_value(|labels| labels as f64)
    }

    /// The global score of Guyon et al. (2011), "Results of the Active Learning
    /// Challenge": trapezoids on a log₂ axis, scaled so that AUC ½ gives 0 and
    /// AUC 1 gives 1, which is 2 · mean − 1.
    pub fn alc_log2(&self) -> f64 {
        2.0 * self.mean_value(|labels| (labels as f64).log2()) - 1.0
    }

    fn mean_value(&self, axis: impl Fn(usize) -> f64) -> f64 {
        let (first, last) = (self.first(), self.last());
        if first.labels == last.labels {
            return first.value;
        }
        let area: f64 = self
            .points
            .windows(2)
            .map(|pair| {
                let width = axis(pair[1].labels) - axis(pair[0].labels);
                width * f64::midpoint(pair[0].value, pair[1].value)
            })
            .sum();
        area / (axis(last.labels) - axis(first.labels))
    }

    /// The curve drawn on horizontally to `labels`; the same curve where it
    /// already reaches that far.
    #[must_use]
    pub fn extended_to(&self, labels: usize) -> Self {
        let mut points = self.points.clone();
        let last = self.last();
        if labels > last.labels {
            points.push(Point {
                labels,
                value: last.value,
            });
        }
        Self { points }
    }

    /// The value at `labels`, linear between points; `None` outside the
    /// queried range, where nothing was measured.
    pub fn at(&self, labels: usize) -> Option<f64> {
        let after = self.points.partition_point(|point| point.labels < labels);
        let right = self.points.get(after)?;
        if right.labels == labels {
            return Some(right.value);
        }
        let left = self.points.get(after.checked_sub(1)?)?;
        let share = (labels - left.labels) as f64 / (right.labels - left.labels) as f64;
        Some(left.value + share * (right.value - left.value))
    }

    /// The curve between `first` and `last` labels, its ends interpolated or
    /// extended horizontally: how two curves come to an equal range. `None` if
    /// it starts after `first`, or if `last < first`.
    pub fn between(&self, first: usize, last: usize) -> Option<Self> {
        let extended = self.extended_to(last);
        let mut points = vec![Point {
            labels: first,
            value: extended.at(first)?,
        }];
        let inside = |point: &&Point| first < point.labels && point.labels < last;
        points.extend(extended.points.iter().filter(inside));
        if last != first {
            points.push(Point {
                labels: last,
                value: extended.at(last)?,
            });
        }
        Self::new(points).ok()
    }

    /// The mean of the curves of several seeds, at every label count that one
    /// of them has, from the latest of their starts to the latest of their
    /// ends; those that stopped early extend horizontally.
    ///
    /// # Errors
    /// [`CurveError::Empty`] without curves.
    pub fn mean<'a>(curves: impl IntoIterator<Item = &'a Self>) -> Result<Self, CurveError> {
        let curves: Vec<&Self> = curves.into_iter().collect();
        let first = curves
            .iter()
            .map(|c| c.first().labels)
            .max()
            .ok_or(CurveError::Empty)?;
        let last = curves
            .iter()
            .map(|c| c.last().labels)
            .max()
            .ok_or(CurveError::Empty)?;
        let curves: Vec<Self> = curves.into_iter().map(|c| c.extended_to(last)).collect();
        let mut grid: Vec<usize> = curves
            .iter()
            .flat_map(|curve| curve.points.iter().map(|point| point.labels))
            .filter(|&labels| labels >= first)
            .collect();
        grid.sort_unstable();
        grid.dedup();
        let mean_at = |labels| {
            let sum: f64 = curves.iter().filter_map(|curve| curve.at(labels)).sum();
            Point {
                labels,
                value: sum / curves.len() as f64,
            }
        };
        Self::new(grid.into_iter().map(mean_at).collect())
    }
}

impl TryFrom<Vec<Point>> for LearningCurve {
    type Error = CurveError;

    fn try_from(points: Vec<Point>) -> Result<Self, CurveError> {
        Self::new(points)
    }
}

impl From<LearningCurve> for Vec<Point> {
    fn from(curve: LearningCurve) -> Self {
        curve.points
    }
}
