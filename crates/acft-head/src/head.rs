//! The head: multinomial logistic regression over all patches of all labeled candidates.
//!
//! Each patch has its candidate's target and the weight `w / m`, so that a candidate counts `w` times whatever its number
//! m of patches. With `n = Σ w`, the loss is the weighted mean over candidates plus `λ/2 ‖W‖²`, `λ = 0.05/n`; biases are
//! free. It is convex: where it ends does not depend on where it starts, but for the steps that it is given.

use crate::{
    BytesError, Ended, Examples, FeatureError, FitError, LbfgsSettings, MapHash, Pool,
    bytes::{Format, Reader, Writer},
    lbfgs::minimise,
    logistic::{Terms, probabilities},
};

/// The settings of a head; the defaults are those that the method was measured with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadSettings {
    /// The penalty is this, divided by the number of labels.
    pub penalty: f64,
    /// Steps of L-BFGS at most.
    pub steps: usize,
    /// The fit has converged when no component of the gradient is larger.
    pub gradient: f64,
}

impl Default for HeadSettings {
    fn default() -> Self {
        Self {
            penalty: 0.05,
            steps: 40,
            gradient: 1e-5,
        }
    }
}

impl HeadSettings {
    fn check(&self) -> Result<(), FitError> {
        for (name, value) in [("penalty", self.penalty), ("gradient", self.gradient)] {
            if !(value > 0.0 && value.is_finite()) {
                let must = "a positive, finite number";
                return Err(FitError::Setting { name, value, must });
            }
        }
        Ok(())
    }
}

/// Steps whose curvature L-BFGS remembers, as in SciPy.
const MEMORY: usize = 10;

/// A fitted head.
///
/// A class without a label cannot be told by features. Its probability is `1/(n + |Y|)` for every patch, Laplace's rule of
/// succession, and the labeled classes share the rest: it stays possible and is never certain. (Its free bias would
/// otherwise run off to minus infinity.)
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    map: MapHash,
    width: usize,
    /// Of each class: whether it has a label.
    present: Vec<bool>,
    /// n, the weight of all labels.
    labels: f64,
    /// `[present class][feature]`, then the bias of each present class.
    parameters: Vec<f64>,
}

/// A head, and how fitting went.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The head.
    pub head: Head,
    /// The loss, with the penalty.
    pub loss: f64,
    /// The largest component of its gradient.
    pub gradient: f64,
    /// Steps of L-BFGS.
    pub steps: usize,
    /// How often the loss was computed.
    pub evaluations: usize,
    /// Why it stopped.
    pub ended: Ended,
}

const FORMAT: Format = Format {
    what: "head",
    magic: *b"acfthead",
    version: 1,
};

impl Head {
    /// Fits a head to labels, from the weights of `warm` on, if there is one.
    ///
    /// # Errors
    /// No label, labels of one class only, settings out of range, and a head to start from that has other features or
    /// classes.
    pub fn fit(
        settings: &HeadSettings,
        examples: &Examples,
        warm: Option<&Self>,
    ) -> Result<Fit, FitError> {
        settings.check()?;
        let mass = examples.mass();
        let present: Vec<bool> = mass.iter().map(|mass| *mass > 0.0).collect();
        let labeled: Vec<usize> = (0..present.len()).filter(|c| present[*c]).collect();
        match labeled[..] {
            [] => return Err(FitError::NoLabel),
            [class] => {
                let labels = examples.len();
                return Err(FitError::OneClass { class, labels });
            }
            _ => {}
        }
        let labels: f64 = examples.weights.iter().sum();
        let mut start = Self {
            map: examples.map(),
            width: examples.width(),
            parameters: vec![0.0; labeled.len() * (examples.width() + 1)],
            present,
            labels,
        };
        if let Some(warm) = warm {
            start.start_from(warm)?;
        }

        let all = examples.targets.chunks_exact(examples.classes());
        let targets: Vec<f64> = all
            .flat_map(|row| labeled.iter().map(|c| row[*c]))
            .collect();
        let counts = examples.weights.iter().zip(&examples.patches);
        let weights: Vec<f64> = counts.map(|(w, m)| w / (*m as f64 * labels)).collect();
        let terms = Terms {
            width: examples.width(),
            classes: labeled.len(),
            rows: &examples.rows,
            targets: &targets,
            owner: &examples.owner,
            weights: &weights,
            penalty: settings.penalty / labels,
        };
        let lbfgs = LbfgsSettings {
            steps: settings.steps,
            gradient: settings.gradient,
            memory: MEMORY,
        };
        let found = minimise(&lbfgs, start.parameters.clone(), |x, g| terms.loss(x, g));
        start.parameters = found.x;
        Ok(Fit {
            head: start,
            loss: found.value,
            gradient: found.gradient,
            steps: found.steps,
            evaluations: found.evaluations,
            ended: found.ended,
        })
    }

