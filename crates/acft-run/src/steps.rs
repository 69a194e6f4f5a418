//! The steps of a run, whatever learns in it.

use std::path::Path;

use acft::random::{Purpose, keyed_hash};
use acft::{
    Annotation, Annotator, BoxError, CandidateId, CandidateKey, Evidence, Label, NoisyOracle,
    Oracle, Run, Scorer, StopReason, Trainer, acft,
};
use acft_images::source::{Dataset, Split};
use anyhow::Context;

use crate::folder::{Done, RunFolder};
use crate::journal::{Ended, RunJournal, Setting};
use crate::judge::Judge;
use crate::run_model::RunModel;
use crate::settings::Settings;
use crate::teller::Teller;
use crate::{bad_input, data, test_set};

/// A run, but for what learns in it.
pub(crate) struct Whole<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) data: &'a Dataset,
    pub(crate) folder: RunFolder,
    /// What was done before.
    pub(crate) done: Done,
    pub(crate) teller: Box<dyn Teller>,
    pub(crate) pool: Vec<CandidateId>,
    pub(crate) validation: Vec<CandidateId>,
    pub(crate) test: Vec<CandidateId>,
    pub(crate) positive: Option<usize>,
    /// Patches of a candidate.
    pub(crate) patches: usize,
    pub(crate) title: String,
}

/// Reads a model whose file has a hash.
pub(crate) type Load<'a, M> = dyn Fn(&Path, &str) -> anyhow::Result<M> + 'a;

/// What learns.
pub(crate) struct Learning<'a, M, S, T> {
    /// M_0.
    pub(crate) start: M,
    pub(crate) load: &'a Load<'a, M>,
    /// Queries look through it, and so does the record.
    pub(crate) scorer: &'a S,
    /// Models are judged by it.
    pub(crate) judging: &'a S,
    pub(crate) trainer: &'a mut T,
}

/// A run that has ended.
pub(crate) struct Over {
    pub(crate) reason: StopReason,
    pub(crate) ended: Ended,
}

/// Goes on with a run until a rule of stopping holds.
pub(crate) fn go<M: RunModel, S: Scorer<M>>(
    whole: Whole<'_>,
    learning: Learning<'_, M, S, impl Trainer<M>>,
) -> anyhow::Result<Over> {
    let Whole {
        settings,
        data,
        folder,
        done,
        teller,
        pool,
        validation,
        test,
        positive,
        patches,
        title,
    } = whole;
    let labels = data::labels(data);
    let keys = data::keys(data);
    let stop_set = stop_set(settings, &keys, &pool);
    let mut expert = Expert::new(settings, data.classes.len(), &labels, &keys)?;
    let mut run = Run::new(keys, pool, learning.start);
    run.groups = data::groups(data);
    replay(&mut run, &done, data, &folder, learning.load)?;

    let mut judge = Judge {
        scorer: learning.judging,
        labels: &labels,
        validation,
        test,
        stop_set,
        positive,
    };
    let setting = Setting {
        data,
        scorer: learning.scorer,
        // All patches are told by in any case; the share beside them is the paper's where the run has none.
        alpha: settings
            .flags
            .alpha
            .filter(|alpha| *alpha < 1.0)
            .unwrap_or(0.25),
        test: judge.test.clone(),
        patches,
        title,
    };
    test_set::write_rows(&folder, data, &setting.test)?;
    let mut journal = RunJournal::new(setting, folder, done.steps, teller, settings.flags.steps);
    journal.mend()?;
    let reason = acft(
        &settings.plan,
        &mut run,
        learning.scorer,
        learning.trainer,
        &mut expert,
        &mut judge,
        &mut journal,
    )
    .map_err(|error| match error {
        acft::Error::Criterion(error) => bad_input!("{error}"),
        acft::Error::Plugged(error) => anyhow::Error::from_boxed(error),
        other => other.into(),
    })?;
    let ended = journal.end();
    Ok(Over { reason, ended })
}

/// The labels that the data have, or those with errors that the settings ask for.
struct Expert(Box<dyn Annotator>);

impl Expert {
    fn new(
        settings: &Settings,
        classes: usize,
        labels: &[Option<Label>],
        keys: &[CandidateKey],
    ) -> anyhow::Result<Self> {
        let oracle = Oracle::new(labels.to_vec());
        if settings.noise == 0.0 {
            return Ok(Self(Box::new(oracle)));
        }
        let classes = u16::try_from(classes).context("more classes than a label can name")?;
        let (noise, seed) = (settings.noise, settings.seed);
        Ok(Self(Box::new(NoisyOracle::new(
            oracle,
            keys.to_vec(),
            classes,
            noise,
            seed,
        ))))
    }
}

impl Annotator for Expert {
    fn annotate(&mut self, batch: &[CandidateId]) -> Result<Vec<Annotation>, BoxError> {
        self.0.annotate(batch)
    }
}

/// Brings a new run to where the interrupted one was after its last whole step.
fn replay<M>(
    run: &mut Run<M>,
    done: &Done,
    data: &Dataset,
    folder: &RunFolder,
    load: &Load<'_, M>,
) -> anyhow::Result<()> {
    let by_key: std::collections::BTreeMap<String, CandidateId> = (0..)
        .zip(&data.candidates)
        .map(|(id, candidate)| (candidate.key.to_string(), CandidateId(id)))
        .collect();
    let find = |key: &str| {
        by_key
            .get(key)
            .copied()
            .with_context(|| format!("the run names a candidate {key} that the data lacks"))
    };
    let class = |name: &str| {
        data.classes
            .iter()
            .position(|class| class == name)
            .and_then(|at| u16::try_from(at).ok())
            .map(acft::Label)
            .with_context(|| format!("the run has a label {name:?} that the data lacks"))
    };
    for row in &done.queries {
        match row.label.as_str() {
            "" => run.state.set_aside(find(&row.key)?)?,
            label => run.state.label(find(&row.key)?, class(label)?)?,
        }
    }
    for step in &done.steps {
        for one in &step.unreadable {
            let id = find(&one.key)?;
            // Those that only judge the network were never in the pool, or had left it.
            let in_pool = data.candidates[id.index()].split == Split::Train;
            if in_pool && run.state.label_of(id).is_none() {
                run.state.set_aside(id)?;
            }
        }
        run.evidence.push(Evidence {
            labels: step.labels,
            validation: step.val_auc,
            stop_set: step.stop_set.clone(),
        });
    }
    if let Some(last) = done.steps.last() {
        let path = folder.model_path(last.step);
        run.current =
            load(&path, &last.model).with_context(|| format!("the model of step {}", last.step))?;
        run.step = last.step + 1;
    }
    Ok(())
}

/// The fixed set on which successive models are compared: drawn from the pool
/// once, by a keyed hash, without a label.
fn stop_set(
    settings: &Settings,
    keys: &[acft::CandidateKey],
    pool: &[CandidateId],
) -> Vec<CandidateId> {
    let Some(agreement) = settings.plan.stop.agreement else {
        return Vec::new();
    };
    let mut drawn = pool.to_vec();
    drawn
        .sort_by_cached_key(|id| keyed_hash(settings.seed, 1, Purpose::StopSet, &keys[id.index()]));
    drawn.truncate(agreement.stop_set);
    drawn
}
