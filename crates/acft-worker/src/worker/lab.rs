//! Queries, fine-tunes and judges models: the two halves of Algorithm 1 on a snapshot of a
//! project, by the same code as in simulations.

mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use acft::random::{Purpose, seed_of};
use acft::{
    CandidateId, Drawn, Error as AlgorithmError, Example, Plan, Query, Scorer, Start, query, teach,
};
use acft_project::{Draw, Event, Member, ModelMade};
use acft_run::files::write_atomically;
use acft_run::network;
use acft_server::work::Phase;
use acft_vision::learner::Learner;
use acft_vision::models::{Description, Model};
use anyhow::Context;

use super::observer::Watch;
use super::snapshot::Snapshot;
use super::{Cancelled, Transient};
use crate::settings::ProjectSettings;
use crate::vision::{Fault, InUse, ProjectPatches};

/// Half as many files that are away may be so by themselves, also where they are
/// the last of a pool: they say nothing of their disk.
const FEW: usize = 8;

/// The state between two tasks.
pub(super) struct Lab {
    root: PathBuf,
    settings: ProjectSettings,
    source: Arc<ProjectPatches>,
    in_use: InUse,
    /// The model before any label, loaded when it is first needed.
    pretrained: Option<InUse>,
}

impl Lab {
    /// A lab that begins with the model in use.
    pub(super) fn new(
        root: &Path,
        settings: ProjectSettings,
        in_use: InUse,
    ) -> anyhow::Result<Self> {
        let policy = in_use.policy()?;
        let input = in_use.model.description().input;
        let room = settings.region_caches();
        Ok(Self {
            root: root.to_owned(),
            source: Arc::new(ProjectPatches::new(root, policy, input, room)),
            settings,
            in_use,
            pretrained: None,
        })
    }

    /// The number of known candidates.
    pub(super) fn known(&self) -> usize {
        self.source.len()
    }

    /// The settings of a step.
    pub(super) fn plan(&self) -> &Plan {
        &self.settings.simulation().plan
    }

    /// The model in use.
    pub(super) fn in_use(&self) -> &InUse {
        &self.in_use
    }

    /// Takes over changes of the project: new candidates, another model in use.
    pub(super) fn follow(&mut self, now: &Snapshot) -> anyhow::Result<()> {
        self.source.extend(&now.joined, &now.stamps);
        if let Some(current) = &now.current
            && current.hash != self.in_use.hash
        {
            self.in_use = InUse::load(&self.root, &current.hash, &current.classes)?;
        }
        Ok(())
    }

    fn learner(&self, model: &Model) -> anyhow::Result<Learner> {
        network::learner(
            &self.settings.simulation().flags,
            model,
            self.source.clone(),
        )
    }

    /// The model from which a reset strategy starts.
    fn pretrained(&mut self, now: &Snapshot) -> anyhow::Result<Model> {
        let first = now
            .pretrained
            .as_ref()
            .context("the model in use has no beginning")?;
        if self.pretrained.as_ref().map(|known| &known.hash) != Some(&first.hash) {
            self.pretrained = Some(InUse::load(&self.root, &first.hash, &first.classes)?);
        }
        let known = self.pretrained.as_ref();
        Ok(known.context("it was loaded above")?.model.clone())
    }