    /// Takes over the parameters of classes that both have.
    fn start_from(&mut self, warm: &Self) -> Result<(), FitError> {
        if warm.classes() != self.classes() || warm.width != self.width {
            return Err(FitError::Warm {
                found: warm.classes(),
                found_width: warm.width,
                wanted: self.classes(),
                wanted_width: self.width,
            });
        }
        warm.check_map(self.map)?;
        for class in 0..self.classes() {
            if let (Some(weights), Some(bias)) = (warm.weights(class), warm.bias(class)) {
                self.set(class, weights, bias);
            }
        }
        Ok(())
    }

    fn set(&mut self, class: usize, weights: &[f64], bias: f64) {
        if let Some(at) = self.place(class) {
            let biases = self.outputs() * self.width;
            self.parameters[at * self.width..][..self.width].copy_from_slice(weights);
            self.parameters[biases + at] = bias;
        }
    }

    /// Where the parameters of a class are, if it is labeled.
    fn place(&self, class: usize) -> Option<usize> {
        let before = || self.present[..class].iter().filter(|p| **p).count();
        self.present.get(class)?.then(before)
    }

    fn outputs(&self) -> usize {
        self.present.iter().filter(|present| **present).count()
    }

    /// The number of classes, labeled or not.
    pub fn classes(&self) -> usize {
        self.present.len()
    }

    /// Features of a patch.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The map of the features it was fitted on.
    pub fn map(&self) -> MapHash {
        self.map
    }

    /// Whether a class had a label.
    pub fn has_label(&self, class: usize) -> bool {
        self.present.get(class).copied().unwrap_or(false)
    }

    /// The weights of a class; none without a label.
    pub fn weights(&self, class: usize) -> Option<&[f64]> {
        let at = self.place(class)?;
        Some(&self.parameters[at * self.width..][..self.width])
    }

    /// The bias of a class; none without a label.
    pub fn bias(&self, class: usize) -> Option<f64> {
        let at = self.place(class)?;
        Some(self.parameters[self.outputs() * self.width + at])
    }

    /// The same head for other classes, to start from when classes were added, merged or put in another order: class c of
    /// the new ones takes over what was learned of class `from[c]`, or begins anew. Old classes that nobody takes over
    /// are dropped.
    ///
    /// # Errors
    /// Fewer than two classes, or one that there is not.
    pub fn with_classes(&self, from: &[Option<usize>]) -> Result<Self, FitError> {
        let classes = from.len();
        if classes < 2 {
            return Err(FitError::Classes { classes });
        }
        for (label, class) in from.iter().enumerate() {
            if let Some(class) = *class
                && class >= self.classes()
            {
                let classes = self.classes();
                return Err(FitError::Class {
                    label,
                    class,
                    classes,
                });
            }
        }
        let present: Vec<bool> = from
            .iter()
            .map(|old| old.is_some_and(|old| self.present[old]))
            .collect();
        let outputs = present.iter().filter(|present| **present).count();
        let mut head = Self {
            map: self.map,
            width: self.width,
            parameters: vec![0.0; outputs * (self.width + 1)],
            present,
            labels: self.labels,
        };
        for (class, old) in from.iter().enumerate() {
            if let Some(old) = *old
                && let (Some(weights), Some(bias)) = (self.weights(old), self.bias(old))
            {
                head.set(class, weights, bias);
            }
        }
        Ok(head)
    }

