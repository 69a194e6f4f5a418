//! `acft export`: what a project has, for other programs.

pub(crate) mod labels;
mod manifest;
mod model;
mod predictions;

use std::process::ExitCode;

use clap::Subcommand;

const EXAMPLE: &str = "\
Examples:
  acft export labels --out labels.csv
  acft export predictions --format jsonl | jq .dominant
  acft export model --out lung-nodules.safetensors
  acft export manifest --out labeled.csv && acft simulate --data labeled.csv …";

/// Export labels, predictions, the model, or a manifest.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The label that counts of each labeled candidate, or all that was said.
    Labels(labels::Args),
    /// What a model makes of every candidate.
    Predictions(predictions::Args),
    /// The model in use: safetensors with torchvision's names.
    Model(model::Args),
    /// All candidates with their labels and splits, as a manifest.
    Manifest(manifest::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Labels(args) => return labels::run(args),
        What::Predictions(args) => predictions::run(args)?,
        What::Model(args) => model::run(args)?,
        What::Manifest(args) => manifest::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
