//! Algorithm 1 on images whose labels are known, which play the expert.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use acft::random::{Purpose, keyed_hash};
use acft::{Annotator, CandidateId, Evidence, NoisyOracle, Oracle, Query, Run, StopReason, acft};
use acft_images::source::{Dataset, Split};
use acft_images::{FirstPatches, ImagePatches, PatchSource};
use acft_vision::models::Model;
use anyhow::Context;

use crate::folder::{Done, RunFolder};
use crate::journal::{Ended, RunJournal, Setting, best_step};
use crate::judge::Judge;
use crate::record::{Finished, learning_curve};
use crate::settings::{Flags, Settings};
use crate::teller::Teller;
use crate::there::WhileThere;
use crate::{bad_input, data, folder, network, record, test_set};

/// The settings in which a run differs from what is asked of it, each as told. How much memory it may take is no such
/// setting: it changes no result.
pub fn differing(asked: &Settings, kept: &Settings) -> anyhow::Result<Vec<String>> {
    let mut asked = asked.flags.clone();
    asked.keep_window(&kept.flags);
    let (asked, kept) = (asked.table()?, kept.flags.table()?);
    let names: BTreeSet<&String> = asked.keys().chain(kept.keys()).collect();
    let differ = |name: &&String| *name != "cache" && asked.get(*name) != kept.get(*name);
    let told = |name: &String| match (asked.get(name), kept.get(name)) {
        (Some(now), Some(before)) => format!("--{name} {now} (the run has {before})"),
        (Some(now), None) => format!("--{name} {now} (the run has it not set)"),
        (None, before) => format!(
            "--{name} not set (the run has {})",
            before.map_or_else(String::new, ToString::to_string)
        ),
    };
    Ok(names.into_iter().filter(differ).map(told).collect())
}

/// Whether a run is new, or was begun before and is to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It starts here.
    Now,
    /// It was interrupted, and goes on.
    Before,
}

/// What a run is made within: who hears of it, and what it must agree with.
pub struct Surroundings<'a> {
    /// Hears how many images have been read, of how many.
    pub reading: &'a dyn Fn(usize, usize),
    /// Begins to tell of a run of so many steps, of which so many were done before.
    pub teller: &'a dyn Fn(u64, u64) -> Box<dyn Teller>,
    /// Refuses a new run whose data or weights differ from those of the runs
    /// that it is compared with, before anything is spent on it.
    pub admit: &'a dyn Fn(&record::DataRecord) -> anyhow::Result<()>,
    /// What a user gives to the command to continue a run that stopped.
    pub go_on: &'static str,
}

