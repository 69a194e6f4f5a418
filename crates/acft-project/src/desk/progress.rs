//! How far a project is.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{ClassId, Draw, Moment};
use crate::ledger::{Ledger, Outcome, Share};
use crate::project::Project;
use crate::rules::Rules;

/// The last so many labels tell how fast labeling goes now.
const RECENT: usize = 50;

/// How far a project is: what the page shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Labels spent.
    pub labels: usize,
    /// How many may be.
    pub budget: Option<usize>,
    /// Candidates passed over.
    pub skipped: usize,
    /// Candidates that nobody was asked about yet.
    pub pool: usize,
    /// Candidates that were set aside, for their image cannot be read.
    pub unreadable: usize,
    /// Of those, the ones whose file is not the image that joined the project.
    pub changed: usize,
    /// Candidates whose file could not be opened when it was last looked at:
    /// they are looked at again.
    pub away: usize,
    /// All candidates.
    pub candidates: usize,
    /// Candidates whose annotators contradict each other.
    pub disputed: usize,
    /// Labels that no model in use has learned.
    pub unlearned: usize,
    /// The median of the last labels.
    pub seconds_per_label: Option<f64>,
    /// The batch that is being labeled.
    pub batch: Option<BatchProgress>,
    /// Whether there is enough to judge models by.
    pub holdout: HoldoutProgress,
    /// Which classes were chosen, beside which there are (Fig. 8).
    pub balance: Balance,
    /// Every model that was made of labels, in order.
    pub curve: Vec<CurvePoint>,
    /// Who labeled how much.
    pub annotators: Vec<AnnotatorProgress>,
    /// Why nothing more is proposed, where that is so.
    pub advice: Option<String>,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BatchProgress {
    /// Counts batches that were queried or drawn to be learned from.
    pub number: u32,
    /// Its members.
    pub size: usize,
    /// Those that need no further word.
    pub done: usize,
}

/// How many candidates there are to judge models by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldoutProgress {
    /// Whether there are enough: a worse model is then not used.
    pub gate: bool,
    /// How many of each class are needed.
    pub needed: usize,
    /// How many there are.
    pub per_class: Vec<ClassCount>,
}

/// How many there are of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Which class.
    pub class: ClassId,
    /// How many.
    pub count: usize,
}

/// The classes of what was chosen, beside those of draws by chance, which show
/// how frequent the classes are: in a few groups, where there are groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Of candidates that a ranking chose.
    pub selected: Vec<ClassCount>,
    /// Of candidates drawn to judge models, or given for validation.
    pub holdout: Vec<ClassCount>,
}

/// A model on the learning curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Labels spent by then.
    pub labels: usize,
    /// AUC on held-out candidates, where there were any to judge by.
    pub auc: Option<f64>,
    /// Whether it became the model in use.
    pub adopted: bool,
    /// Its hash.
    pub model: String,
    /// When it was made.
    pub at: Moment,
}

/// What one annotator has done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnnotatorProgress {
    /// Who.
    pub name: String,
    /// Labels that stand, second looks not counted.
    pub labels: usize,
    /// Skips that stand.
    pub skips: usize,
    /// Second looks.
    pub reviews: usize,
    /// The mean of the labels whose time is known.
    pub seconds_per_label: Option<f64>,
}

impl Project {
    /// How far the project is.
    pub fn progress(&self) -> Progress {
        let ledger = self.ledger();
        Progress {
            labels: ledger.spent(),
            budget: self.rules().budget,
            skipped: outcomes(ledger, |outcome| outcome == Outcome::Skipped),
            pool: ledger.pool().len(),
            unreadable: ledger.unreadable().len(),
            changed: ledger.changed().len(),
            away: self.away().len(),
            candidates: ledger.candidates().len(),
            disputed: ledger.standing().disputed().len(),
            unlearned: ledger.unlearned_count(),
            seconds_per_label: median(ledger.votes().seconds().take(RECENT).collect()),
            batch: batch(ledger),
            holdout: holdout(ledger, self.rules()),
            balance: Balance {
                selected: per_class(ledger, |share| share == Share::Queried),
                holdout: per_class(ledger, |share| {
                    matches!(share, Share::Random | Share::Holdout | Share::Validation)
                }),
            },
            curve: curve(ledger),
            annotators: annotators(ledger),
            advice: self.advice(),
        }
    }
}

impl Project {
    /// Those whose file could not be opened when it was last looked at, by the
    /// worker or for an annotator.
    fn away(&self) -> BTreeSet<acft::CandidateId> {
        let put_off = self.desk.all_put_off();
        let mut away = self.ledger().away().clone();
        away.extend(put_off.filter(|id| !self.ledger().is_unreadable(*id)));
        away
    }
}

fn outcomes(ledger: &Ledger, wanted: impl Fn(Outcome) -> bool) -> usize {
    ledger
        .standing()
        .counts()
        .filter(|(_, outcome, _)| wanted(*outcome))
        .map(|(.., count)| count)
        .sum()
}

/// The batch that the next label belongs to; else the last. A holdout is
/// served amid a batch, and is none of its own.
fn batch(ledger: &Ledger) -> Option<BatchProgress> {
    let open = ledger.standing().open_lesson();
    let at = match open.first() {
        Some((number, _)) => ledger.batches().get(*number as usize - 1)?,
        None => {
            let lessons = ledger.batches().iter().rev();
            lessons
                .into_iter()
                .find(|batch| batch.draw != Draw::Holdout)?
        }
    };
    let waiting = open.range((at.number, 0)..(at.number + 1, 0)).count();
    let lessons = ledger.batches()[..at.number as usize]
        .iter()
        .filter(|batch| batch.draw != Draw::Holdout)
        .count();
    Some(BatchProgress {
        number: lessons as u32,
        size: at.members.len(),
        done: at.members.len() - waiting,
    })
}

fn holdout(ledger: &Ledger, rules: &Rules) -> HoldoutProgress {
    let per_class = per_class(ledger, Share::is_holdout);
    HoldoutProgress {
        gate: per_class
            .iter()
            .all(|one| one.count >= rules.holdout_per_class),
        needed: rules.holdout_per_class,
        per_class,
    }
}

fn per_class(ledger: &Ledger, wanted: impl Fn(Share) -> bool) -> Vec<ClassCount> {
    let counted = |class| {
        ledger
            .standing()
            .counts()
            .filter(|(share, outcome, _)| wanted(*share) && *outcome == Outcome::Labeled(class))
            .map(|(.., count)| count)
            .sum()
    };
    ledger
        .classes()
        .current()
        .map(|class| ClassCount {
            class,
            count: counted(class),
        })
        .collect()
}

fn curve(ledger: &Ledger) -> Vec<CurvePoint> {
    ledger
        .models()
        .all()
        .iter()
        .filter(|made| made.model.labels > 0)
        .map(|made| CurvePoint {
            labels: made.model.labels,
            auc: made.model.verdict.and_then(|verdict| verdict.after),
            adopted: made.model.adopted,
            model: made.model.hash.clone(),
            at: made.at,
        })
        .collect()
}

fn annotators(ledger: &Ledger) -> Vec<AnnotatorProgress> {
    ledger
        .votes()
        .annotators()
        .map(|(name, spoken)| AnnotatorProgress {
            name: name.to_owned(),
            labels: spoken.labels,
            skips: spoken.skips,
            reviews: spoken.reviews,
            seconds_per_label: (spoken.seconds.1 > 0)
                .then(|| spoken.seconds.0 / spoken.seconds.1 as f64),
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}
