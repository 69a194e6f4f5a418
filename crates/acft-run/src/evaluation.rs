//! Measures a model on candidates from which it has not learned.

use std::ops::ControlFlow;

use acft::prediction::{Predictions, mean_of_rows};
use acft::{BoxError, CandidateError, CandidateId, Label, Scorer, metrics};

/// Bins of the expected calibration error.
const ECE_BINS: usize = 15;

/// The specificity at which sensitivity is measured.
const SPECIFICITY: f64 = 0.9;

/// A model's mean predictions on a held-out split, and their labels.
pub struct Evaluation {
    classes: usize,
    /// n × |Y|, row-major.
    probabilities: Vec<f64>,
    labels: Vec<usize>,
    ids: Vec<CandidateId>,
    /// Candidates whose image could not be read.
    pub unreadable: Vec<(CandidateId, CandidateError)>,
}

/// The measures that a step reports.
pub struct Measures {
    /// Area under the ROC curve; macro average of one-versus-rest for more than two classes.
    pub auc: Option<f64>,
    /// Classes that the set lacks, which the average leaves out.
    pub absent: Vec<usize>,
    /// Area under the precision-recall curve of the positive class.
    pub auprc: Option<f64>,
    /// Sensitivity of the positive class at 90 % specificity.
    pub sensitivity: Option<f64>,
    /// Expected calibration error, 15 bins.
    pub ece: Option<f64>,
}

impl Evaluation {
    /// Predicts `ids`. Candidates without a label, or that cannot be read, are left out. If
    /// `progress` breaks off, the rest is left out too.
    pub fn of<M>(
        scorer: &impl Scorer<M>,
        model: &M,
        ids: &[CandidateId],
        labels: &[Option<Label>],
        mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Self, BoxError> {
        let labeled: Vec<CandidateId> = ids
            .iter()
            .copied()
            .filter(|id| labels[id.index()].is_some())
            .collect();
        let mut evaluation = Self {
            classes: scorer.classes(),
            probabilities: Vec::with_capacity(labeled.len() * scorer.classes()),
            labels: Vec::with_capacity(labeled.len()),
            ids: Vec::with_capacity(labeled.len()),
            unreadable: Vec::new(),
        };
        let mut done = 0;
        scorer.predict(model, &labeled, &mut |id, outcome| {
            match (outcome, labels[id.index()]) {
                (Ok(rows), Some(label)) => evaluation.push(id, rows, label),
                (Err(error), _) => evaluation.unreadable.push((id, error)),
                (Ok(_), None) => {}
            }
            done += 1;
            progress(done, labeled.len())
        })?;
        Ok(evaluation)
    }

    /// The prediction for a candidate is the mean of its patches' rows.
    fn push(&mut self, id: CandidateId, rows: &[f64], label: Label) {
        self.probabilities.extend(mean_of_rows(rows, self.classes));
        self.labels.push(label.index());
        self.ids.push(id);
    }

    /// The mean prediction of each candidate that could be read.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (CandidateId, &[f64])> {
        let rows = self.probabilities.chunks_exact(self.classes);
        self.ids.iter().copied().zip(rows)
    }

    /// All measures. Those of the positive class are left out if no class is named positive.
    pub fn measures(&self, positive: Option<usize>) -> Measures {
        // A two-class AUC is the same whichever class is called positive,
        // save for ties: where the softmax saturates, candidates may share a
        // probability of 1 whose probabilities of the other class differ.
        // Without a positive class it is always that of class 1.
        let binary = (self.classes == 2).then(|| positive.unwrap_or(1));
        let auc = metrics::roc_auc(&self.probabilities, self.classes, &self.labels, binary);
        let of_positive = positive.filter(|_| self.classes == 2).map(|class| {
            let scores: Vec<f64> = self
                .probabilities
                .iter()
                .skip(class)
                .step_by(self.classes)
                .copied()
                .collect();
            let truth: Vec<bool> = self.labels.iter().map(|&label| label == class).collect();
            (scores, truth)
        });
        Measures {
            auc: auc.value,
            absent: auc.absent,
            auprc: of_positive
                .as_ref()
                .and_then(|(scores, truth)| metrics::average_precision_binary(scores, truth)),
            sensitivity: of_positive
                .as_ref()
                .and_then(|(scores, truth)| {
                    metrics::sensitivity_at_specificity(scores, truth, SPECIFICITY)
                })
                .map(|point| point.sensitivity),
            // Undefined where nothing could be judged.
            ece: Some(metrics::expected_calibration_error(
                &self.probabilities,
                self.classes,
                &self.labels,
                ECE_BINS,
            ))
            .filter(|ece| ece.is_finite()),
        }
    }
}

/// The class that the model predicts for each of `ids`, labeled or not. The value is |Y| for an
/// image that cannot be read, so that the answers of two models line up. If `progress` breaks
/// off, there are fewer.
pub fn classes_named<M>(
    scorer: &impl Scorer<M>,
    model: &M,
    ids: &[CandidateId],
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<usize>, BoxError> {
    let mut named = Vec::with_capacity(ids.len());
    let mut failure = None;
    scorer.predict(model, ids, &mut |_, outcome| {
        let class = match outcome.map(|rows| Predictions::new(rows, scorer.classes())) {
            Ok(Ok(predictions)) => predictions.dominant(),
            Ok(Err(error)) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            Err(_) => scorer.classes(),
        };
        named.push(class);
        progress(named.len(), ids.len())
    })?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(named),
    }
}
