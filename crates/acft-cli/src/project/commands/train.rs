//! `acft train`: one step of fine-tuning, now.

use std::process::ExitCode;

use acft_project::ledger::Made;
use acft_server::Work;
use acft_worker::train_once;
use acft_worker::words::{count, short};
use serde::Serialize;

use super::at::At;
use super::shown::shown;
use crate::machine::Machine;
use crate::output::print_json;

const EXAMPLE: &str = "\
Example:
  acft label import batch.csv && acft train && acft query --out next.csv

The network in use is fine-tuned on the labels that it has not learned yet (and,
as the strategy says, on those before them). If it is then worse on the holdout,
the one before stays in use; while few of a class are held out (holdout-per-class
in acft.toml) nothing is judged, and the new one is used.";

/// Fine-tune the network on the new labels, now.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Print what came of it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Trained<'a> {
    model: &'a str,
    step: u32,
    learned: usize,
    replayed: usize,
    auc_before: Option<f64>,
    auc: Option<f64>,
    adopted: bool,
    why: &'a str,
    seconds: f64,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut opened = args.at.write("acft train")?;
    let work = Work::new();
    shown(&work, || {
        train_once(&mut opened.project, &opened.settings, &work)
    })?;
    let made = opened
        .project
        .ledger()
        .models()
        .all()
        .last()
        .ok_or_else(|| anyhow::anyhow!("no model was made"))?;
    report(made, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn report(made: &Made, json: bool) -> anyhow::Result<()> {
    let model = &made.model;
    let verdict = model.verdict;
    if json {
        return print_json(&Trained {
            model: &model.hash,
            step: model.step,
            learned: model.learned.len(),
            replayed: model.replayed,
            auc_before: verdict.and_then(|verdict| verdict.before),
            auc: verdict.and_then(|verdict| verdict.after),
            adopted: model.adopted,
            why: &model.why,
            seconds: model.seconds,
        });
    }
    println!(
        "step {}: learned {} and {} again, in {:.0} s",
        model.step,
        count(model.learned.len(), "new label"),
        model.replayed,
        model.seconds
    );
    println!(
        "model {} was {}adopted: {}",
        short(&model.hash),
        if model.adopted { "" } else { "not " },
        model.why
    );
    Ok(())
}
