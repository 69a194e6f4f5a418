//! Records each step as it is done: writes the run's folder, and tells the
//! user.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Instant;

use acft::prediction::Predictions;
use acft::{
    BoxError, CandidateError, CandidateId, Example, Journal, Judged, Label, Observer, Queried, Run,
    Scorer, Scoring, Taught,
};
use acft_images::source::Dataset;

use super::favoured::{Favoured, Kept, QueryPredictions, Seen, Watched, rounded};
use super::folder::RunFolder;
use super::judge::Measured;
use super::record::{QueryRow, Rates, Seconds, StepRecord, Unreadable};
use super::run_model::RunModel;
use super::{plot, test_set};
use crate::teller::Teller;

/// A fall of the validation AUC below its best that is worth a word.
const FALL: f64 = 0.1;

/// Of larger batches no predictions are kept.
const MOST_DRAWN: usize = 500;

/// Fewer labels than these show no tendency.
const FEW: usize = 20;

/// What a warning has in it by which its sign is known. Runs of earlier builds have the same texts in `steps.jsonl`, so
/// that these stay as they are.
pub mod signs {
    /// The validation AUC fell far below its best.
    pub const FELL: &str = "validation AUC fell";
    /// The loss rose while the network trained.
    pub const ROSE: &str = "training loss rose";
    /// The last layer answers the same for every image.
    pub const DEAD: &str = "last layer is dead";
    /// Nearly all misclassified candidates are of one class.
    pub const ONE_SIDED: &str = "one-sided";
    /// The network misclassifies most of what it has learned.
    pub const MOST_WRONG: &str = "labels wrong";

    /// Whether fine-tuning stood still, in the second half of its epochs, where a
    /// network is that says of everything that all classes are as likely. A few
    /// patches that still get through keep a dead layer's loss from being that to
    /// the last digit.
    pub fn sticks(loss: &[f64], classes: usize) -> bool {
        const NEAR: f64 = 1e-3;
        let undecided = (classes as f64).ln();
        let half = &loss[loss.len() / 2..];
        !half.is_empty() && half.iter().all(|loss| (loss - undecided).abs() < NEAR)
    }
}

/// What the journal of a run needs to know beside the steps themselves.
pub(crate) struct Setting<'a, S> {
    pub data: &'a Dataset,
    /// Sees all patches of a candidate.
    pub scorer: &'a S,
    /// The share of patches that the most and the least favoured are told by, beside all of them.
    pub alpha: f64,
    pub test: Vec<CandidateId>,
    pub patches: usize,
    pub title: String,
}

/// A journal that is closed.
pub(crate) struct Ended {
    pub folder: RunFolder,
    pub steps: Vec<StepRecord>,
    pub teller: Box<dyn Teller>,
    /// Found by a last query that found nothing else, so that no step has them.
    pub unreadable: Vec<Unreadable>,
}

pub(crate) struct RunJournal<'a, S> {
    setting: Setting<'a, S>,
    folder: RunFolder,
    steps: Vec<StepRecord>,
    teller: Box<dyn Teller>,
    total_steps: Option<u32>,
    begun: Instant,
    query_seconds: f64,
    watched: Watched,
    /// The batch as the network saw it, in draw order.
    drawn: Vec<Seen>,
    /// Shares of a step's time that its phases took last time.
    shares: Seconds,
    /// Of this step, and by key of all steps so far.
    unreadable: Vec<Unreadable>,
    unreadable_before: BTreeSet<String>,
}

impl<'a, S> RunJournal<'a, S> {
    pub(crate) fn new(
        setting: Setting<'a, S>,
        folder: RunFolder,
        steps: Vec<StepRecord>,
        teller: Box<dyn Teller>,
        total_steps: Option<u32>,
    ) -> Self {
        let unreadable_before = steps
            .iter()
            .flat_map(|step| &step.unreadable)
            .map(|one| one.key.clone())
            .collect();
        let alpha = setting.alpha;
        Self {
            setting,
            folder,
            steps,
            teller,
            total_steps,
            begun: Instant::now(),
            query_seconds: 0.0,
            watched: Watched::new(alpha),
            drawn: Vec::new(),
            shares: Seconds {
                query: 1.0,
                train: 1.0,
                evaluate: 0.5,
            },
            unreadable: Vec::new(),
            unreadable_before,
        }
    }

    /// What follows a step's line: which models are kept, and the picture.
    /// Done again when a run goes on, in case a kill came before it.
    pub(crate) fn mend(&self) -> anyhow::Result<()> {
        let Some(last) = self.steps.last() else {
            return Ok(());
        };
        self.folder
            .keep_models(last.step, best_step(&self.steps).unwrap_or(last.step))?;
        plot::write(&self.folder, &self.steps, &self.setting.title)
    }

