//! When to stop asking for labels.
//!
//! Every rule is a function of what the steps so far have shown, so that a
//! resumed run, which replays that, stops where an unbroken one would.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::metrics::cohen_kappa;
use crate::strategy::Start;

/// The rules in force; any one that holds ends the run. An exhausted pool
/// always ends it.
///
/// ```
/// use acft::stopping::{Evidence, Stop, StopReason};
/// use acft::Start;
///
/// let stop = Stop::default().after_labels(40);
/// let spent = |labels| [Evidence { labels, ..Evidence::default() }];
/// assert_eq!(stop.reached(&spent(20), 2, Start::Current), None);
/// assert_eq!(stop.reached(&spent(40), 2, Start::Current), Some(StopReason::Labels));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, default))]
#[non_exhaustive]
pub struct Stop {
    /// After this many steps.
    pub steps: Option<u32>,
    /// Once this many labels are spent.
    pub labels: Option<usize>,
    /// Once the validation curve is flat.
    pub plateau: Option<Plateau>,
    /// Once successive models agree on a fixed, unlabeled stop set.
    pub agreement: Option<Agreement>,
}

/// The validation measure has not risen by more than `tolerance` above its
/// best for `patience` steps (the paper stops at a plateau).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Plateau {
    /// In steps.
    pub patience: usize,
    /// In units of the measure (AUC).
    pub tolerance: f64,
}

/// Cohen's kappa between successive models' predictions on a stop set is at
/// least `kappa`, `times` running. (Bloodgood & Vijay-Shanker 2009.)
/// Needs no labels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Agreement {
    /// Usually 0.99.
    pub kappa: f64,
    /// Usually 3.
    pub times: usize,
    /// The size of the stop set, drawn at random from U at t = 1.
    pub stop_set: usize,
}

impl Agreement {
    /// The paper's setting, on a stop set of 1,000.
    pub const DEFAULT: Self = Self {
        kappa: 0.99,
        times: 3,
        stop_set: 1000,
    };
}

/// What one step showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Labels spent up to and with this step.
    pub labels: usize,
    /// The measure on the validation set, where there is one.
    pub validation: Option<f64>,
    /// M_t's class for each member of the stop set, where agreement is asked
    /// for; |Y| for one that cannot be read.
    pub stop_set: Option<Vec<usize>>,
}

/// Which rule ended a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StopReason {
    /// The number of steps asked for is done.
    Steps,
    /// The label budget is spent.
    Labels,
    /// The validation curve is flat.
    Plateau,
    /// Successive models agree on the stop set.
    Agreement,
    /// No candidate is left to label.
    PoolExhausted,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Steps => "the number of steps asked for is done",
            Self::Labels => "the label budget is spent",
            Self::Plateau => "the validation curve is flat",
            Self::Agreement => "successive models agree on the stop set",
            Self::PoolExhausted => "the pool is exhausted",
        })
    }
}

impl Stop {
    /// Stops after this many steps.
    #[must_use]
    pub fn after_steps(self, steps: u32) -> Self {
        let steps = Some(steps);
        Self { steps, ..self }
    }

    /// Stops once this many labels are spent; the last batch is cut to it.
    #[must_use]
    pub fn after_labels(self, labels: usize) -> Self {
        let labels = Some(labels);
        Self { labels, ..self }
    }

    /// Stops once the validation curve is flat.
    #[must_use]
    pub fn at_plateau(self, plateau: Plateau) -> Self {
        let plateau = Some(plateau);
        Self { plateau, ..self }
    }

    /// Stops once successive models agree.
    #[must_use]
    pub fn on_agreement(self, agreement: Agreement) -> Self {
        let agreement = Some(agreement);
        Self { agreement, ..self }
    }

    /// The first rule that holds after the steps in `evidence`, if one does.
    /// `classes` is |Y|; `start` tells how far apart the models to compare
    /// are: continual models change little from step to step, so M_t is held
    /// against M_{t-3}; models trained afresh against the one before.
    pub fn reached(
        &self,
        evidence: &[Evidence],
        classes: usize,
        start: Start,
    ) -> Option<StopReason> {
        let spent = evidence.last().map_or(0, |last| last.labels);
        if self.labels.is_some_and(|budget| spent >= budget) {
            return Some(StopReason::Labels);
        }
        if self
            .steps
            .is_some_and(|steps| evidence.len() >= steps as usize)
        {
            return Some(StopReason::Steps);
        }
        if self.plateau.is_some_and(|rule| rule.holds(evidence)) {
            return Some(StopReason::Plateau);
        }
        let lag = match start {
            Start::Current => 3,
            Start::Pretrained => 1,
        };
        if self
            .agreement
            .is_some_and(|rule| rule.holds(evidence, classes, lag))
        {
            return Some(StopReason::Agreement);
        }
        None
    }
}

