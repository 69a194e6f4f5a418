//! Where a project stands, in numbers: what `acft status` and `acft report` say.

use acft_project::ledger::{Outcome, Share};
use acft_project::{LabelOrigin, Ledger, Rules, holdouts};
use acft_worker::Opened;
use acft_worker::create::MANIFEST;
use acft_worker::moment::iso;
use acft_worker::open::holder;
use serde::Serialize;

use super::classes::has_other_classes;

/// Where a project stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub project: String,
    /// Which process has it; none where no process has.
    pub holder: Option<String>,
    pub candidates: usize,
    /// |U|.
    pub pool: usize,
    /// Drawn, and not labeled by enough annotators yet.
    pub waiting: usize,
    /// The labels spent, holdout included.
    pub labels: usize,
    pub budget: Option<usize>,
    /// Labels that came with the data.
    pub given: usize,
    pub skipped: usize,
    pub flagged: usize,
    /// Annotators contradict each other, and no second look has settled it.
    pub disputed: usize,
    /// Set aside, because their image cannot be read.
    pub unreadable: usize,
    /// Of those, the ones whose file is not the image that joined the project.
    pub changed: usize,
    /// Could not be opened at the last look, and are looked at again.
    pub away: usize,
    /// Never drawn, and of a group or image that models are judged on.
    pub set_aside: usize,
    /// Labeled, and of a group or image that models are judged on: neither
    /// learned from nor judged on.
    pub beside: usize,
    /// Labels that the model in use has not learned.
    pub unlearned: usize,
    /// Whether the model in use was made for other classes: the next
    /// fine-tuning gives it a fresh last layer and learns all labels again.
    pub learns_again: bool,
    pub classes: Vec<OfClass>,
    pub holdout: Holdout,
    pub annotators: Vec<OfAnnotator>,
    pub model: Option<OfModel>,
    /// How many fine-tunings there were.
    pub steps: u32,
    /// Why nothing more is proposed: the budget is spent, or more labels are
    /// not expected to help.
    pub advice: Option<String>,
    /// The last event's number.
    pub last_event: i64,
}

/// A class and its labels that count.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OfClass {
    pub name: String,
    /// To be learned from.
    pub learned_from: usize,
    /// To judge models by.
    pub holdout: usize,
}

/// Whether models are judged.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Holdout {
    /// How many of each class it takes.
    pub needed_per_class: usize,
    /// Whether there are that many, so that a worse model is not adopted.
    pub gate: bool,
    /// Whether more can be drawn for it: of no group or image that models learn
    /// from, and without setting aside too much of the pool.
    pub more: bool,
}

/// What one annotator did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OfAnnotator {
    pub name: String,
    pub labels: usize,
    pub skips: usize,
    pub reviews: usize,
    /// The mean over the labels whose time is known.
    pub seconds_per_label: Option<f64>,
}

/// The model in use.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OfModel {
    pub hash: String,
    pub step: u32,
    /// The labels that the project had spent when it was made.
    pub labels: usize,
    /// On held-out candidates.
    pub auc: Option<f64>,
    pub made: String,
    pub why: String,
}

impl Summary {
    pub(crate) fn of(opened: &Opened) -> Self {
        let ledger = opened.project.ledger();
        let rules = opened.project.rules();
        let votes = ledger.votes();
        let classes = classes(ledger);
        let outcomes = |wanted: Outcome| {
            ledger
                .standing()
                .outcomes()
                .filter(|(_, _, outcome)| *outcome == wanted)
                .count()
        };
        Self {
            project: opened.name(),
            holder: holder(&opened.root),
            candidates: ledger.candidates().len(),
            pool: ledger.pool().len(),
            waiting: waiting(ledger).len(),
            labels: ledger.spent(),
            budget: rules.budget,
            given: given(ledger),
            skipped: outcomes(Outcome::Skipped),
            flagged: votes.flagged().len(),
            disputed: ledger.standing().disputed().len(),
            unreadable: ledger.unreadable().len(),
            changed: ledger.changed().len(),
            away: ledger.away().len(),
            set_aside: ledger.set_aside(),
            beside: beside(ledger),
            unlearned: ledger.unlearned_count(),
            learns_again: has_other_classes(ledger) || ledger.models().is_fresh(),
            holdout: holdout(ledger, &classes, rules),
            classes,
            annotators: annotators(ledger),
            model: ledger.models().current().map(|made| OfModel {
                hash: made.model.hash.clone(),
                step: made.model.step,
                labels: made.model.labels,
                auc: made.model.verdict.and_then(|verdict| verdict.after),
                made: iso(made.at),
                why: made.model.why.clone(),
            }),
            steps: ledger.models().steps(),
            advice: opened.project.advice(),
            last_event: ledger.last().0,
        }
    }
}

/// The candidates that are drawn and wait for a word, oldest batch first.
pub(crate) fn waiting(ledger: &Ledger) -> Vec<acft::CandidateId> {
    let unreadable: std::collections::BTreeSet<_> = ledger.unreadable().map(|(id, _)| id).collect();
    ledger
        .batches()
        .iter()
        .flat_map(|batch| &batch.members)
        .map(|member| member.candidate)
        .filter(|id| !ledger.votes().is_done(*id) && !unreadable.contains(id))
        .filter(|id| ledger.share(*id) != Share::Beside)
        .collect()
}

fn classes(ledger: &Ledger) -> Vec<OfClass> {
    ledger
        .classes()
        .current()
        .map(|class| {
            let labeled = |holdout: bool| {
                ledger
                    .standing()
                    .outcomes()
                    .filter(|(_, share, outcome)| {
                        let counts = if holdout {
                            share.is_holdout()
                        } else {
                            share.is_lesson()
                        };
                        counts && *outcome == Outcome::Labeled(class)
                    })
                    .count()
            };
            OfClass {
                name: ledger.classes().name(class).to_owned(),
                learned_from: labeled(false),
                holdout: labeled(true),
            }
        })
        .collect()
}

fn holdout(ledger: &Ledger, classes: &[OfClass], rules: &Rules) -> Holdout {
    Holdout {
        needed_per_class: rules.holdout_per_class,
        gate: classes
            .iter()
            .all(|class| class.holdout >= rules.holdout_per_class),
        more: !holdouts(ledger, rules, 1).is_empty(),
    }
}

fn beside(ledger: &Ledger) -> usize {
    let labeled = ledger.votes().in_order();
    labeled
        .filter(|id| ledger.share(*id) == Share::Beside && ledger.label(*id).is_some())
        .count()
}

/// Candidates whose label came with the data.
fn given(ledger: &Ledger) -> usize {
    let came_with_it = |id: &acft::CandidateId| {
        let mut votes = ledger.votes().of(*id);
        votes.any(|vote| vote.origin == LabelOrigin::Manifest)
    };
    ledger.votes().in_order().filter(came_with_it).count()
}

fn annotators(ledger: &Ledger) -> Vec<OfAnnotator> {
    ledger
        .votes()
        .annotators()
        .filter(|(name, _)| *name != MANIFEST)
        .filter(|(_, spoken)| spoken.labels + spoken.skips + spoken.reviews > 0)
        .map(|(name, spoken)| {
            let (seconds, timed) = spoken.seconds;
            OfAnnotator {
                name: name.to_owned(),
                labels: spoken.labels,
                skips: spoken.skips,
                reviews: spoken.reviews,
                seconds_per_label: (timed > 0).then(|| seconds / timed as f64),
            }
        })
        .collect()
}