    /// What is left when no step follows.
    pub(crate) fn end(self) -> Ended {
        Ended {
            folder: self.folder,
            steps: self.steps,
            teller: self.teller,
            unreadable: self.unreadable,
        }
    }

    fn done(&self) -> u32 {
        self.steps.len() as u32
    }

    /// How far into the current step we are, phases weighed by their last times.
    fn share(&self, phase: Phase, within: f64) -> f64 {
        let Seconds {
            query,
            train,
            evaluate,
        } = self.shares;
        let (before, this) = match phase {
            Phase::Query => (0.0, query),
            Phase::Train => (query, train),
            Phase::Evaluate => (query + train, evaluate),
        };
        (before + within * this) / (query + train + evaluate).max(f64::EPSILON)
    }

    fn show(&self, phase: Phase, within: f64, doing: impl Fn() -> String) {
        self.teller.at(self.done(), self.share(phase, within), &|| {
            format!("step {}: {}", self.done() + 1, doing())
        });
    }

    fn class_counts<'e>(
        &self,
        examples: impl IntoIterator<Item = &'e Example>,
    ) -> BTreeMap<String, usize> {
        let mut counts: BTreeMap<String, usize> = self
            .setting
            .data
            .classes
            .iter()
            .map(|class| (class.clone(), 0))
            .collect();
        for example in examples {
            *counts
                .entry(self.setting.data.classes[example.label.index()].clone())
                .or_default() += 1;
        }
        counts
    }

    /// Once for each candidate, not at every step.
    fn tell_unreadable(&mut self, id: CandidateId, reason: &str) {
        let candidate = &self.setting.data.candidates[id.index()];
        let key = candidate.key.to_string();
        if self.unreadable_before.insert(key.clone()) {
            let one = Unreadable {
                candidate: candidate.name.clone(),
                key,
                reason: reason.to_owned(),
            };
            self.teller
                .line(&format!("left out: {}: {}", one.candidate, one.reason));
            self.unreadable.push(one);
        }
    }

    fn query_rows<M>(&self, step: u32, queried: &Queried, taught: &Taught<M>) -> Vec<QueryRow> {
        let classes = &self.setting.data.classes;
        let given: BTreeMap<CandidateId, Label> = taught
            .newly_labeled
            .iter()
            .map(|example| (example.candidate, example.label))
            .collect();
        (1..)
            .zip(&queried.batch)
            .map(|(draw, drawn)| {
                let candidate = &self.setting.data.candidates[drawn.candidate.index()];
                QueryRow {
                    step,
                    draw,
                    candidate: candidate.name.clone(),
                    key: candidate.key.to_string(),
                    label: given
                        .get(&drawn.candidate)
                        .map(|label| classes[label.index()].clone())
                        .unwrap_or_default(),
                    rank: drawn.rank,
                    score: drawn.score.value,
                    entropy: drawn.score.entropy,
                    diversity: drawn.score.diversity,
                    dominant: classes[drawn.score.dominant].clone(),
                }
            })
            .collect()
    }

    fn seen(&self, id: CandidateId, score: f64, rows: &[f64]) -> Seen {
        let data = self.setting.data;
        let candidate = &data.candidates[id.index()];
        let label = candidate.label.map(|label| &data.classes[label.index()]);
        Seen {
            candidate: candidate.name.clone(),
            key: candidate.key.to_string(),
            label: label.cloned().unwrap_or_default(),
            score,
            patches: rounded(rows, data.classes.len()),
        }
    }

    /// What M_{t-1} made of the candidates of a step, to begin anew for the next.
    fn predictions(&mut self, step: u32) -> QueryPredictions {
        let extremes: Vec<_> = self.watched.take().collect();
        let list = |kept: &[Kept]| -> Vec<Seen> {
            kept.iter()
                .map(|one| self.seen(one.candidate, one.score, &one.rows))
                .collect()
        };
        let favoured = extremes.iter().map(|of| Favoured {
            criterion: if of.criterion.lambda1 > 0.0 {
                "entropy".to_owned()
            } else {
                "diversity".to_owned()
            },
            alpha: of.criterion.alpha,
            most: list(&of.most),
            least: list(&of.least),
        });
        QueryPredictions {
            step,
            favoured: favoured.collect(),
            drawn: std::mem::take(&mut self.drawn),
        }
    }

    /// Signs that training diverges, read off what may be looked at without
    /// spending a test label.
    fn warnings<M: RunModel>(
        &self,
        labeled_before: usize,
        taught: &Taught<M>,
        val_auc: Option<f64>,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        let best = self
            .steps
            .iter()
            .filter_map(|step| step.val_auc)
            .fold(f64::NEG_INFINITY, f64::max);
        if let Some(auc) = val_auc.filter(|auc| *auc < best - FALL) {
            warnings.push(format!(
                "the {} to {auc:.3}, its best was {best:.3}",
                signs::FELL
            ));
        }
        warnings.extend(M::warnings(taught, &self.setting.data.classes));
        if let Some(h) = &taught.misclassified {
            warnings.extend(self.warnings_of(h, labeled_before));
        }
        warnings
    }

    /// Signs in H: that it is large, or nearly all of one class, which the next
    /// network will then be pushed to.
    fn warnings_of(&self, h: &[Example], labeled_before: usize) -> Vec<String> {
        let mut warnings = Vec::new();
        if 2 * h.len() > labeled_before && labeled_before >= FEW {
            warnings.push(format!(
                "the last network gets {} of its {labeled_before} {}",
                h.len(),
                signs::MOST_WRONG
            ));
        }
        let counts = self.class_counts(h);
        if h.len() >= FEW
            && let Some((class, count)) = counts.iter().max_by_key(|(_, count)| **count)
            && *count as f64 >= 0.9 * h.len() as f64
        {
            warnings.push(format!(
                "{count} of the {} labels that it gets wrong are {class:?}: H ∪ Q is {}; try --learn hq-balanced or lq",
                h.len(),
                signs::ONE_SIDED
            ));
        }
        warnings
    }

    fn step_line(&self, record: &StepRecord) -> String {
        let of = self
            .total_steps
            .map(|total| format!("/{total}"))
            .unwrap_or_default();
        let auc = |name: &str, value: Option<f64>| {
            value
                .map(|value| format!("  {name} AUC {value:.4}"))
                .unwrap_or_default()
        };
        let test = match self.setting.test.is_empty() {
            true => String::new(),
            false => record.test_auc.map_or_else(
                || "  test AUC -".to_owned(),
                |_| auc("test", record.test_auc),
            ),
        };
        let val = auc("val", record.val_auc);
        let h = record.h.map(|h| format!("  H {h}")).unwrap_or_default();
        let Seconds {
            query,
            train,
            evaluate,
        } = record.seconds;
        format!(
            "step {:>2}{of}  labels {:>4}{test}{val}{h}  trained on {}  {:.1} s",
            record.step,
            record.labels,
            record.trained_on,
            query + train + evaluate,
        )
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Query,
    Train,
    Evaluate,
}