    /// Probabilities of patches, `[patch][class]`: each row is positive and sums to 1. Panics if `rows` are not whole rows
    /// of [`Self::width`] features.
    pub fn predict_patches(&self, rows: &[f32]) -> Vec<f64> {
        assert!(rows.len().is_multiple_of(self.width), "whole rows");
        let outputs = self.outputs();
        let known = probabilities(rows, self.width, outputs, &self.parameters);
        let absent = self.classes() - outputs;
        if absent == 0 {
            return known;
        }
        let share = 1.0 / (self.labels + self.classes() as f64);
        let rest = 1.0 - absent as f64 * share;
        let mut out = Vec::with_capacity(known.len() / outputs.max(1) * self.classes());
        for row in known.chunks_exact(outputs) {
            let mut row = row.iter();
            out.extend(self.present.iter().map(|present| match present {
                true => row.next().map_or(0.0, |p| p * rest),
                false => share,
            }));
        }
        out
    }

    /// Probabilities of all patches of a pool, `[candidate][patch][class]`.
    ///
    /// # Errors
    /// Features of another map.
    pub fn predict(&self, pool: &Pool) -> Result<Vec<f64>, FeatureError> {
        self.check_map(pool.map())?;
        Ok(self.predict_patches(pool.values()))
    }

    /// Refuses features of another map.
    ///
    /// # Errors
    /// [`FeatureError::Map`] names both.
    pub fn check_map(&self, found: MapHash) -> Result<(), FeatureError> {
        let wanted = self.map;
        if found == wanted {
            Ok(())
        } else {
            Err(FeatureError::Map { found, wanted })
        }
    }

    /// The prediction of each candidate, `[candidate][class]`: the mean of its patches' rows. Panics if `rows` are not
    /// whole candidates.
    pub fn candidate_means(&self, rows: &[f64], patches: usize) -> Vec<f64> {
        let classes = self.classes();
        assert!(
            patches > 0 && rows.len().is_multiple_of(patches * classes),
            "whole candidates"
        );
        let mean = |rows: &[f64]| {
            let mut mean = vec![0.0; classes];
            for row in rows.chunks_exact(classes) {
                mean.iter_mut().zip(row).for_each(|(m, p)| *m += p);
            }
            mean.into_iter().map(|sum| sum / patches as f64)
        };
        rows.chunks_exact(patches * classes)
            .flat_map(mean)
            .collect()
    }

    /// The head as bytes: the same head gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(&FORMAT);
        out.raw(&self.map.0);
        out.size(self.width);
        out.size(self.classes());
        let present: Vec<u8> = self.present.iter().map(|p| u8::from(*p)).collect();
        out.raw(&present);
        out.f64s(&[self.labels]);
        out.f64s(&self.parameters);
        out.finish()
    }

    /// The head that [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Bytes that are something else, of a newer format, cut, or changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let mut reader = Reader::new(&FORMAT, bytes)?;
        let mut map = [0; 32];
        map.copy_from_slice(reader.raw(32)?);
        let (width, classes) = (reader.size()?, reader.size()?);
        let present = reader.raw(classes)?;
        if present.iter().any(|p| *p > 1) {
            return Err(reader.value("a mark of a class"));
        }
        let present: Vec<bool> = present.iter().map(|p| *p == 1).collect();
        let outputs = present.iter().filter(|present| **present).count();
        if width == 0 || outputs == 0 || classes < 2 {
            return Err(reader.value("too few features or classes"));
        }
        let labels = reader.f64s(1)?[0];
        let parameters = reader.f64s(width.saturating_add(1).saturating_mul(outputs))?;
        if !(labels > 0.0 && labels.is_finite()) || parameters.iter().any(|p| !p.is_finite()) {
            return Err(reader.value("a number that is not finite or positive"));
        }
        reader.finish()?;
        Ok(Self {
            map: MapHash(map),
            width,
            present,
            labels,
            parameters,
        })
    }
}
