//! `acft simulate`: Algorithm 1 on images whose labels are known, which play
//! the expert.

pub(crate) mod data;
pub(crate) mod digest;
pub(crate) mod evaluation;
pub(crate) mod favoured;
pub(crate) mod folder;
mod journal;
mod plot;
pub(crate) mod record;
pub(crate) mod settings;
pub(crate) mod test_set;
mod there;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use acft::random::{Purpose, keyed_hash};
use acft::{Annotator, CandidateId, Evidence, NoisyOracle, Oracle, Query, Run, StopReason, acft};
use acft_vision::learner::PatchSource;
use acft_vision::models::Model;
use acft_vision::source::{Dataset, Split};
use anyhow::Context;

use crate::cli::{Machine, bad_input};
use crate::network;
use crate::progress::{self, Progress, Shared};
use folder::{Done, RunFolder};
use journal::{Ended, RunJournal, Setting};
pub(crate) use journal::{best_step, signs};
use record::{Finished, learning_curve};
use settings::{Flags, Settings};
use there::WhileThere;

const EXAMPLE: &str = "\
Example:
  acft simulate --data images/ --weights squeezenet1_1.safetensors
  acft simulate --data lung --positive 1 --weights squeezenet1_1.safetensors \\
      --input 48 --patches crop:12 --strategy acft-hq --batch 25 --steps 16 --out runs/lung-hq-0

The run's folder gets config.toml (every setting; give it to --config to run it
again), data.json, steps.jsonl (a line a step), queries.csv (what was asked,
and why), test.csv (the test set), predictions/ (what the network made of each
query and of the test set), digest.json (their hashes), curve.svg, curve.png,
models/last and models/best,
finished.json.";

