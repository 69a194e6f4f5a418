//! Makes the runs that are not finished.

use std::collections::BTreeSet;
use std::fs::{OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use acft_run::record::DataRecord;
use acft_run::settings::Flags;
use acft_run::{Begun, Surroundings, Teller, bad_input, data, differing, files, simulate};
use anyhow::Context;

use super::grid::{Build, Cell, Grid, Note, Stage, VERSION};
use super::sources::{Other, Sources, record};
use super::{report, results};

/// Receives the progress of several runs at a time.
pub trait Tellers: Sync {
    /// The receiver for one run, with its number of steps and how many were done before.
    fn part(&self, steps: u64, done: u64) -> Box<dyn Teller>;

    /// Prints a line that stays on the terminal.
    fn line(&self, text: &str);

    /// All runs have ended.
    fn end(&self);
}

/// Makes all runs that are not finished, several at a time. If one fails, its error is recorded and the others go on.
///
/// # Errors
/// Another process works on the experiment, runs were made by another version or with other settings, or results cannot be written.
pub fn run(
    grid: &Grid,
    jobs: usize,
    retry: bool,
    tellers: &dyn Fn(u64) -> Box<dyn Tellers>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(&grid.out).with_context(|| {
        format!(
            "cannot make the folder {}; choose another with --out",
            grid.out.display()
        )
    })?;
    let _lock = lock(grid)?;
    sweep(grid);
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
    grid.require_whole()?;
    require_files(&waiting)?;
    let sources = Mutex::new(Sources::of(&grid.cells)?);
    refuse_other_weights(grid, &waiting)?;
    let jobs = jobs.clamp(1, waiting.len().max(1));
    eprintln!(
        "{} runs, {} of them to make, {jobs} at a time",
        grid.cells.len(),
        waiting.len()
    );

    let steps = waiting.iter().filter_map(|cell| cell.settings.flags.steps);
    let shared = tellers(steps.map(u64::from).sum());
    let next = AtomicUsize::new(0);
    // Results are written by whoever has just finished a run.
    let writing = Mutex::new(());
    let outcome = thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(cell) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) {
                run_cell(cell, &*shared, &sources)
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

/// Refuses files that do not exist: once, before the first run, with the names of all of them.
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

/// Makes one run, or finishes it. A failure is recorded and is no error here.
fn run_cell<'a>(
    cell: &'a Cell,
    shared: &dyn Tellers,
    sources: &Mutex<Sources<'a>>,
) -> anyhow::Result<()> {
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
    let around = Surroundings {
        reading: &|_, _| {},
        teller: &|steps, done| shared.part(steps, done),
        admit: &|record| admit(cell, record, sources),
        go_on: "acft experiment run --retry",
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        simulate(&cell.settings, begun, &around)
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

/// Refuses a run whose data or weights differ from those of the others: it could not be compared with them.
fn admit<'a>(
    cell: &'a Cell,
    record: &DataRecord,
    sources: &Mutex<Sources<'a>>,
) -> anyhow::Result<()> {
    let mut sources = sources.lock().unwrap_or_else(PoisonError::into_inner);
    match sources.join(cell, record) {
        None => Ok(()),
        Some(Other { what, first }) => Err(bad_input!(
            "the {what} have changed since {} was begun, so that the two could not be compared: put them back as they \
             were, or choose another --out",
            first.settings.out.display()
        )),
    }
}

/// Removes partly written files that a kill left. This is safe because only the holder of the lock writes here.
fn sweep(grid: &Grid) {
    let of_notes = grid
        .cells
        .iter()
        .filter_map(|cell| cell.settings.out.parent());
    let folders: BTreeSet<&Path> = of_notes.chain([grid.out.as_path()]).collect();
    folders.into_iter().for_each(files::sweep);
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
        // Where one of the two begins with none, that is what is to be told.
        if kept.from_scratch.unwrap_or_default() == flags.from_scratch.unwrap_or_default() {
            kept.weights.clone_from(&flags.weights);
        }
        kept.out = Some(out.clone());
        // Where nobody asks for them, a run has these from its weights and its data.
        flags.model = flags.model.or(kept.model);
        flags.patches = flags.patches.or(kept.patches);
        let kept = kept
            .resolve()
            .with_context(|| format!("{} cannot be read", config.display()))?;
        let differing = differing(&asked, &kept)?;
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

/// Refuses new runs if the file of weights has changed since the first runs.
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
