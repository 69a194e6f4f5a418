//! `acft score`: ranks candidates by the probabilities that any framework's
//! network gave their patches, and draws the next batch to label. The rows
//! are streamed; only a score for each candidate is kept in memory.

mod ahead;
mod args;
mod columns;
mod error;
mod gather;
mod input;
mod names;
mod npy;
mod output;
mod pool;
mod read_npz;
mod read_table;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::{fs, io, thread};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use args::Args;

use acft_run::BadInput;

use gather::{Chunk, Gather, Sums};
use pool::{Pool, Ranking, Rules, Scored};

/// Chunks that are read ahead of the scoring, and scored ahead of what takes them in.
const READ_AHEAD: usize = 4;

/// Scores, ranks and draws.
///
/// # Errors
/// [`BadInput`] for flags and files at fault, else a disk that fails; either
/// leaves nothing behind.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match score(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // The reader stopped early, as `head` does.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

fn score(args: &Args) -> anyhow::Result<()> {
    let rules = args.rules()?;
    let out = args.out.as_deref().filter(|out| *out != Path::new("-"));
    if args.json && args.out.is_some() && out.is_none() {
        let problem = "--json prints its summary to stdout, where --out - would print the table; \
                       name a file";
        return Err(BadInput::usage(problem).into());
    }
    if let Some(out) = out {
        // Checked before the work begins.
        check_out(args, out)?;
    }

    let ranking = rank(args, rules)?;
    if let Some(warning) = &ranking.warning {
        eprintln!("warning: {warning}");
    }
    if let Some(out) = out {
        output::write_file(&ranking, out, args.force)?;
    }
    let stdout = io::BufWriter::new(io::stdout().lock());
    if args.json {
        output::write_json(&ranking, &rules, args.batch, args.omega, stdout)
            .context("failed to write to stdout")?;
    } else if out.is_none() && io::stdout().is_terminal() {
        output::write_csv(&ranking, acft_terminal::Escaping::new(stdout))
            .context("failed to write to stdout")?;
    } else if out.is_none() {
        output::write_csv(&ranking, stdout).context("failed to write to stdout")?;
    }
    report(args, &ranking, out);
    Ok(())
}

/// Streams the file through the scores.
fn rank(args: &Args, rules: Rules) -> anyhow::Result<Ranking> {
    let file = args.probabilities.as_path();
    let sums = if args.normalize {
        Sums::Normalize
    } else {
        Sums::Check
    };
    let progress = progress();
    let mut pool = Pool::new(rules);
    let outcome = thread::scope(|scope| {
        // Some candidates are read while those before them are scored, and those before these are taken in.
        let (sender, chunks) = mpsc::sync_channel::<Chunk>(READ_AHEAD);
        let (scored_sender, scored) = mpsc::sync_channel(READ_AHEAD);
        let reading = scope.spawn(move || {
            let send = |chunk| sender.send(chunk).context("nobody scores any more");
            let mut gather = Gather::new(file, sums, send);
            let outcome = input::read(file, &mut |row| gather.push(row));
            gather.finish(outcome)
        });
        scope.spawn(move || {
            for chunk in chunks {
                // After an error the receiver is gone; ending here also ends the reading.
                if scored_sender.send(rules.score(chunk)).is_err() {
                    break;
                }
            }
        });
        let taking = scored.iter().try_for_each(|scored: Scored| {
            progress.inc(scored.len() as u64);
            pool.add(file, scored)
        });
        drop(scored);
        let reading = reading
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // An error of scoring belongs to an earlier row than one of reading.
        taking.and(reading)
    });
    progress.finish_and_clear();
    outcome?;
    if pool.len() == 0 {
        return Err(BadInput::file(file, "has no rows; give one a patch").into());
    }
    Ok(pool.query(args.batch, args.omega))
}

/// Progress, on a terminal only.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} candidates, {per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn check_out(args: &Args, out: &Path) -> Result<(), BadInput> {
    let same = |a: &Path, b: &Path| match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    if out.is_dir() {
        return Err(BadInput::file(out, "is a folder; name a file in it"));
    }
    if same(out, &args.probabilities) {
        return Err(BadInput::file(out, "is the input; name another file"));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let problem = format!("there is no folder {}; make it first", folder.display());
        return Err(BadInput::file(out, problem));
    }
    if out.exists() && !args.force {
        return Err(BadInput::file(
            out,
            "already exists; name another file, or replace it with --force",
        ));
    }
    Ok(())
}

fn report(args: &Args, ranking: &Ranking, out: Option<&Path>) {
    let (scored, drawn) = (ranking.ranked.len(), ranking.drawn.len());
    eprintln!(
        "scored {scored} candidates, {} patches; drew {drawn}",
        ranking.patches
    );
    if drawn < args.batch {
        eprintln!(
            "the pool has no more than the batch of {}: all of it was drawn",
            args.batch
        );
    }
    if let Some(out) = out {
        eprintln!("wrote {}", out.display());
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