/// Runs to the end.
pub fn simulate(
    settings: &Settings,
    begun: Begun,
    around: &Surroundings,
) -> anyhow::Result<Finished> {
    let data = data::open(&settings.flags, around.reading)?;
    require_task(settings, &data)?;
    let positive = positive_class(&settings.flags, &data)?;
    let setup = network::Setup::new(settings, &data)?;
    let record = data::record(&data, &setup)?;

    let go_on = around.go_on;
    let (folder, done) = match begun {
        Begun::Now => {
            (around.admit)(&record)?;
            let config = toml::to_string(&setup.flags)?;
            let folder = RunFolder::create(&settings.out, &config, &record, go_on)?;
            (
                folder,
                Done {
                    steps: Vec::new(),
                    queries: Vec::new(),
                },
            )
        }
        Begun::Before => {
            let (folder, done) = RunFolder::resume(&settings.out, go_on)?;
            same_data(&settings.out, &record)?;
            (folder, done)
        }
    };

    let (steps, steps_done) = (
        settings.flags.steps.map_or(1, u64::from),
        done.steps.len() as u64,
    );
    let teller = (around.teller)(steps, steps_done);
    let mut pool = data::ids(&data, Split::Train);
    if let Some(count) = settings.flags.pool {
        pool = data::drawn(&data, pool, count, settings.seed);
    }
    introduce(settings, &data, pool.len(), &setup, &*teller, &folder);

    let labels = data::labels(&data);
    let keys = data::keys(&data);
    let patches = Arc::new(ImagePatches::new(
        data.candidates.clone(),
        setup.patches,
        settings.input,
        settings.cache_bytes,
    ));
    let stop_set = stop_set(settings, &keys, &pool);
    let mut run = Run::new(keys, pool, setup.pretrained.clone());
    run.groups = data::groups(&data);
    replay(&mut run, &done, &data, &folder)?;

    // Two learners: one that is read while the other trains.
    let learner = |source: Arc<dyn PatchSource>| -> anyhow::Result<WhileThere> {
        Ok(WhileThere {
            learner: setup.learner(source)?,
            patches: patches.clone(),
            go_on,
        })
    };
    let scorer = learner(patches.clone())?;
    let mut trainer = learner(patches.clone())?;
    let test_scorer = match settings.flags.test_patches {
        Some(count) => Some(learner(Arc::new(FirstPatches::new(
            patches.clone(),
            count,
        )))?),
        None => None,
    };
    let mut judge = Judge {
        scorer: test_scorer.as_ref().unwrap_or(&scorer),
        labels: &labels,
        validation: match settings.flags.no_validation {
            Some(true) => Vec::new(),
            _ => data::ids(&data, Split::Validation),
        },
        test: match settings.flags.no_test {
            Some(true) => Vec::new(),
            _ => data::ids(&data, Split::Test),
        },
        stop_set,
        positive,
    };
    let setting = Setting {
        data: &data,
        scorer: &scorer,
        // All patches are told by in any case; the share beside them is the paper's where the run has none.
        alpha: settings
            .flags
            .alpha
            .filter(|alpha| *alpha < 1.0)
            .unwrap_or(0.25),
        test: judge.test.clone(),
        patches: setup.patches.len(),
        title: format!("{} on {}", settings.preset, data_name(settings)),
    };
    test_set::write_rows(&folder, &data, &setting.test)?;
    let mut journal = RunJournal::new(setting, folder, done.steps, teller, settings.flags.steps);
    journal.mend()?;
    let oracle = Oracle::new(labels.clone());
    let reason = if settings.noise > 0.0 {
        let classes =
            u16::try_from(data.classes.len()).context("more classes than a label can name")?;
        let mut oracle = NoisyOracle::new(
            oracle,
            run.keys.clone(),
            classes,
            settings.noise,
            settings.seed,
        );
        go(
            settings,
            &mut run,
            &scorer,
            &mut trainer,
            &mut oracle,
            &mut judge,
            &mut journal,
        )?
    } else {
        let mut oracle = oracle;
        go(
            settings,
            &mut run,
            &scorer,
            &mut trainer,
            &mut oracle,
            &mut judge,
            &mut journal,
        )?
    };

    let Ended {
        folder,
        steps,
        teller,
        unreadable,
    } = journal.end();
    teller.end();
    let finished = finish(reason, &steps);
    folder.finish(&finished)?;
    let unreadable = steps
        .iter()
        .flat_map(|step| &step.unreadable)
        .chain(&unreadable);
    farewell(&record, unreadable, &*teller);
    Ok(finished)
}

fn go(
    settings: &Settings,
    run: &mut Run<Model>,
    scorer: &WhileThere,
    trainer: &mut WhileThere,
    annotator: &mut impl Annotator,
    judge: &mut Judge<'_, WhileThere>,
    journal: &mut RunJournal<'_, WhileThere>,
) -> anyhow::Result<StopReason> {
    let plan = &settings.plan;
    acft(plan, run, scorer, trainer, annotator, judge, journal).map_err(|error| match error {
        acft::Error::Criterion(error) => bad_input!("{error}"),
        acft::Error::Plugged(error) => anyhow::Error::from_boxed(error),
        other => other.into(),
    })
}