/// Simulate a labeling campaign: the labels that the data has play the expert.
#[derive(clap::Args)]
// The last of a repeated flag wins, so that a script can append to a command.
#[command(after_help = EXAMPLE, args_override_self = true)]
pub(crate) struct Args {
    /// A TOML file of settings, named as the flags; a flag given beside it wins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on with the interrupted run in --out.
    #[arg(long)]
    resume: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = args.settings()?;
    let begun = if args.resume {
        Begun::Before
    } else {
        Begun::Now
    };
    let finished = simulate(&settings, begun, None)?;
    if args.json {
        println!(
            "{}",
            acft_terminal::json(&serde_json::to_string(&finished)?)
        );
    } else {
        println!("{}", summary(&finished, &settings.out));
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn settings(&self) -> anyhow::Result<Settings> {
        if !self.resume {
            let file = self
                .config
                .as_deref()
                .map(Flags::read)
                .transpose()?
                .unwrap_or_default();
            return self.flags.clone().over(file)?.resolve();
        }
        let file = self
            .config
            .as_deref()
            .map(Flags::read)
            .transpose()?
            .unwrap_or_default();
        let given = self.flags.clone().over(file)?;
        let out = match &given.out {
            Some(out) => out.clone(),
            None => given.clone().resolve()?.out,
        };
        folder::require_run(&out)?;
        let mut kept = Flags::read(&out.join("config.toml"))?;
        kept.out = Some(out);
        let asked = given.over(kept.clone())?.resolve()?;
        let kept = kept.resolve()?;
        let differing = differing(&asked, &kept)?;
        if differing.is_empty() {
            return Ok(Settings {
                cache_bytes: asked.cache_bytes,
                ..kept
            });
        }
        Err(bad_input!(
            "a resumed run keeps its settings, but these differ: {}; leave them out, or start another run with another --out",
            differing.join(", ")
        ))
    }
}

/// The settings in which a run differs from what is asked of it, each as told. How much memory it may take is no such
/// setting: it changes no result.
pub(crate) fn differing(asked: &Settings, kept: &Settings) -> anyhow::Result<Vec<String>> {
    let (asked, kept) = (asked.flags.table()?, kept.flags.table()?);
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
pub(crate) enum Begun {
    Now,
    Before,
}

/// What a run knows of the others that it is made with.
pub(crate) struct Within<'a> {
    /// The bar that they share.
    pub shared: &'a Shared,
    /// Refuses a new run whose data or weights are not theirs, before anything is spent on it.
    pub admit: &'a dyn Fn(&record::DataRecord) -> anyhow::Result<()>,
    /// What makes runs go on that stopped.
    pub go_on: &'static str,
}

/// Runs to the end.
pub(crate) fn simulate(
    settings: &Settings,
    begun: Begun,
    within: Option<&Within>,
) -> anyhow::Result<Finished> {
    let data = match within {
        Some(_) => data::open(&settings.flags, &|_, _| {})?,
        None => data::open(&settings.flags, &progress::counter("reading images"))?,
    };
    require_task(settings, &data)?;
    let positive = positive_class(&settings.flags, &data)?;
    let setup = network::Setup::new(settings, &data)?;
    let record = data::record(&data, &setup)?;

    let go_on = within.map_or("--resume", |within| within.go_on);
    let (folder, done) = match begun {
        Begun::Now => {
            within.map_or(Ok(()), |within| (within.admit)(&record))?;
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
    let progress = match within {
        Some(within) => within.shared.part(steps, steps_done),
        None => Progress::new(steps, steps_done),
    };
    let mut pool = data::ids(&data, Split::Train);
    if let Some(count) = settings.flags.pool {
        pool = data::drawn(&data, pool, count, settings.seed);
    }
    introduce(settings, &data, pool.len(), &setup, &progress, &folder);

    let labels = data::labels(&data);
    let keys = data::keys(&data);
    let patches = Arc::new(data::CandidatePatches::new(
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
    let judge = match settings.flags.test_patches {
        Some(count) => Some(learner(Arc::new(data::FirstPatches {
            of: patches.clone(),
            count,
        }))?),
        None => None,
    };
    let setting = Setting {
        data: &data,
        labels: &labels,
        scorer: &scorer,
        judge: judge.as_ref().unwrap_or(&scorer),
        // All patches are told by in any case; the share beside them is the paper's where the run has none.
        alpha: settings
            .flags
            .alpha
            .filter(|alpha| *alpha < 1.0)
            .unwrap_or(0.25),
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
        patches: setup.patches.len(),
        title: format!("{} on {}", settings.preset, data_name(settings)),
    };
    test_set::write_rows(&folder, &data, &setting.test)?;
    let mut journal = RunJournal::new(setting, folder, done.steps, progress, settings.flags.steps);
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
            &mut journal,
        )?
    };

    let Ended {
        folder,
        steps,
        progress,
        unreadable,
    } = journal.end();
    progress.end();
    let finished = finish(reason, &steps);
    folder.finish(&finished)?;
    let unreadable = steps
        .iter()
        .flat_map(|step| &step.unreadable)
        .chain(&unreadable);
    farewell(&record, unreadable, &progress);
    Ok(finished)
}

fn go(
    settings: &Settings,
    run: &mut Run<Model>,
    scorer: &WhileThere,
    trainer: &mut WhileThere,
    annotator: &mut impl Annotator,
    journal: &mut RunJournal<'_, WhileThere>,
) -> anyhow::Result<StopReason> {
    acft(&settings.plan, run, scorer, trainer, annotator, journal).map_err(|error| match error {
        acft::algorithm::Error::Criterion(error) => bad_input!("{error}"),
        acft::algorithm::Error::Plugged(error) => anyhow::Error::from_boxed(error),
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
    progress: &Progress,
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
    progress.line(&format!(
        "{}: {pool} candidates in the pool{all}, {} for validation, {} for testing; classes {}",
        data_name(settings),
        count(Split::Validation),
        count(Split::Test),
        data.classes.join(", "),
    ));
    for sentence in &data.held_out {
        progress.line(&format!("  {sentence}"));
    }
    for conflict in data
        .duplicates
        .iter()
        .filter_map(|copy| copy.conflict.as_ref())
    {
        progress.line(&format!("  warning: {conflict}"));
    }
    progress.line(&format!(
        "{} with {} at {} px, {} patches ({}), seed {}; into {}",
        settings.preset,
        setup.architecture(),
        settings.input,
        setup.patches.len(),
        setup.patches,
        settings.seed,
        folder.root().display(),
    ));
    if let Query::Active { criterion, .. } = settings.plan.query
        && let Some(warning) = criterion.warning(setup.patches.len())
    {
        progress.line(&format!("warning: {warning}"));
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
    progress: &Progress,
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
        progress.line(&format!("{what}: {}", list.len()));
        for line in list.iter().take(SHOWN) {
            progress.line(&format!("  {line}"));
        }
        if list.len() > SHOWN {
            progress.line(&format!(
                "  … and {} more, all of them in {file}",
                list.len() - SHOWN
            ));
        }
    }
}

fn summary(finished: &Finished, out: &Path) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let best = finished
        .best_test_auc
        .map(|auc| format!(" (the model best on validation: {auc:.4})"))
        .unwrap_or_default();
    let auc = match (finished.last_test_auc, finished.last_val_auc) {
        (None, Some(auc)) => format!("validation AUC {auc:.4}"),
        (auc, _) => format!(
            "test AUC {}{best}, ALC {}",
            number(auc),
            number(finished.alc)
        ),
    };
    format!(
        "{} labels in {} steps; stopped because {}\n{auc}\nthe learning curve is {}",
        finished.labels,
        finished.steps,
        finished.reason,
        out.join("curve.png").display(),
    )
}
