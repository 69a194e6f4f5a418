//! What a head is fitted on.

use crate::{FeatureError, FitError, MapHash, Patches};

/// What is known of a candidate's class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// Its class, counted from 0.
    Class(usize),
    /// A distribution over all classes: experts who differ, or a guess.
    Soft(&'a [f64]),
}

/// How far the sum of a soft target may be from 1.
const TOLERANCE: f64 = 1e-6;

impl Target<'_> {
    /// As a distribution over so many classes; none if it is not one.
    pub(crate) fn distribution(self, classes: usize) -> Option<Vec<f64>> {
        match self {
            Self::Class(class) => {
                let mut row = vec![0.0; classes];
                *row.get_mut(class)? = 1.0;
                Some(row)
            }
            Self::Soft(row) => {
                let sum: f64 = row.iter().sum();
                let good = row.len() == classes
                    && row.iter().all(|p| *p >= 0.0)
                    && (sum - 1.0).abs() <= TOLERANCE;
                good.then(|| row.iter().map(|p| p / sum).collect())
            }
        }
    }
}

/// Labeled candidates: all patches of each with its target, and how much it counts.
#[derive(Clone, Debug)]
pub struct Examples {
    map: MapHash,
    width: usize,
    classes: usize,
    /// `[patch][feature]`, of all candidates.
    pub(crate) rows: Vec<f32>,
    /// Of each patch: whose it is.
    pub(crate) owner: Vec<u32>,
    /// `[candidate][class]`.
    pub(crate) targets: Vec<f64>,
    /// Of each candidate.
    pub(crate) weights: Vec<f64>,
    /// Of each candidate: how many patches it has.
    pub(crate) patches: Vec<usize>,
}

impl Examples {
    /// None yet. `map` is that of the pool whose features will be added.
    ///
    /// # Errors
    /// Fewer than two classes.
    pub fn new(map: MapHash, width: usize, classes: usize) -> Result<Self, FitError> {
        if classes < 2 {
            return Err(FitError::Classes { classes });
        }
        Ok(Self {
            map,
            width,
            classes,
            rows: Vec::new(),
            owner: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
            patches: Vec::new(),
        })
    }

    /// Adds a candidate with all of its patches, as projected. It counts `weight` times, whatever the number of its
    /// patches.
    ///
    /// # Errors
    /// A target that is no distribution over the classes, a weight that is not positive, features that are not finite or
    /// do not form rows; messages count labels from 0 in the order in which they were added.
    pub fn push(
        &mut self,
        patches: &[f32],
        target: Target<'_>,
        weight: f64,
    ) -> Result<(), FitError> {
        let label = self.weights.len();
        let classes = self.classes;
        if let Target::Class(class) = target
            && class >= classes
        {
            return Err(FitError::Class {
                label,
                class,
                classes,
            });
        }
        let target = target
            .distribution(classes)
            .ok_or(FitError::Target { label, classes })?;
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(FitError::Weight { label, weight });
        }
        let count = patches.len() / self.width.max(1);
        Patches::new(patches, count, self.width, label)?;
        let owner = u32::try_from(label).map_err(|_| FeatureError::Shape {
            values: patches.len(),
            patches: count,
            width: self.width,
        })?;
        self.rows.extend_from_slice(patches);
        self.owner.extend(std::iter::repeat_n(owner, count));
        self.targets.extend(target);
        self.weights.push(weight);
        self.patches.push(count);
        Ok(())
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Features of a patch.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The map of the features.
    pub fn map(&self) -> MapHash {
        self.map
    }

    /// How much each class is labeled: the sum of weights of its candidates.
    pub fn mass(&self) -> Vec<f64> {
        let mut mass = vec![0.0; self.classes];
        for (row, weight) in self.targets.chunks_exact(self.classes).zip(&self.weights) {
            for (sum, p) in mass.iter_mut().zip(row) {
                *sum += p * weight;
            }
        }
        mass
    }
}