/// Brings a new run to where the interrupted one was after its last whole step.
fn replay(
    run: &mut Run<Model>,
    done: &Done,
    data: &Dataset,
    folder: &RunFolder,
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
        run.current = network::load_hashed(&path, &last.model)
            .with_context(|| format!("the model of step {}", last.step))?;
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

/// Refuses data that cannot be learned from or judged on.
fn require_task(settings: &Settings, data: &Dataset) -> anyhow::Result<()> {
    let path = settings
        .flags
        .data
        .as_deref()
        .unwrap_or(Path::new("."))
        .display();
    if data.classes.len() < 2 {
        return Err(bad_input!(
            "{path} has no labels to play the expert: a simulation needs images whose labels are known \
             (a subfolder a class, or a manifest with a label column)"
        ));
    }
    let labeled = |split: Split| {
        data.candidates
            .iter()
            .any(|candidate| candidate.split == split && candidate.label.is_some())
    };
    let no_test = settings.flags.no_test == Some(true);
    for (split, what, wanted) in [
        (Split::Train, "the pool", true),
        (Split::Validation, "the validation set", no_test),
        (Split::Test, "the test set", !no_test),
    ] {
        if wanted && !labeled(split) {
            return Err(bad_input!(
                "{path}: {what} has no labeled candidate, so there is nothing to simulate"
            ));
        }
    }
    if settings.plan.stop.plateau.is_some() && !labeled(Split::Validation) {
        return Err(bad_input!(
            "--plateau looks at the validation AUC, and {path} has no validation candidate"
        ));
    }
    Ok(())
}

fn positive_class(flags: &Flags, data: &Dataset) -> anyhow::Result<Option<usize>> {
    let Some(name) = &flags.positive else {
        return Ok(None);
    };
    match data.classes.iter().position(|class| class == name) {
        None => Err(bad_input!(
            "--positive {name:?}: the classes are {}",
            data.classes.join(", ")
        )),
        Some(_) if data.classes.len() > 2 => Err(bad_input!(
            "--positive is for two classes, and there are {}: leave it out, every class is then held against the rest",
            data.classes.len()
        )),
        Some(at) => Ok(Some(at)),
    }
}

fn same_data(out: &Path, found: &record::DataRecord) -> anyhow::Result<()> {
    let kept: record::DataRecord = folder::read_json(&out.join("data.json"))?;
    if kept.digest == found.digest && kept.pretrained == found.pretrained {
        return Ok(());
    }
    if kept.digest == found.digest {
        return Err(bad_input!(
            "the pre-trained weights have changed since the run in {} began: a run goes on only from the same M_0",
            out.display()
        ));
    }
    Err(bad_input!(
        "the data has changed since the run in {} began ({} + {} + {} candidates then, {} + {} + {} now): \
         a run goes on only with the same images, labels and splits; put them back, or begin another run with another --out",
        out.display(),
        kept.pool,
        kept.validation,
        kept.test,
        found.pool,
        found.validation,
        found.test
    ))
}

fn data_name(settings: &Settings) -> String {
    let path = settings.flags.data.clone().unwrap_or_default();
    let path = path.canonicalize().unwrap_or(path);
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Says what is about to happen, and on what.
fn introduce(
    settings: &Settings,
    data: &Dataset,
    pool: usize,
    setup: &network::Setup,
    teller: &dyn Teller,
    folder: &RunFolder,
) {
    let count = |split| {
        data.candidates
            .iter()
            .filter(|candidate| candidate.split == split)
            .count()
    };
    let all = match count(Split::Train) {
        all if all == pool => String::new(),
        all => format!(" (drawn from {all})"),
    };
    teller.line(&format!(
        "{}: {pool} candidates in the pool{all}, {} for validation, {} for testing; classes {}",
        data_name(settings),
        count(Split::Validation),
        count(Split::Test),
        data.classes.join(", "),
    ));
    for sentence in data.notes.iter().chain(&data.held_out) {
        teller.line(&format!("  {sentence}"));
    }
    for conflict in data
        .duplicates
        .iter()
        .filter_map(|copy| copy.conflict.as_ref())
    {
        teller.line(&format!("  warning: {conflict}"));
    }
    teller.line(&format!(
        "{} with {} at {} px, {} patches ({}), seed {}; into {}",
        settings.preset,
        setup.architecture(),
        settings.input,
        setup.patches.len(),
        setup.patches,
        settings.seed,
        folder.root().display(),
    ));
    if let Some(first) = data.left_out.first() {
        teller.line(&format!(
            "  {} not read (data.json lists them), the first {}: {}",
            data.left_out.len(),
            first.name,
            first.reason
        ));
    }
    if let Some(chosen) = &setup.chosen_window {
        teller.line(&format!("  {chosen} (--window sets another)"));
    }
    if let Query::Active { criterion, .. } = settings.plan.query
        && let Some(warning) = criterion.warning(setup.patches.len())
    {
        teller.line(&format!("warning: {warning}"));
    }
}

fn finish(reason: StopReason, steps: &[record::StepRecord]) -> Finished {
    let last = steps.last();
    let best = best_step(steps);
    let curve = learning_curve(steps).ok();
    Finished {
        reason,
        steps: last.map_or(0, |step| step.step),
        labels: last.map_or(0, |step| step.labels),
        last_test_auc: last.and_then(|step| step.test_auc),
        last_val_auc: last.and_then(|step| step.val_auc),
        best_step: best,
        best_test_auc: best.and_then(|best| steps.iter().find(|step| step.step == best)?.test_auc),
        alc: curve.as_ref().map(acft::curve::LearningCurve::alc),
        alc_log2: curve.as_ref().map(acft::curve::LearningCurve::alc_log2),
    }
}

/// Lists what could not be used: at the end, where it is seen.
fn farewell<'a>(
    record: &record::DataRecord,
    unreadable: impl Iterator<Item = &'a record::Unreadable>,
    teller: &dyn Teller,
) {
    const SHOWN: usize = 10;
    let unreadable: Vec<String> = unreadable
        .map(|one| format!("{}: {}", one.candidate, one.reason))
        .collect();
    for (what, list, file) in [
        ("left out", &record.left_out, "data.json"),
        ("left out when decoded", &unreadable, "steps.jsonl"),
        ("duplicates dropped", &record.duplicates, "data.json"),
    ] {
        if list.is_empty() {
            continue;
        }
        teller.line(&format!("{what}: {}", list.len()));
        for line in list.iter().take(SHOWN) {
            teller.line(&format!("  {line}"));
        }
        if list.len() > SHOWN {
            teller.line(&format!(
                "  … and {} more, all of them in {file}",
                list.len() - SHOWN
            ));
        }
    }
}