    /// Lines 3–10: ranks U, and draws `draw` candidates. Returns the events, the number of scored
    /// candidates, and the predictions for each patch of the best ones that can be read.
    pub(super) fn rank(
        &mut self,
        now: &Snapshot,
        draw: usize,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<(Vec<Event>, usize)> {
        // What cannot be opened is not to be asked about: nobody could look at it.
        let gone: BTreeSet<CandidateId> = self.source.away(&now.pool).into_iter().collect();
        require_there(gone.len(), now.pool.len().max(FEW))?;
        if gone.len() == now.pool.len() {
            return Ok((away(now, &now.pool, gone).into_iter().collect(), 0));
        }
        watch.work.begin(
            Phase::Scoring,
            now.pool.len() - gone.len(),
            "ranking the images",
        );
        let plan = self.plan_of(now, draw.max(1));
        let number = now.rankings + 1;
        let model = || self.in_use.model.clone();
        let run = now.run_without(&gone, model(), model(), number);
        // Q is labeled, so it is no longer to be asked about.
        let mut run = run;
        for example in &now.new {
            run.state.label(example.candidate, example.label)?;
        }
        let learner = self.learner(&self.in_use.model)?;
        let queried = query(&plan, &run, &learner, watch).map_err(into_worker_error)?;
        let unreadable: BTreeMap<CandidateId, String> = queried
            .unreadable
            .iter()
            .map(|(id, error)| (*id, error.reason.clone()))
            .collect();
        let (mut events, gone) = self.told_apart(&unreadable, gone);
        require_there(gone.len(), now.pool.len().max(FEW))?;
        events.extend(away(now, &now.pool, gone));
        // Beyond the batch, those that are served while the network trains.
        let reserve = self.settings.reserve();
        let best = match plan.query {
            Query::Active { .. } => queried.best(reserve),
            Query::Random | Query::Baseline { .. } => queried.batch.clone(),
        };
        let patches = self.predictions(&learner, &best, watch)?;
        let member = |drawn: &Drawn| Member {
            candidate: drawn.candidate,
            rank: drawn.rank,
            score: Some(drawn.score),
            predictions: patches.get(&drawn.candidate).cloned().unwrap_or_default(),
        };
        let ranked = matches!(plan.query, Query::Active { .. });
        if ranked {
            events.push(Event::Ranked {
                ranking: number,
                model: Some(self.in_use.hash.clone()),
                scored: queried.scored,
                reserve: best.iter().map(member).collect(),
                // It names as many as there are but for groups.
                short: best.len() < reserve.min(queried.scored),
            });
        }
        let batch: Vec<Member> = queried.batch.iter().take(draw).map(member).collect();
        if !batch.is_empty() {
            events.push(Event::BatchDrawn {
                batch: now.batches + 1,
                draw: if ranked { Draw::Query } else { Draw::Random },
                ranking: ranked.then_some(number),
                // A random draw is not the network's choice: what it thinks is
                // no reason to show.
                members: if ranked {
                    batch
                } else {
                    batch
                        .into_iter()
                        .map(|member| Member::unscored(member.candidate))
                        .collect()
                },
            });
        }
        Ok((events, queried.scored))
    }

    /// The plan of a query of `batch` candidates. It has no stopping rule: desk and worker decide
    /// when to stop.
    fn plan_of(&self, now: &Snapshot, batch: usize) -> Plan {
        let mut plan = self.plan().clone();
        // The project's own: a line of the settings that was changed since
        // must not change what is drawn.
        plan.seed = now.seed;
        plan.batch = batch;
        plan
    }

    /// The predictions for each patch of a few candidates, to four digits.
    fn predictions(
        &self,
        learner: &Learner,
        of: &[Drawn],
        watch: &Watch<'_>,
    ) -> anyhow::Result<BTreeMap<CandidateId, Vec<Vec<f32>>>> {
        let ids: Vec<CandidateId> = of.iter().map(|drawn| drawn.candidate).collect();
        let classes = learner.classes();
        let mut found = BTreeMap::new();
        learner
            .predict(&self.in_use.model, &ids, &mut |id, outcome| {
                if let Ok(rows) = outcome {
                    let short = |p: &f64| ((p * 1e4).round() / 1e4) as f32;
                    let rows = rows
                        .chunks_exact(classes)
                        .map(|row| row.iter().map(short).collect())
                        .collect();
                    found.insert(id, rows);
                }
                watch.flow()
            })
            .map_err(anyhow::Error::from_boxed)?;
        watch.go_on()?;
        Ok(found)
    }

    /// Lines 12–14, and the gate: fine-tunes, judges, and writes the file of the new model. Returns
    /// the events.
    pub(super) fn train(
        &mut self,
        now: &Snapshot,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<Vec<Event>> {
        let begun = Instant::now();
        watch.work.begin(
            Phase::Training,
            0,
            format!("learning {} new labels", now.new.len()),
        );
        let step = now.steps + 1;
        let pretrained = self.pretrained(now)?;
        let run = now.run(self.in_use.model.clone(), pretrained, step);
        let scorer = self.learner(&self.in_use.model)?;
        let mut trainer = self.learner(&self.in_use.model)?;
        let plan = self.plan_of(now, self.settings.batch());
        let taught = teach(
            &plan,
            &run,
            &now.annotations(),
            &scorer,
            &mut trainer,
            watch,
        )
        .map_err(into_worker_error)
        .or_else(|error| {
            if error.is::<Cancelled>() {
                return Err(error);
            }
            let asked = now.learned.iter().chain(&now.new);
            let ids: Vec<CandidateId> = asked.map(|example| example.candidate).collect();
            require_there(self.source.away(&ids).len(), ids.len())?;
            Err(error)
        })?;

        let seconds = begun.elapsed().as_secs_f64();
        let judged = self.judge(now, &scorer, &taught.model, watch)?;
        let stop_set = self.stop_set(now, &scorer, &taught.model, watch)?;
        let asked: Vec<CandidateId> = taught
            .lesson
            .iter()
            .chain(&now.holdout)
            .map(|example| example.candidate)
            .collect();
        let (mut events, gone) = self.told_apart(&watch.unreadable, BTreeSet::new());
        require_there(gone.len(), asked.len())?;
        events.extend(away(now, &asked, gone));
        let hash = self.keep(&taught.model)?;
        let class = |example: &Example| now.classes[example.label.index()];
        let made = ModelMade {
            hash,
            parent: Some(self.in_use.hash.clone()),
            step,
            classes: now.classes.clone(),
            learned: taught
                .newly_labeled
                .iter()
                .filter(|example| !watch.unreadable.contains_key(&example.candidate))
                .map(|example| (example.candidate, class(example)))
                .collect(),
            replayed: taught
                .lesson
                .len()
                .saturating_sub(taught.newly_labeled.len()),
            misclassified: taught.misclassified.as_ref().map(Vec::len),
            loss: taught.loss,
            seconds,
            labels: now.spent,
            adopted: judged.adopted,
            why: judged.why,
            verdict: judged.verdict,
            stop_set,
        };
        events.push(Event::ModelMade(made));
        Ok(events)
    }

    /// Those whose file was read, and is broken or another than it was, leave U
    /// and L: the events. Those whose file cannot be opened, with those that
    /// were `gone` before, stay where they are: they are looked at again.
    fn told_apart(
        &self,
        unreadable: &BTreeMap<CandidateId, String>,
        mut gone: BTreeSet<CandidateId>,
    ) -> (Vec<Event>, BTreeSet<CandidateId>) {
        let mut events = Vec::new();
        for (id, reason) in unreadable {
            let (candidate, reason) = (*id, reason.clone());
            match self.source.fault(*id) {
                Some(Fault::Away(_)) => {
                    gone.insert(*id);
                }
                Some(Fault::Changed(_)) => events.push(Event::Changed { candidate, reason }),
                _ => events.push(Event::Unreadable { candidate, reason }),
            }
        }
        (events, gone)
    }

    /// Those of them whose files still cannot be opened.
    pub(super) fn away(&self, ids: &[CandidateId]) -> Vec<CandidateId> {
        self.source.away(ids)
    }

    /// A new last layer, because the classes have changed, on the network that the strategy
    /// continues from. It has learned nothing yet, so that all labels are learned again.
    pub(super) fn new_head(&mut self, now: &Snapshot) -> anyhow::Result<Vec<Event>> {
        let seed = seed_of(now.seed, now.steps + 1, Purpose::Head);
        let old = match self.plan().learning.start {
            Start::Current => self.in_use.model.clone(),
            Start::Pretrained => self.pretrained(now)?,
        };
        let description = Description {
            classes: now.names.clone(),
            ..old.description().clone()
        };
        let network = old.network().with_fresh_head(now.classes.len(), seed);
        let model = Model::new(network, description)?;
        let hash = self.keep(&model)?;
        Ok(vec![Event::ModelMade(ModelMade {
            hash,
            // None: what the one before had learned, this one has not.
            parent: None,
            classes: now.classes.clone(),
            adopted: true,
            why: format!(
                "the classes are {} now: a fresh last layer, to learn all labels again",
                now.names.join(", ")
            ),
            ..ModelMade::default()
        })])
    }

    /// Writes a model to a file that is named by its hash. It is on disk when this returns.
    fn keep(&self, model: &Model) -> anyhow::Result<String> {
        let bytes = model.to_bytes();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let path = self.root.join("models").join(format!("{hash}.safetensors"));
        if !path.exists() {
            write_atomically(&path, &bytes).map_err(|error| Transient(format!("{error:#}")))?;
        }
        Ok(hash)
    }
}

/// The event that of those asked about these are away, where that is news.
fn away(now: &Snapshot, asked: &[CandidateId], gone: BTreeSet<CandidateId>) -> Option<Event> {
    let asked: BTreeSet<CandidateId> = asked.iter().copied().collect();
    // Of those that were not looked at, what was known still holds.
    let gone: BTreeSet<CandidateId> = &gone | &(&now.away - &asked);
    (gone != now.away).then(|| Event::Away {
        candidates: gone.into_iter().collect(),
    })
}

/// # Errors
/// Of those asked about, more than half are gone.
fn require_there(gone: usize, asked: usize) -> Result<(), Transient> {
    if 2 * gone <= asked {
        return Ok(());
    }
    Err(Transient(format!(
        "{gone} of {asked} image files are missing: check that their disk is mounted. No image was set aside"
    )))
}

/// An error of the algorithm; being cancelled is told apart.
fn into_worker_error(error: AlgorithmError) -> anyhow::Error {
    match error {
        AlgorithmError::Cancelled => Cancelled.into(),
        AlgorithmError::Plugged(error) => {
            let cancelled = matches!(
                error.downcast_ref::<acft_vision::learner::LearnerError>(),
                Some(acft_vision::learner::LearnerError::Cancelled { .. })
            );
            if cancelled {
                Cancelled.into()
            } else {
                anyhow::Error::from_boxed(error)
            }
        }
        other => other.into(),
    }
}
