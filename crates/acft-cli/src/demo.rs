//! `acft demo`: from unlabeled images to a learning curve, on images that it draws itself.
//!
//! Draw frames → pre-train a small network on drawn patterns → run RFT and
//! ACFT over several seeds, by the code of `acft simulate` → draw the learning
//! curves. Each stage writes files, and is skipped if they
//! are there, so that an interrupted demo goes on where it stopped.

mod draw;
mod folder;
mod frames;
mod pretrain;
mod race;
mod report;
mod serve;
mod sheet;

use std::path::PathBuf;
use std::process::ExitCode;

use acft_run::bad_input;

use crate::machine::Machine;
use folder::{DemoFolder, Recipe};

const EXAMPLE: &str = "\
Example:
  acft demo
  acft demo --seeds 1 --steps 3 --out quick-look
  acft demo --serve

The folder gets frames/ (the drawn images with their labels.csv) and frames.png
(some of them), pretrained.safetensors, runs/ (a folder a run, as of `acft
simulate`), curve.svg and curve.png; with --serve drawn-frames/, which `acft serve`
opens too, in place of the runs and the curves.";

/// Watch random and active fine-tuning side by side, on images drawn for the purpose.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The folder for everything that it makes.
    #[arg(long, value_name = "DIR", default_value = "acft-demo")]
    out: PathBuf,
    /// Runs of each strategy.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    seeds: u16,
    /// Steps of each run.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Go on with the interrupted demo in --out.
    #[arg(long)]
    resume: bool,
    /// Label the drawn frames yourself: open the page on them.
    #[arg(long, conflicts_with_all = ["seeds", "steps", "resume"])]
    serve: bool,
    /// The port of the page; 0 takes a free one [default: 8500].
    #[arg(long, value_name = "N", requires = "serve")]
    port: Option<u16>,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let most = frames::most_steps();
    if args.steps > most {
        return Err(bad_input!(
            "--steps {}: the pool of the demo lasts for {most} steps",
            args.steps
        ));
    }
    let recipe = Recipe::new(args.seeds, args.steps);
    if args.serve {
        return serve::serve(&args.out, &recipe, args.port);
    }
    let folder = if args.resume {
        DemoFolder::reopen(&args.out, &recipe)?
    } else {
        DemoFolder::create(&args.out, &recipe)?
    };
    eprintln!("everything goes into {}", args.out.display());

    frames::draw(&folder)?;
    pretrain::pretrain(&folder)?;
    let runs = race::plan(&folder, &recipe)?;
    race::run(&runs)?;
    println!("{}", report::report(&folder, &recipe, &runs)?);
    Ok(ExitCode::SUCCESS)
}
