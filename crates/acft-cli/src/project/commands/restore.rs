//! `acft restore`: a project from a backup.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_project::{Project, Rules};
use acft_worker::backup::{check, newest, unpack};
use acft_worker::create::stage::{Stage, refuse_existing};
use acft_worker::open::into_bad_input;
use acft_worker::words::count;
use serde::Serialize;

use crate::output::print_json;

const EXAMPLE: &str = "\
Examples:
  acft restore /mnt/backup/lungs-monday lungs-again
  acft restore /mnt/backup lungs-again     (the newest of the backups in it)

The folder must not have a project yet: to put a backup in the place of a damaged
project, give that another name first. The backup is checked before and after,
and stays as it is. Labels that were given after it was made are not in it.";

/// Make a project from a backup.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The backup, or a folder of backups.
    backup: PathBuf,
    /// The project's folder, to be made.
    dir: PathBuf,
    /// Print what was restored as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Restored<'a> {
    project: &'a Path,
    backup: &'a Path,
    made: &'a str,
    last_event: i64,
    candidates: usize,
    labeled: usize,
    models: usize,
    images_missing: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    refuse_existing(&args.dir)?;
    let backup = match newest(&args.backup) {
        Some(newest) if !args.backup.join("backup.json").exists() => newest,
        _ => args.backup.clone(),
    };
    let (list, _) = check(&backup)?;
    let stage = Stage::begin(&args.dir)?;
    unpack(&backup, &list, stage.path())?;
    let contents = acft_project::verify(stage.path()).map_err(into_bad_input)?;
    stage.finish()?;

    let missing = missing_images(&args.dir)?;
    for note in &list.notes {
        eprintln!("note: {note}");
    }
    if missing > 0 {
        eprintln!(
            "note: {} not there, and cannot be shown before they are: `acft check {}` names them",
            match missing {
                1 => "1 image is".to_owned(),
                more => format!("{more} images are"),
            },
            args.dir.display()
        );
    }
    if args.json {
        print_json(&Restored {
            project: &args.dir,
            backup: &backup,
            made: &list.made,
            last_event: contents.last.0,
            candidates: contents.candidates,
            labeled: contents.labeled,
            models: list.models,
            images_missing: missing,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("made {}", args.dir.display());
    println!(
        "{} of {} and {}, as they were at {}",
        count(contents.labeled, "label"),
        count(contents.candidates, "candidate"),
        count(list.models, "model"),
        list.made
    );
    println!("\nnext: acft serve {}", args.dir.display());
    Ok(ExitCode::SUCCESS)
}

/// How many images the project speaks of that are not where they were.
fn missing_images(root: &Path) -> anyhow::Result<usize> {
    let project = Project::read(root, Rules::default()).map_err(into_bad_input)?;
    let paths: std::collections::BTreeSet<PathBuf> = project
        .ledger()
        .candidates()
        .iter()
        .map(|candidate| project.image_path(candidate))
        .collect();
    Ok(paths.iter().filter(|path| !path.is_file()).count())
}
