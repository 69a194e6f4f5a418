//! What a new model is worth, beside the one in use.

use acft::random::{Purpose, keyed_hash};
use acft::{CandidateId, Label};
use acft_project::Verdict;
use acft_run::evaluation::{Evaluation, classes_named};
use acft_server::work::Phase;
use acft_vision::learner::Learner;
use acft_vision::models::Model;

use super::Lab;
use crate::worker::observer::Watch;
use crate::worker::snapshot::Snapshot;
use crate::worker::verdict;

impl Lab {
    /// Both models on the holdout.
    pub(super) fn judge(
        &self,
        now: &Snapshot,
        scorer: &Learner,
        new: &Model,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<verdict::Judged> {
        let ids: Vec<CandidateId> = now.holdout.iter().map(|one| one.candidate).collect();
        let mut labels: Vec<Option<Label>> = vec![None; now.keys.len()];
        for example in &now.holdout {
            labels[example.candidate.index()] = Some(example.label);
        }
        watch.work.begin(
            Phase::Judging,
            2 * ids.len(),
            "comparing the new model with the one in use",
        );
        let flags = &self.settings.simulation().flags;
        let positive = flags
            .positive
            .as_ref()
            .and_then(|name| now.names.iter().position(|other| other == name));
        let mut auc = |model: &Model, before: usize| -> anyhow::Result<Option<f64>> {
            if ids.is_empty() {
                return Ok(None);
            }
            let evaluation = Evaluation::of(scorer, model, &ids, &labels, |done, total| {
                watch.work.advance(before + done, 2 * total);
                watch.flow()
            })
            .map_err(anyhow::Error::from_boxed)?;
            watch.go_on()?;
            for (id, error) in &evaluation.unreadable {
                watch.unreadable.insert(*id, error.reason.clone());
            }
            Ok(evaluation.measures(positive).auc)
        };
        let before = auc(&self.in_use.model, 0)?;
        let after = auc(new, ids.len())?;
        let needed = self.settings.rules().holdout_per_class;
        let enough = (0..now.classes.len()).all(|class| {
            let held = now.holdout.iter().filter(|one| one.label.index() == class);
            held.count() >= needed
        });
        Ok(verdict::judge(
            Verdict {
                before,
                after,
                candidates: ids.len(),
                enough,
            },
            self.settings.tolerance(),
            needed,
        ))
    }

    /// The class that a model names for each member of the stop set, where
    /// agreement decides when to stop.
    pub(super) fn stop_set(
        &self,
        now: &Snapshot,
        scorer: &Learner,
        model: &Model,
        watch: &Watch<'_>,
    ) -> anyhow::Result<Option<Vec<usize>>> {
        let Some(agreement) = self.plan().stop.agreement else {
            return Ok(None);
        };
        let mut ids = now.to_stop.clone();
        ids.sort_by_cached_key(|id| {
            keyed_hash(now.seed, 1, Purpose::StopSet, &now.keys[id.index()])
        });
        ids.truncate(agreement.stop_set);
        let named = classes_named(scorer, model, &ids, |done, total| {
            watch.work.advance(done, total);
            watch.flow()
        })
        .map_err(anyhow::Error::from_boxed)?;
        watch.go_on()?;
        Ok(Some(named))
    }
}
