//! `acft model`: the models that were made, and which of them is in use.

use std::process::ExitCode;

use acft_project::Ledger;
use acft_project::ledger::Made;
use acft_run::bad_input;
use acft_server::now;
use acft_worker::moment::{iso, minute};
use acft_worker::open::into_bad_input;
use acft_worker::words::short;
use clap::Subcommand;
use serde::Serialize;

use super::at::At;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Examples:
  acft model list
  acft model use 3fa91c
  acft model use last-adopted

After going back, what the model in use has not learned is learned with the next
fine-tuning, which starts from it. Nothing is deleted.";

/// List the models, or go back to an earlier one.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// All models, oldest first; a star marks the one in use.
    #[command(after_help = "Example:\n  acft model list lungs")]
    List {
        #[command(flatten)]
        at: At,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Use another model from now on.
    #[command(after_help = "Example:\n  acft model use 3fa91c\n  acft model use last-adopted")]
    Use {
        /// Its hash, or the start of it; last-adopted is the last that was found good.
        model: String,
        #[command(flatten)]
        at: At,
    },
}

/// A model, as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    hash: &'a str,
    parent: Option<&'a str>,
    step: u32,
    labels: usize,
    learned: usize,
    /// On held-out candidates.
    auc: Option<f64>,
    auc_before: Option<f64>,
    adopted: bool,
    current: bool,
    made: String,
    why: &'a str,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::List { at, json } => list(at, *json)?,
        What::Use { model, at } => {
            let mut opened = at.write("acft model use")?;
            let ledger = opened.project.ledger();
            let made = match model.as_str() {
                "last-adopted" => last_adopted(ledger)?,
                start => find(ledger, Some(start))?,
            };
            let (hash, step) = (made.model.hash.clone(), made.model.step);
            if ledger
                .models()
                .current()
                .is_some_and(|current| current.model.hash == hash)
            {
                println!("{} of step {step} is in use already", short(&hash));
                return Ok(ExitCode::SUCCESS);
            }
            let used = opened.project.use_model(&hash, "acft model use", now());
            used.map_err(into_bad_input)?;
            println!("{} of step {step} is in use now", short(&hash));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(at: &At, json: bool) -> anyhow::Result<()> {
    let opened = at.read()?;
    let models = opened.project.ledger().models();
    let current = models.current().map(|made| made.event);
    let rows = models.all().iter().map(|made| Row {
        hash: &made.model.hash,
        parent: made.model.parent.as_deref(),
        step: made.model.step,
        labels: made.model.labels,
        learned: made.model.learned.len(),
        auc: made.model.verdict.and_then(|verdict| verdict.after),
        auc_before: made.model.verdict.and_then(|verdict| verdict.before),
        adopted: made.model.adopted,
        current: current == Some(made.event),
        made: iso(made.at),
        why: &made.model.why,
    });
    if json {
        return print_json(&rows.collect::<Vec<_>>());
    }
    let mut text =
        String::from("  model         step  labels    AUC  adopted  made              why\n");
    for (row, made) in rows.zip(models.all()) {
        let auc = row
            .auc
            .map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
        text += &format!(
            "{} {}  {:>4}  {:>6}  {auc:>5}  {:<7}  {}  {}\n",
            if row.current { "*" } else { " " },
            short(row.hash),
            row.step,
            row.labels,
            if row.adopted { "yes" } else { "no" },
            minute(made.at),
            row.why
        );
    }
    print(text.as_bytes())
}

/// The model whose hash begins so; the one in use where none is named.
///
/// # Errors
/// There is none, or more than one.
pub(super) fn find<'a>(ledger: &'a Ledger, start: Option<&str>) -> anyhow::Result<&'a Made> {
    let models = ledger.models();
    let Some(start) = start else {
        return models
            .current()
            .ok_or_else(|| bad_input!("the project has no model yet"));
    };
    match models.starting_with(start).as_slice() {
        [made] if !start.is_empty() => Ok(made),
        [] => Err(bad_input!(
            "no model's hash begins with {start:?}; `acft model list` shows them"
        )),
        several => Err(bad_input!(
            "{} models' hashes begin with {start:?}; give more of it",
            several.len()
        )),
    }
}

fn last_adopted(ledger: &Ledger) -> anyhow::Result<&Made> {
    let mut models = ledger.models().all().iter().rev();
    models
        .find(|made| made.model.adopted)
        .ok_or_else(|| bad_input!("no model was adopted yet"))
}
