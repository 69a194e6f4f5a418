//! The part of a project that the worker needs, copied at one moment, so that nobody waits while
//! it computes.

use std::collections::BTreeSet;

use acft::{Annotation, CandidateId, CandidateKey, Evidence, Example, Label, Run, State};
use acft_project::ledger::Part;
use acft_project::{Candidate, ClassId, Ledger, ModelMade, Origin, Stamp};
use acft_run::data::numbered;
use acft_vision::models::Model;

/// A project at one moment.
pub(super) struct Snapshot {
    pub(super) seed: u64,
    /// Y, in the order of the network's outputs.
    pub(super) classes: Vec<ClassId>,
    pub(super) names: Vec<String>,
    pub(super) keys: Vec<CandidateKey>,
    groups: Vec<Option<u32>>,
    /// Candidates that the worker did not know before.
    pub(super) joined: Vec<Candidate>,
    /// The sizes and times that their files had then.
    pub(super) stamps: Vec<Option<Stamp>>,
    /// Those whose file could not be opened at the last look.
    pub(super) away: BTreeSet<CandidateId>,
    /// U.
    pub(super) pool: Vec<CandidateId>,
    /// The candidates of the pool part, labeled or not, from which a stop set is drawn. Reported
    /// cases are not among them: with each new case the set would change, and two models could
    /// not be compared on it.
    pub(super) to_stop: Vec<CandidateId>,
    /// L: what the model in use has learned.
    pub(super) learned: Vec<Example>,
    /// Q: labels that it has not learned.
    pub(super) new: Vec<Example>,
    pub(super) holdout: Vec<Example>,
    pub(super) current: Option<ModelMade>,
    /// The model from which a reset strategy starts: the last one that has learned nothing.
    pub(super) pretrained: Option<ModelMade>,
    /// Fine-tunings so far.
    pub(super) steps: u32,
    pub(super) rankings: u32,
    pub(super) batches: u32,
    pub(super) spent: usize,
}

impl Snapshot {
    /// Copies the state. The first `known` candidates are not copied again.
    pub(super) fn of(ledger: &Ledger, known: usize) -> Self {
        let classes: Vec<ClassId> = ledger.classes().current().collect();
        let example = |(candidate, class): (CandidateId, ClassId)| {
            let at = classes.iter().position(|other| *other == class)?;
            let label = Label(u16::try_from(at).ok()?);
            Some(Example { candidate, label })
        };
        let new: Vec<(CandidateId, ClassId)> = ledger.unlearned();
        let unlearned: BTreeSet<CandidateId> = new.iter().map(|(id, _)| *id).collect();
        let all = ledger.candidates();
        let models = ledger.models();
        let first = models.lineage().last().map(|made| made.model.clone());
        Self {
            seed: ledger.seed(),
            names: ledger.classes().names(),
            keys: all.iter().map(|candidate| candidate.key).collect(),
            groups: numbered(all.iter().map(|candidate| candidate.group.as_deref())),
            joined: all[known.min(all.len())..].to_vec(),
            stamps: (known..all.len())
                .map(|at| ledger.stamp(CandidateId(u32::try_from(at).ok()?)))
                .collect(),
            away: ledger.away().clone(),
            pool: ledger.pool().collect(),
            to_stop: (0..)
                .zip(all)
                .filter(|(_, candidate)| candidate.part == Part::Pool)
                .filter(|(_, candidate)| candidate.origin == Origin::Listed)
                .map(|(id, _)| CandidateId(id))
                .collect(),
            learned: ledger
                .lesson()
                .into_iter()
                .filter(|(id, _)| !unlearned.contains(id))
                .filter_map(example)
                .collect(),
            new: new.into_iter().filter_map(example).collect(),
            holdout: ledger.holdout().into_iter().filter_map(example).collect(),
            current: models.current().map(|made| made.model.clone()),
            pretrained: first,
            steps: models.steps(),
            rankings: ledger.rankings(),
            batches: ledger.batches().len() as u32,
            spent: ledger.spent(),
            classes,
        }
    }

    /// How many classes have a label to learn from.
    pub(super) fn labeled_classes(&self) -> usize {
        let labels: BTreeSet<Label> = self
            .learned
            .iter()
            .chain(&self.new)
            .map(|example| example.label)
            .collect();
        labels.len()
    }

    /// Algorithm 1 between two steps: L is what was learned, U the pool and Q.
    pub(super) fn run(&self, current: Model, pretrained: Model, step: u32) -> Run<Model> {
        self.run_without(&BTreeSet::new(), current, pretrained, step)
    }

    /// The same, where some of the pool cannot be asked about.
    pub(super) fn run_without(
        &self,
        gone: &BTreeSet<CandidateId>,
        current: Model,
        pretrained: Model,
        step: u32,
    ) -> Run<Model> {
        let ids = |examples: &[Example]| -> Vec<CandidateId> {
            examples.iter().map(|example| example.candidate).collect()
        };
        let mut state = State::new(
            self.pool
                .iter()
                .copied()
                .filter(|id| !gone.contains(id))
                .chain(ids(&self.learned))
                .chain(ids(&self.new)),
        );
        for example in &self.learned {
            // Each is in U until here, and once only.
            let _ = state.label(example.candidate, example.label);
        }
        Run {
            state,
            keys: self.keys.clone(),
            groups: self.groups.clone(),
            pretrained,
            current,
            step,
            evidence: Vec::new(),
        }
    }

    /// Q in the form of the algorithm.
    pub(super) fn annotations(&self) -> Vec<Annotation> {
        self.new
            .iter()
            .map(|example| Annotation::Labeled(example.candidate, example.label))
            .collect()
    }
}

/// The measures of each adopted model since someone last went on against the advice to stop: a
/// stopping rule must then hold anew.
pub(super) fn evidence(ledger: &Ledger) -> Vec<Evidence> {
    let since = ledger.went_on().unwrap_or_default();
    let mut line = ledger.models().lineage();
    line.reverse();
    let mut evidence: Vec<Evidence> = line
        .into_iter()
        .map(|made| &made.model)
        .filter(|made| made.step > 0 && made.labels > since)
        .map(|made| Evidence {
            labels: made.labels,
            // A curve over a handful of candidates is flat by chance.
            validation: made
                .verdict
                .filter(|verdict| verdict.enough)
                .and_then(|verdict| verdict.after),
            stop_set: made.stop_set.clone(),
        })
        .collect();
    // Stop sets are compared member by member: where candidates joined and
    // made another, what came before tells nothing.
    let size = |one: &Evidence| one.stop_set.as_ref().map(Vec::len);
    if let Some(now) = evidence.last().map(size)
        && let Some(other) = evidence.iter().rposition(|one| size(one) != now)
    {
        evidence.drain(..=other);
    }
    evidence
}
