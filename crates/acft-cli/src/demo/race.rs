//! RFT and ACFT(HQ) side by side: the same data, weights and seeds, by the
//! code of `acft simulate`, several runs at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acft_experiment::run::Tellers;
use acft_run::settings::{Flags, Settings};
use acft_run::{Begun, Surroundings, simulate};
use acft_vision::models::Architecture;

use super::folder::{DemoFolder, Recipe};
use super::pretrain;
use crate::progress::Shared;

/// Labels asked for in a step.
pub(super) const BATCH: usize = 15;

/// The strategies, as on the command line and as in the paper.
pub(super) const STRATEGIES: [(&str, &str); 2] = [("rft", "RFT(LQ)"), ("acft-hq", "ACFT(HQ)")];

/// One run of one strategy.
pub(super) struct PlannedRun {
    /// The strategy as in the paper.
    pub(super) strategy: &'static str,
    pub(super) settings: Settings,
}

/// Every run: the strategies take turns, seed by seed.
pub(super) fn plan(folder: &DemoFolder, recipe: &Recipe) -> anyhow::Result<Vec<PlannedRun>> {
    let mut runs = Vec::new();
    for seed in 0..u64::from(recipe.seeds) {
        for (code, title) in STRATEGIES {
            let flags = Flags {
                data: Some(folder.frames()),
                positive: Some("lesion".to_owned()),
                model: Some(Architecture::Demo),
                weights: Some(folder.weights()),
                input: Some(pretrain::INPUT),
                patches: Some("frame".parse()?),
                strategy: Some(code.to_owned()),
                batch: Some(BATCH),
                steps: Some(u32::from(recipe.steps)),
                lr: Some(1e-3),
                lr_ratio: Some(3.0),
                epochs: Some(5),
                minibatch: Some(64),
                cache: Some(64),
                seed: Some(seed),
                out: Some(folder.path("runs").join(format!("{code}-{seed}"))),
                ..Flags::default()
            };
            runs.push(PlannedRun {
                strategy: title,
                settings: flags.resolve()?,
            });
        }
    }
    Ok(runs)
}

/// Makes all runs that are not finished, as many at a time as there are processors.
/// After a failure no other run is begun.
pub(super) fn run(runs: &[PlannedRun]) -> anyhow::Result<()> {
    let waiting: Vec<&PlannedRun> = runs
        .iter()
        .filter(|run| !run.settings.out.join("finished.json").is_file())
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let at_a_time = rayon::current_num_threads().min(waiting.len());
    let steps = waiting
        .iter()
        .filter_map(|run| run.settings.flags.steps)
        .map(u64::from)
        .sum();
    eprintln!(
        "running {} simulations, {at_a_time} at a time",
        waiting.len()
    );

    let shared = Shared::new(steps);
    let begun = AtomicUsize::new(0);
    let outcome = thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(run) = waiting.get(begun.fetch_add(1, Ordering::Relaxed)) {
                run_one(run, &shared)
                    .inspect_err(|_| begun.store(waiting.len(), Ordering::Relaxed))?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers
            .into_iter()
            .map(join)
            .fold(Ok(()), anyhow::Result::and)
    });
    shared.end();
    outcome
}

fn run_one(run: &PlannedRun, shared: &Shared) -> anyhow::Result<()> {
    let settings = &run.settings;
    let begun = if settings.out.join("config.toml").is_file() {
        Begun::Before
    } else {
        Begun::Now
    };
    let around = Surroundings {
        reading: &|_, _| {},
        teller: &|steps, done| shared.part(steps, done),
        admit: &|_| Ok(()),
        go_on: "acft demo",
    };
    let finished = simulate(settings, begun, &around)?;
    shared.line(&format!(
        "{:<8} seed {}: test AUC {} at {} labels",
        run.strategy,
        settings.seed,
        finished
            .last_test_auc
            .map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}")),
        finished.labels,
    ));
    Ok(())
}
