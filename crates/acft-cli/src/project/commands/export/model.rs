//! `acft export model`.

use acft_run::bad_input;
use anyhow::Context;

use crate::output::Out;
use crate::project::commands::at::At;
use crate::project::commands::model::find;

const EXAMPLE: &str = "\
Examples:
  acft export model --out lung-nodules.safetensors
  acft export model --model 3fa91c --out earlier.safetensors

The file has torchvision's tensor names; its metadata say which network it is,
its classes, the side of its input and its patches.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    out: Out,
    /// Which model, by its hash or the start of it [default: the one in use].
    #[arg(long, value_name = "HASH")]
    model: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.out.out.is_none() {
        return Err(bad_input!(
            "a model is binary: name a file with --out (or --out - for stdout)"
        ));
    }
    args.out.check()?;
    let opened = args.at.read()?;
    let made = find(opened.project.ledger(), args.model.as_deref())?;
    let hash = &made.model.hash;
    let path = opened.project.model_path(hash);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if blake3::hash(&bytes).to_hex().as_str() != hash {
        anyhow::bail!(
            "{} is not the model that its name says: it is damaged; `acft check` says more",
            path.display()
        );
    }
    args.out
        .write(&bytes, &format!("the model of step {}", made.model.step))
}
