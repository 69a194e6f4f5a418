//! The few numbers that decide what to do next. They are read after every label, so that they must
//! be cheap for a project of any size.

use std::collections::BTreeSet;

use acft::CandidateId;
use acft_project::ledger::Outcome;
use acft_project::{ClassId, Project};

/// A project at one moment, in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Glance {
    /// Y, the present classes.
    pub(super) classes: Vec<ClassId>,
    /// The model in use.
    pub(super) current: Option<InUseNow>,
    /// |Q|, without those whose files are away.
    pub(super) new: usize,
    /// How many classes have a label to learn from.
    pub(super) labeled_classes: usize,
    /// |U|, without those whose files are away.
    pub(super) pool: usize,
    /// How many files could not be opened at the last look.
    pub(super) away: usize,
    /// Members of batches that have no answer yet, without holdouts.
    pub(super) open: usize,
    /// The last ranking.
    pub(super) ranking: Option<RankingNow>,
    /// |Q| of the last fine-tuning, if it began from the model in use and was not adopted.
    pub(super) refused: Option<usize>,
    /// Whether the model in use has a fresh last layer for other classes.
    pub(super) fresh: bool,
    /// |Q| when someone chose the model in use by hand.
    pub(super) chosen: Option<usize>,
    /// Why the last model was not adopted, if so, and if nobody chose it by hand.
    pub(super) unused: Option<String>,
    /// Whether the advice to stop was given.
    pub(super) advised: bool,
    /// Whether the budget is spent, so that no label is asked for.
    pub(super) spent: bool,
}

/// The model in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InUseNow {
    pub(super) hash: String,
    pub(super) classes: Vec<ClassId>,
}

/// What is left of the last ranking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RankingNow {
    pub(super) model: Option<String>,
    /// Whether the limit on groups made it shorter than asked.
    pub(super) short: bool,
    /// Those of them that are still in U.
    pub(super) left: usize,
}

impl Glance {
    pub(super) fn at(project: &Project) -> Self {
        let ledger = project.ledger();
        let models = ledger.models();
        let current = models.current().map(|made| &made.model);
        let made = models.all().iter().map(|made| &made.model);
        let last = made.rev().find(|made| made.step > 0);
        let labeled: BTreeSet<ClassId> = ledger
            .standing()
            .counts()
            .filter_map(|(share, outcome, _)| match outcome {
                Outcome::Labeled(class) if share.is_lesson() => Some(class),
                _ => None,
            })
            .collect();
        let away = |is: &dyn Fn(CandidateId) -> bool| {
            let away = ledger.away().iter();
            away.filter(|id| is(**id)).count()
        };
        Self {
            classes: ledger.classes().current().collect(),
            current: current.map(|model| InUseNow {
                hash: model.hash.clone(),
                classes: model.classes.clone(),
            }),
            new: ledger.unlearned_count() - away(&|id| ledger.is_unlearned(id)),
            labeled_classes: labeled.len(),
            pool: ledger.pool().len() - away(&|id| ledger.in_pool(id)),
            away: ledger.away().len(),
            open: ledger.waiting(),
            ranking: ledger.ranking().map(|ranking| RankingNow {
                model: ranking.model.clone(),
                short: ranking.short,
                left: ranking
                    .reserve
                    .iter()
                    .filter(|member| ledger.in_pool(member.candidate))
                    .count(),
            }),
            refused: last
                .filter(|made| !made.adopted)
                .filter(|made| made.parent.as_ref() == current.map(|model| &model.hash))
                .map(|made| made.learned.len()),
            fresh: models.is_fresh(),
            chosen: ledger.chosen(),
            unused: models
                .all()
                .last()
                .map(|made| &made.model)
                .filter(|made| !made.adopted)
                .filter(|made| current.is_some_and(|current| current.hash != made.hash))
                .map(|made| made.why.clone()),
            // The project's own word is of a rule of the worker's, or else of
            // the budget.
            advised: project.advice().is_some(),
            spent: project.advice().is_some() && ledger.advice().is_none(),
        }
    }
}