impl<S> Observer for RunJournal<'_, S> {
    fn scored(&mut self, what: Scoring, done: usize, total: usize) -> ControlFlow<()> {
        let (phase, doing, scale) = match what {
            Scoring::Pool => (Phase::Query, "scoring the pool", 1.0),
            Scoring::Labeled => (Phase::Train, "finding H", 0.0),
            Scoring::Evaluation => (Phase::Evaluate, "measuring", 1.0),
        };
        self.show(phase, scale * done as f64 / total as f64, || {
            format!("{doing} {done}/{total}")
        });
        ControlFlow::Continue(())
    }

    fn predicted(&mut self, candidate: CandidateId, predictions: &Predictions<'_>) {
        let key = self.setting.data.candidates[candidate.index()].key;
        self.watched.see(candidate, key, predictions);
    }

    fn left_out(&mut self, candidate: CandidateId, error: &CandidateError) {
        self.tell_unreadable(candidate, &error.reason);
    }

    fn trained(
        &mut self,
        epoch: usize,
        epochs: usize,
        batch: usize,
        batches: usize,
        loss: f64,
    ) -> ControlFlow<()> {
        let within = (epoch as f64 + (batch + 1) as f64 / batches as f64) / epochs as f64;
        self.show(Phase::Train, within, || {
            format!("fine-tuning, epoch {}/{epochs}, loss {loss:.3}", epoch + 1)
        });
        ControlFlow::Continue(())
    }
}