impl Plateau {
    fn holds(&self, evidence: &[Evidence]) -> bool {
        let curve: Vec<f64> = evidence.iter().filter_map(|e| e.validation).collect();
        if self.patience == 0 || curve.len() <= self.patience {
            return false;
        }
        let best = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (before, recent) = curve.split_at(curve.len() - self.patience);
        best(recent) <= best(before) + self.tolerance
    }
}

impl Agreement {
    fn holds(&self, evidence: &[Evidence], classes: usize, lag: usize) -> bool {
        let kappa_at = |t: usize| {
            let earlier = t.checked_sub(lag)?;
            let (now, then) = (&evidence[t].stop_set, &evidence[earlier].stop_set);
            kappa(now.as_deref()?, then.as_deref()?, classes)
        };
        self.times > 0
            && evidence.len() >= self.times
            && (evidence.len() - self.times..evidence.len())
                .all(|t| kappa_at(t).is_some_and(|kappa| kappa >= self.kappa))
    }
}

/// Cohen's kappa on the members that both models could read: one that neither
/// can would count as agreed on, and define the kappa of two constant models,
/// which is none.
fn kappa(now: &[usize], then: &[usize], classes: usize) -> Option<f64> {
    assert_eq!(now.len(), then.len(), "one stop set for all steps");
    let (now, then): (Vec<usize>, Vec<usize>) = now
        .iter()
        .zip(then)
        .filter(|&(&now, &then)| now < classes && then < classes)
        .unzip();
    cohen_kappa(&now, &then, classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(values: &[f64]) -> Vec<Evidence> {
        values
            .iter()
            .enumerate()
            .map(|(t, v)| Evidence {
                labels: 10 * (t + 1),
                validation: Some(*v),
                stop_set: None,
            })
            .collect()
    }

    fn reached(stop: &Stop, evidence: &[Evidence], start: Start) -> Option<StopReason> {
        stop.reached(evidence, 2, start)
    }

    #[test]
    fn budgets() {
        let stop = Stop {
            labels: Some(20),
            steps: Some(3),
            ..Stop::default()
        };
        let evidence = curve(&[0.5, 0.6, 0.7]);
        assert_eq!(reached(&stop, &evidence[..1], Start::Current), None);
        assert_eq!(
            reached(&stop, &evidence[..2], Start::Current),
            Some(StopReason::Labels)
        );
        let stop = Stop {
            labels: None,
            ..stop
        };
        assert_eq!(reached(&stop, &evidence[..2], Start::Current), None);
        assert_eq!(
            reached(&stop, &evidence, Start::Current),
            Some(StopReason::Steps)
        );
    }

    #[test]
    fn a_plateau_is_no_rise_above_the_best() {
        let plateau = Some(Plateau {
            patience: 2,
            tolerance: 0.01,
        });
        let stop = Stop {
            plateau,
            ..Stop::default()
        };
        assert_eq!(reached(&stop, &curve(&[0.9, 0.8]), Start::Current), None);
        assert_eq!(
            reached(&stop, &curve(&[0.9, 0.8, 0.905]), Start::Current),
            Some(StopReason::Plateau)
        );
        assert_eq!(
            reached(&stop, &curve(&[0.9, 0.8, 0.92]), Start::Current),
            None
        );
    }

    #[test]
    fn agreement_needs_its_run_and_a_defined_kappa() {
        let stop = Stop {
            agreement: Some(Agreement::DEFAULT),
            ..Stop::default()
        };
        let models = |predictions: &[&[usize]]| -> Vec<Evidence> {
            predictions
                .iter()
                .map(|p| Evidence {
                    stop_set: Some(p.to_vec()),
                    ..Evidence::default()
                })
                .collect()
        };
        let (a, b, constant): (&[usize], &[usize], &[usize]) =
            (&[0, 1, 1, 0], &[1, 1, 1, 0], &[1; 4]);
        // Reset models: compared with the one before, three times running.
        assert_eq!(reached(&stop, &models(&[a, a, a]), Start::Pretrained), None);
        assert_eq!(
            reached(&stop, &models(&[a, a, a, a]), Start::Pretrained),
            Some(StopReason::Agreement)
        );
        assert_eq!(
            reached(&stop, &models(&[a, a, b, a]), Start::Pretrained),
            None
        );
        assert_eq!(
            reached(&stop, &models(&[constant; 6]), Start::Pretrained),
            None
        );
        // What cannot be read (class 2 of 2) is neither agreed on nor disagreed.
        let broken: &[usize] = &[1, 1, 1, 2];
        assert_eq!(
            reached(&stop, &models(&[broken; 6]), Start::Pretrained),
            None
        );
        let (all, fewer): (&[usize], &[usize]) = (&[0, 1, 1, 0], &[0, 1, 1, 2]);
        assert_eq!(
            reached(&stop, &models(&[all, fewer, all, fewer]), Start::Pretrained),
            Some(StopReason::Agreement)
        );
        // Continual models: compared with the third before.
        assert_eq!(reached(&stop, &models(&[a; 5]), Start::Current), None);
        assert_eq!(
            reached(&stop, &models(&[a; 6]), Start::Current),
            Some(StopReason::Agreement)
        );
    }
}
