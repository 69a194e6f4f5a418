//! `acft backup`: a copy of a project that is known to be whole.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_worker::backup::{Made, Series, make};
use acft_worker::words::count;
use serde::Serialize;

use super::at::At;
use crate::output::print_json;

const EXAMPLE: &str = "\
Examples:
  acft backup /mnt/backup/lungs-monday lungs
  acft backup --keep 7 /mnt/backup lungs
  acft restore /mnt/backup/lungs-monday lungs-again

Works while a server has the project: every label that was accepted before is in
it. A backup is a folder with the database, the models, the images sent as
feedback, acft.toml and a list of their hashes; it is read again and checked
before the command ends. The other images stay where they are, and are not
copied. `acft serve` makes backups by itself where acft.toml says backup-to.";

/// Copy a project's labels, models and settings to a safe place.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The folder of the backup, to be made; with --keep, the folder that it is made in.
    dest: PathBuf,
    #[command(flatten)]
    at: At,
    /// Make it in a folder of its own within DEST, named by the time, and keep
    /// only the last N of this project there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    backup: &'a Path,
    last_event: i64,
    candidates: usize,
    labeled: usize,
    models: usize,
    notes: &'a [String],
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = args.at.root()?;
    let made = match args.keep {
        Some(keep) => Series {
            root: &root,
            to: &args.dest,
            keep: keep as usize,
        }
        .next()?,
        None => make(&root, &args.dest, None)?,
    };
    tell(&made, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(made: &Made, json: bool) -> anyhow::Result<()> {
    let list = &made.list;
    for note in &list.notes {
        eprintln!("note: {note}");
    }
    if json {
        return print_json(&Told {
            backup: &made.place,
            last_event: list.last_event,
            candidates: list.candidates,
            labeled: list.labeled,
            models: list.models,
            notes: &list.notes,
        });
    }
    println!("{}", made.place.display());
    eprintln!(
        "{} of {} and {} are in it",
        count(list.labeled, "label"),
        count(list.candidates, "candidate"),
        count(list.models, "model"),
    );
    Ok(())
}
