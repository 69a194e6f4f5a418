//! `acft label`: labels from a file and to a file.

use std::path::PathBuf;
use std::process::ExitCode;

use acft_project::Event;
use acft_run::bad_input;
use acft_server::{Content, now};
use acft_worker::Opened;
use acft_worker::open::into_bad_input;
use acft_worker::vision::Seen;
use acft_worker::words::count;
use clap::Subcommand;
use serde::Serialize;

use super::at::At;
use super::export::labels;
use super::import::{Replace, plan, read};
use crate::output::{list, print_json};

const EXAMPLE: &str = "\
Examples:
  acft query --out batch.csv          (fill in its label column, then:)
  acft label import batch.csv --annotator ada
  acft label export --out labels.csv

The columns of a file of labels (CSV, TSV, JSON lines or Parquet):
  candidate  its name, or its key; a column key says which of several has the
             name, and must not contradict it
  label      a class; rows without one, or with nan, null, none or n/a, are
             passed over (unless a class has that name)
  annotator  who gave it [default: --annotator]
  seconds    how long it took; may be missing";

/// Import labels from a file, or export them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Read labels from a .csv, .tsv, .jsonl or .parquet: all rows or none.
    Import(Import),
    /// Write the labels that count; the same as `acft export labels`.
    Export(labels::Args),
}

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
struct Import {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    at: At,
    /// Whose labels these are, where the file does not say.
    #[arg(long, value_name = "NAME", default_value = "import")]
    annotator: String,
    /// Let the file win over labels that stand already; the history keeps them.
    #[arg(long)]
    replace: bool,
    /// Leave out rows that are wrong, and import the others.
    #[arg(long)]
    skip_bad: bool,
    /// Print the counts as JSON.
    #[arg(long)]
    json: bool,
}

/// What came of an import, as `--json` prints it.
#[derive(Serialize)]
struct Outcome {
    imported: usize,
    /// Of those, how many replaced a label.
    replaced: usize,
    unchanged: usize,
    empty: usize,
    left_out: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Import(args) => import(args)?,
        What::Export(args) => return labels::run(args),
    }
    Ok(ExitCode::SUCCESS)
}

fn import(args: &Import) -> anyhow::Result<()> {
    let file = args.file.display();
    let mut opened = args.at.write("acft label import")?;
    let rows = read(&args.file, &opened.project.ledger().classes().names())?;
    if rows.is_empty() {
        return Err(bad_input!("{file} has no rows"));
    }
    let replace = if args.replace {
        Replace::Yes
    } else {
        Replace::No
    };
    let planned = plan(
        opened.project.ledger(),
        &rows,
        args.annotator.trim(),
        replace,
    );
    if !planned.wrong.is_empty() && !args.skip_bad {
        list(&format!("wrong rows of {file}"), &planned.wrong);
        return Err(bad_input!(
            "{file}: {} wrong, so nothing was imported; correct them, or leave them out with --skip-bad",
            match planned.wrong.len() {
                1 => "1 row is".to_owned(),
                many => format!("{many} rows are"),
            }
        ));
    }
    let outcome = Outcome {
        imported: planned.events.len(),
        replaced: planned.replaced,
        unchanged: planned.unchanged,
        empty: planned.empty,
        left_out: planned.wrong,
    };
    tell_of_changed(&opened, &planned.events);
    if !planned.events.is_empty() {
        opened
            .project
            .append(now(), planned.events)
            .map_err(into_bad_input)?;
    }
    list("left out", &outcome.left_out);
    if args.json {
        return print_json(&outcome);
    }
    println!(
        "{} imported{}",
        count(outcome.imported, "label"),
        details(&outcome)
    );
    Ok(())
}

/// Names the candidates that are labeled though their file has changed. The
/// file may have been as it was when the label was given, so the label counts;
/// whoever looked at what is there now must know of it.
fn tell_of_changed(opened: &Opened, events: &[Event]) {
    let ledger = opened.project.ledger();
    let files = Seen::of(ledger);
    let lines: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Labeled { candidate, .. } => ledger.candidate(*candidate),
            _ => None,
        })
        .filter_map(|candidate| match files.content(&opened.root, candidate) {
            Content::Changed(reason) => Some(reason),
            Content::Same | Content::Away(_) => None,
        })
        .collect();
    list(
        "warning: labels count for the images that joined the project, and not for what is in these files now",
        &lines,
    );
}

fn details(outcome: &Outcome) -> String {
    let parts: Vec<String> = [
        (outcome.replaced, "replaced one that stood"),
        (outcome.unchanged, "rows say what stands already"),
        (outcome.empty, "rows have no label"),
        (outcome.left_out.len(), "rows were left out"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!(" ({})", parts.join(", "))
}
