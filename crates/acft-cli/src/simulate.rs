//! `acft simulate`: Algorithm 1 on images whose labels are known, which play
//! the expert.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_run::record::Finished;
use acft_run::settings::{Flags, Settings};
use acft_run::{Begun, Surroundings, bad_input, differing, folder, simulate};

use crate::machine::Machine;
use crate::progress::{self, Progress};

const EXAMPLE: &str = "\
Example:
  acft simulate --data images/ --weights squeezenet1_1.safetensors
  acft simulate --data lung --positive 1 --weights squeezenet1_1.safetensors \\
      --input 48 --patches crop:12 --strategy acft-hq --batch 25 --steps 16 --out runs/lung-hq-0

The run's folder gets config.toml (every setting; give it to --config to run it
again), data.json, steps.jsonl (a line a step), queries.csv (what was asked,
and why), test.csv (the test set), predictions/ (what the network made of each
query and of the test set), curve.svg, curve.png, models/last and models/best,
finished.json.

With --strategy head the network stays as it is, and a head on its features
learns from all labels at each step, in about the time that a query takes. The
features of all images are made once, before the first step, and kept in
features/ beside the run's folder, where other runs find them; that folder can
be deleted at any time. --strategy head-random is the same with random queries.";

/// Simulate a labeling campaign: the labels that the data has play the expert.
#[derive(clap::Args)]
// The last of a repeated flag wins, so that a script can append to a command.
#[command(after_help = EXAMPLE, args_override_self = true)]
pub(crate) struct Args {
    /// A TOML file of settings, named as the flags; a flag given beside it wins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on with the interrupted run in --out.
    #[arg(long)]
    resume: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = args.settings()?;
    let begun = if args.resume {
        Begun::Before
    } else {
        Begun::Now
    };
    let around = Surroundings {
        reading: &progress::counter("reading images"),
        teller: &|steps, done| Box::new(Progress::new(steps, done)),
        admit: &|_| Ok(()),
        go_on: "--resume",
    };
    let finished = simulate(&settings, begun, &around)?;
    if args.json {
        println!("{}", serde_json::to_string(&finished)?);
    } else {
        println!("{}", summary(&finished, &settings.out));
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn settings(&self) -> anyhow::Result<Settings> {
        if !self.resume {
            let file = self
                .config
                .as_deref()
                .map(Flags::read)
                .transpose()?
                .unwrap_or_default();
            return self.flags.clone().over(file)?.resolve();
        }
        let file = self
            .config
            .as_deref()
            .map(Flags::read)
            .transpose()?
            .unwrap_or_default();
        let given = self.flags.clone().over(file)?;
        let out = match &given.out {
            Some(out) => out.clone(),
            None => given.clone().resolve()?.out,
        };
        folder::require_run(&out)?;
        let mut kept = Flags::read(&out.join("config.toml"))?;
        kept.out = Some(out);
        let asked = given.over(kept.clone())?.resolve()?;
        let kept = kept.resolve()?;
        let differing = differing(&asked, &kept)?;
        if differing.is_empty() {
            return Ok(Settings {
                cache_bytes: asked.cache_bytes,
                features: asked.features,
                ..kept
            });
        }
        Err(bad_input!(
            "a resumed run keeps its settings, but these differ: {}; leave them out, or start another run with another --out",
            differing.join(", ")
        ))
    }
}

fn summary(finished: &Finished, out: &Path) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let best = finished
        .best_test_auc
        .map(|auc| format!(" (the model best on validation: {auc:.4})"))
        .unwrap_or_default();
    let auc = match (finished.last_test_auc, finished.last_val_auc) {
        (None, Some(auc)) => format!("validation AUC {auc:.4}"),
        (auc, _) => format!(
            "test AUC {}{best}, ALC {}",
            number(auc),
            number(finished.alc)
        ),
    };
    format!(
        "{} labels in {} steps; stopped because {}\n{auc}\nthe learning curve is {}",
        finished.labels,
        finished.steps,
        finished.reason,
        out.join("curve.png").display(),
    )
}