impl<M: RunModel, S: Scorer<M>> Journal<M, Measured> for RunJournal<'_, S> {
    fn queried(&mut self, run: &Run<M>, queried: &Queried) -> Result<(), BoxError> {
        for (id, error) in &queried.unreadable {
            self.tell_unreadable(*id, &error.reason);
        }
        // What follows is for the record, and not the price of the query.
        self.query_seconds = self.begun.elapsed().as_secs_f64();
        if queried.scored == queried.batch.len() {
            // A random query looks at its batch alone, which has no extremes of U.
            self.watched.take().for_each(drop);
        }
        // Predicting the few again is cheaper than keeping the predictions of all; where they are many, as when all of
        // the pool is asked for at once, no one looks at each.
        let few = queried
            .batch
            .iter()
            .filter(|_| queried.batch.len() <= MOST_DRAWN);
        let ids: Vec<CandidateId> = few.map(|one| one.candidate).collect();
        let mut rows = BTreeMap::new();
        let scorer = self.setting.scorer;
        scorer.predict(&run.current, &ids, &mut |id, outcome| {
            rows.extend(outcome.ok().map(|outcome| (id, outcome.to_vec())));
            ControlFlow::Continue(())
        })?;
        self.drawn = queried
            .batch
            .iter()
            .filter_map(|one| Some((one, rows.get(&one.candidate)?)))
            .map(|(one, rows)| self.seen(one.candidate, one.score.value, rows))
            .collect();
        self.begun = Instant::now();
        Ok(())
    }

    fn taught(
        &mut self,
        run: &Run<M>,
        queried: &Queried,
        taught: &Taught<M>,
        judged: &Judged<Measured>,
    ) -> Result<(), BoxError> {
        let Judged { evidence, measures } = judged;
        let train = self.begun.elapsed().as_secs_f64() - measures.seconds;
        // `run` is a step ahead: it already waits for the next query.
        let step = run.step - 1;
        let model = &run.current;
        let (test, val_auc) = (&measures.test, evidence.validation);

        let test_ids = self.setting.test.clone();
        if step == 1 && !test_ids.is_empty() && !test.absent.is_empty() {
            let names: Vec<_> = test
                .absent
                .iter()
                .map(|&class| self.setting.data.classes[class].as_str())
                .collect();
            self.teller.line(&format!(
                "warning: the AUC leaves out what the test set lacks: {}",
                names.join(", ")
            ));
        }

        let bytes = model.file();
        let labels = evidence.labels;
        let seconds = Seconds {
            query: self.query_seconds,
            train: train.max(0.0),
            evaluate: measures.seconds,
        };
        let rate = |patches: usize, seconds: f64| {
            (patches > 0 && seconds > 0.0).then(|| patches as f64 / seconds)
        };
        let record = StepRecord {
            step,
            labels,
            test_auc: test.auc,
            val_auc,
            test_auprc: test.auprc,
            test_sensitivity: test.sensitivity,
            test_ece: test.ece,
            h: taught.misclassified.as_ref().map(Vec::len),
            q: taught.newly_labeled.len(),
            trained_on: taught.lesson.len(),
            batch_classes: self.class_counts(&taught.newly_labeled),
            h_classes: taught.misclassified.as_ref().map(|h| self.class_counts(h)),
            loss: taught.loss.clone(),
            scored: queried.scored,
            seconds,
            patches_per_second: Rates {
                query: rate(queried.scored * self.setting.patches, seconds.query),
                train: rate(taught.patches, seconds.train),
            },
            model: blake3::hash(&bytes).to_string(),
            unreadable: std::mem::take(&mut self.unreadable),
            stop_set: evidence.stop_set.clone(),
            warnings: self.warnings(labels - taught.newly_labeled.len(), taught, val_auc),
        };

        let rows = self.query_rows(step, queried, taught);
        let predictions = self.predictions(step);
        if !test_ids.is_empty() {
            let (data, root) = (self.setting.data, self.folder.root());
            test_set::write_predictions(root, step, data, &test_ids, &measures.tested)?;
        }
        self.folder
            .keep_step(&record, &rows, &predictions, &bytes)?;
        self.teller.line(&self.step_line(&record));
        for warning in &record.warnings {
            self.teller.line(&format!("  warning: {warning}"));
        }
        self.steps.push(record);
        self.mend()?;

        self.shares = seconds;
        self.begun = Instant::now();
        Ok(())
    }
}

/// The step whose model is best on the validation set: the earliest of equals.
pub fn best_step(steps: &[StepRecord]) -> Option<u32> {
    let mut best: Option<(f64, u32)> = None;
    for step in steps {
        if let Some(auc) = step.val_auc
            && best.is_none_or(|(highest, _)| auc > highest)
        {
            best = Some((auc, step.step));
        }
    }
    best.map(|(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::signs::sticks;

    /// Losses of steps whose test AUC was 0.500 and 0.511 (lung candidates, AFT(LQ)), and of steps that learned.
    #[test]
    fn a_dead_layer_is_told_from_one_that_learns_slowly() {
        let dead = [
            0.6975, 0.693_152, 0.693_285, 0.693_152, 0.693_181, 0.693_152,
        ];
        let nearly = [
            0.7035, 0.693_096, 0.693_287, 0.693_159, 0.693_148, 0.693_078, 0.692_781,
        ];
        assert!(sticks(&dead, 2) && sticks(&nearly, 2));
        let slow = [0.712, 0.701, 0.697, 0.694, 0.6915, 0.6893];
        let passing = [0.93, 0.81, 0.73, 0.6935, 0.66, 0.62];
        let at_once = [0.6933, 0.6929, 0.652, 0.601];
        for learns in [&slow[..], &passing, &at_once, &[]] {
            assert!(!sticks(learns, 2), "{learns:?}");
        }
        assert!(!sticks(&dead, 3));
        assert!(sticks(&[1.2, 1.0986, 1.0987], 3));
    }
}
