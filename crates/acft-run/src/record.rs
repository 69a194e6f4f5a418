//! What a run writes about each step: a line of `steps.jsonl`, and a row a
//! drawn candidate in `queries.csv`.

use std::collections::BTreeMap;

use acft::StopReason;
use acft::curve::{CurveError, LearningCurve, Point};
use serde::{Deserialize, Serialize};

/// A line of `steps.jsonl`. Its presence is what makes a step count: it is
/// written last, when the model and the queries are on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepRecord {
    /// t, from 1.
    pub step: u32,
    /// Labels spent up to and with this step.
    pub labels: usize,
    /// AUC on the test set; none where a class is absent from it.
    pub test_auc: Option<f64>,
    /// AUC on the validation set.
    pub val_auc: Option<f64>,
    /// Area under the precision-recall curve of the positive class, on the test set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_auprc: Option<f64>,
    /// Sensitivity at 90 % specificity, on the test set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_sensitivity: Option<f64>,
    /// Expected calibration error on the test set, 15 bins.
    pub test_ece: Option<f64>,
    /// |H|, if the strategy needs it.
    pub h: Option<usize>,
    /// |Q|.
    pub q: usize,
    /// Candidates in this step's fine-tuning.
    pub trained_on: usize,
    /// Queried candidates of each class.
    pub batch_classes: BTreeMap<String, usize>,
    /// The classes of H.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub h_classes: Option<BTreeMap<String, usize>>,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// Candidates scored for this step's query.
    pub scored: usize,
    /// How long each phase took.
    pub seconds: Seconds,
    /// Patches a second.
    pub patches_per_second: Rates,
    /// The content hash of M_t (BLAKE3 of its file).
    pub model: String,
    /// Candidates that turned out unreadable in this step: they have left the
    /// pool, or the held-out set that they were to judge.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unreadable: Vec<Unreadable>,
    /// M_t's classes on the stop set, where the rule of agreement is on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop_set: Option<Vec<usize>>,
    /// Signs that training diverges.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

/// A candidate whose image cannot be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unreadable {
    /// As shown.
    pub candidate: String,
    /// Its key.
    pub key: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// Wall-clock seconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Seconds {
    /// Scoring the pool and drawing the batch.
    pub query: f64,
    /// Finding H, and fine-tuning.
    pub train: f64,
    /// Measuring M_t.
    pub evaluate: f64,
}

/// Patches a second; `None` if there were none.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rates {
    /// Scored for the query.
    pub query: Option<f64>,
    /// Trained on, each counted once an epoch.
    pub train: Option<f64>,
}

/// A row of `queries.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct QueryRow {
    /// t, from 1.
    pub step: u32,
    /// The place in the batch, from 1, in draw order.
    pub draw: usize,
    /// The candidate as shown: its path, and its box if it has one.
    pub candidate: String,
    /// Its key.
    pub key: String,
    /// The label that the oracle gave; empty if it was skipped.
    pub label: String,
    /// Its place in the ranking of the pool, from 1; empty for a random query.
    pub rank: Option<usize>,
    /// a of Eq. 2.
    pub score: f64,
    /// e of Eq. 1, over the kept patches.
    pub entropy: f64,
    /// d of Eq. 1, over the kept patches.
    pub diversity: f64,
    /// The dominant class by M_{t-1}.
    pub dominant: String,
}

/// The last line of a finished run: `finished.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// Which rule ended it.
    pub reason: StopReason,
    /// Steps done.
    pub steps: u32,
    /// Labels spent.
    pub labels: usize,
    /// Test AUC of the last model.
    pub last_test_auc: Option<f64>,
    /// Its validation AUC.
    #[serde(default)]
    pub last_val_auc: Option<f64>,
    /// The step of the model with the best validation AUC.
    pub best_step: Option<u32>,
    /// Its test AUC.
    pub best_test_auc: Option<f64>,
    /// Area under the learning curve over the queried range (test AUC, linear axis).
    pub alc: Option<f64>,
    /// The same of Guyon et al. 2011: log2 axis, 0 at AUC 0.5, 1 at AUC 1.
    pub alc_log2: Option<f64>,
}

/// The data that was found: `data.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Class names, in the order of the network's outputs.
    pub classes: Vec<String>,
    /// Candidates in the pool, for validation, and for testing.
    pub pool: usize,
    /// The number of candidates for validation.
    pub validation: usize,
    /// The number of candidates for testing.
    pub test: usize,
    /// BLAKE3 over every candidate's key, label and split: a resumed run must
    /// find the same data.
    pub digest: String,
    /// BLAKE3 over every candidate's key and label alone: the same for all seeds, whatever the splits. None where an
    /// earlier version made the run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub candidates: Option<String>,
    /// The content hash of M_0.
    pub pretrained: String,
    /// BLAKE3 of the file of weights, which M_0 has with a last layer of its own for each seed. None without one, and
    /// where an earlier version made the run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weights: Option<String>,
    /// The hash that names the file of the network's features, where a head learns on them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub features: Option<String>,
    /// Splits that were made because the data has none.
    pub held_out: Vec<String>,
    /// Files and rows that cannot be used, and why.
    pub left_out: Vec<String>,
    /// Byte-identical candidates that were dropped.
    pub duplicates: Vec<String>,
}

impl DataRecord {
    /// Whether two runs, of whatever seeds, had the same candidates and labels, as far as is known: splits that are made
    /// differ from seed to seed, and those that the data has do not.
    pub fn same_candidates(&self, other: &Self) -> bool {
        match (&self.candidates, &other.candidates) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ if self.held_out.is_empty() && other.held_out.is_empty() => {
                self.digest == other.digest
            }
            _ => true,
        }
    }
}

/// The learning curve of the test AUC.
///
/// # Errors
/// No step has one.
pub fn learning_curve(steps: &[StepRecord]) -> Result<LearningCurve, CurveError> {
    let mut points: Vec<Point> = Vec::new();
    for step in steps {
        // A step whose batch was skipped whole adds no label, and no point.
        if let Some(value) = step.test_auc
            && step.labels > points.last().map_or(0, |last| last.labels)
        {
            points.push(Point {
                labels: step.labels,
                value,
            });
        }
    }
    LearningCurve::new(points)
}
