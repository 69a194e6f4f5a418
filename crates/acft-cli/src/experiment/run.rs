//! Making the runs that are not there yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;

use super::grid::{Build, Cell, Grid, Note, Stage, VERSION};
use super::{report, results};
use crate::cli::bad_input;
use crate::progress::Shared;
use crate::simulate::data;
use crate::simulate::folder::read_json;
use crate::simulate::record::DataRecord;
use crate::simulate::settings::Flags;
use crate::simulate::{Begun, differing, simulate};

/// Makes all runs that are not finished, so many at a time. One that fails is written down, and the others go on.
///
/// # Errors
/// Another process is at it, runs were made by another version or with other settings, or results cannot be written.
pub(super) fn run(grid: &Grid, jobs: usize, retry: bool) -> anyhow::Result<()> {
    std::fs::create_dir_all(&grid.out).with_context(|| {
        format!(
            "cannot make the folder {}; choose another with --out",
            grid.out.display()
        )
    })?;
    let _lock = lock(grid)?;
    report::declare(grid)?;
    let mut waiting = Vec::new();
    for cell in &grid.cells {
        refuse_others(cell)?;
        if cell.note()?.is_none() && cell.settings.out.join("config.toml").is_file() {
            eprintln!(
                "note: of {} it is not known which version made it, for the note beside its folder is not there",
                cell.title()
            );
        }
        match cell.stage()? {
            Stage::Finished => {}
            Stage::Failed if !retry => {}
            _ => waiting.push(cell),
        }
    }
    require_files(&waiting)?;
    refuse_other_sources(&grid.cells.iter().collect::<Vec<_>>())?;
    refuse_other_weights(grid, &waiting)?;
    let jobs = jobs.clamp(1, waiting.len().max(1));
    eprintln!(
        "{} runs, {} of them to make, {jobs} at a time",
        grid.cells.len(),
        waiting.len()
    );

    let steps = waiting.iter().filter_map(|cell| cell.settings.flags.steps);
    let shared = Shared::new(steps.map(u64::from).sum());
    let next = AtomicUsize::new(0);
    // Results are written by whoever has just finished a run.
    let writing = Mutex::new(());
    let outcome = thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(cell) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(cell, &shared)
                    .and_then(|()| {
                        let _alone = writing.lock();
                        results::write(grid)
                    })
                    // What cannot be written down ends it all.
                    .inspect_err(|_| next.store(waiting.len(), Ordering::Relaxed))?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .fold(Ok(()), anyhow::Result::and)
    });
    shared.end();
    outcome?;
    results::write(grid)
}

/// Refuses files that are not there, all of them at once and before the first run rather than in each.
fn require_files(waiting: &[&Cell]) -> anyhow::Result<()> {
    let named = waiting.iter().flat_map(|cell| {
        let flags = &cell.settings.flags;
        [&flags.data, &flags.manifest, &flags.weights]
            .into_iter()
            .flatten()
    });
    let missing: BTreeSet<String> = named
        .filter(|path| !path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<String> = missing.into_iter().collect();
    Err(bad_input!(
        "not there: {}. Paths in the file of an experiment are relative to the folder that it lies in, or to --root",
        missing.join(", ")
    ))
}

/// One run, from where it is to its end; its failure is no error here, but written down.
fn one(cell: &Cell, shared: &Shared) -> anyhow::Result<()> {
    let begun = match cell.stage()? {
        Stage::ToDo => Begun::Now,
        _ if cell.settings.out.join("config.toml").is_file() => Begun::Before,
        _ => Begun::Now,
    };
    let before = match begun {
        // Without a note it was begun by a build that is not known.
        Begun::Before => cell.note()?.unwrap_or_else(|| Note {
            builds: vec![Build::default()],
            ..Note::default()
        }),
        Begun::Now => Note::default(),
    };
    let note = before.gone_on_with();
    cell.keep(&note)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        simulate(&cell.settings, begun, Some(shared))
    }));
    let failed = match outcome {
        Ok(Ok(finished)) => {
            let auc = match (finished.last_test_auc, finished.last_val_auc) {
                (Some(auc), _) => format!("test AUC {auc:.3}"),
                (None, Some(auc)) => format!("validation AUC {auc:.3}"),
                (None, None) => "test AUC -".to_owned(),
            };
            shared.line(&format!(
                "{}: {auc} at {} labels",
                cell.title(),
                finished.labels
            ));
            return Ok(());
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("a fault of the program: {}", text.unwrap_or("it panicked"))
        }
    };
    shared.line(&format!("{} failed: {failed}", cell.title()));
    cell.keep(&Note {
        failed: Some(failed),
        ..note
    })
}

/// Refuses a run that was made by another version, or with other settings.
pub(super) fn refuse_others(cell: &Cell) -> anyhow::Result<()> {
    let out = &cell.settings.out;
    if let Some(note) = cell.note()?
        && note.version != VERSION
    {
        return Err(bad_input!(
            "{} was made by acft {}, and this is {VERSION}: numbers of two versions do not belong in one table. \
             Choose another --out, or remove that run and its file {}",
            out.display(),
            note.version,
            out.with_extension("json").display()
        ));
    }
    let config = out.join("config.toml");
    if config.is_file() {
        let mut kept = Flags::read(&config)?;
        // Where the files lay says nothing: what a run was made from it keeps as digests, which are held
        // against the data when it goes on, and against those of other runs. So runs that were made on several
        // machines can be put together.
        let mut asked = cell.settings.clone();
        let flags = &mut asked.flags;
        kept.data.clone_from(&flags.data);
        kept.manifest.clone_from(&flags.manifest);
        kept.weights.clone_from(&flags.weights);
        kept.out = Some(out.clone());
        // Where nobody asks for them, a run has these from its weights and its data.
        flags.model = flags.model.or(kept.model);
        flags.patches = flags.patches.or(kept.patches);
        let differing = differing(&asked, &kept.resolve()?)?;
        if !differing.is_empty() {
            return Err(bad_input!(
                "{} was made with other settings: {}. Runs of one table have the same ones: set these as they were, or \
                 choose another --out",
                out.display(),
                differing.join(", ")
            ));
        }
    }
    Ok(())
}

/// Refuses runs that were made from other data or other weights than runs beside them, though both are called the same:
/// what is compared over seeds must differ in nothing but the seed.
pub(super) fn refuse_other_sources(cells: &[&Cell]) -> anyhow::Result<()> {
    let mut of_weights: BTreeMap<&Path, (&Cell, String)> = BTreeMap::new();
    let mut of_data: BTreeMap<&str, (&Cell, DataRecord)> = BTreeMap::new();
    for cell in cells {
        let Some(record) = record(cell)? else {
            continue;
        };
        if let (Some(path), Some(weights)) = (&cell.settings.flags.weights, &record.weights) {
            let (first, digest) = of_weights
                .entry(path)
                .or_insert_with(|| (cell, weights.clone()));
            if digest != weights {
                return Err(made_from_other("weights", first, cell));
            }
        }
        let (first, earlier) = of_data
            .entry(&cell.data)
            .or_insert_with(|| (cell, record.clone()));
        if !earlier.same_candidates(&record) {
            return Err(made_from_other("data", first, cell));
        }
    }
    Ok(())
}

fn made_from_other(what: &str, first: &Cell, second: &Cell) -> anyhow::Error {
    bad_input!(
        "{} and {} were made from other {what}, so that their numbers cannot be compared: remove one of the two and \
         make it again",
        first.settings.out.display(),
        second.settings.out.display()
    )
}

/// Refuses to make runs from weights that are others by now than those of the runs there are.
fn refuse_other_weights(grid: &Grid, waiting: &[&Cell]) -> anyhow::Result<()> {
    let named: BTreeSet<&Path> = waiting
        .iter()
        .filter_map(|cell| cell.settings.flags.weights.as_deref())
        .collect();
    for path in named {
        let now = data::digest(path)?;
        for cell in &grid.cells {
            let same_name = cell.settings.flags.weights.as_deref() == Some(path);
            let kept = record(cell)?.and_then(|record| record.weights);
            if same_name && kept.is_some_and(|kept| kept != now) {
                return Err(bad_input!(
                    "{} is not the file that {} was made from: put that one back, or choose another --out",
                    path.display(),
                    cell.settings.out.display()
                ));
            }
        }
    }
    Ok(())
}

/// What a run keeps of its data and its weights; none before it is begun.
fn record(cell: &Cell) -> anyhow::Result<Option<DataRecord>> {
    let out = &cell.settings.out;
    let begun = out.join("config.toml").is_file();
    begun.then(|| read_json(&out.join("data.json"))).transpose()
}

fn lock(grid: &Grid) -> anyhow::Result<std::fs::File> {
    let path = grid.out.join("experiment.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(bad_input!(
            "another acft experiment run is at work in {}: wait for it, or choose another --out",
            grid.out.display()
        )),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
