//! `acft init`: makes a project of images.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_run::bad_input;
use acft_run::settings::Flags;
use acft_worker::create::{Counts, Draft, KnownLabels};
use acft_worker::settings::HELP;
use serde::Serialize;

use super::listed::print_left_out;
use crate::output::print_json;
use crate::progress;

const EXAMPLE: &str = "\
Examples:
  acft init lungs --images scans/ --classes benign,malignant \\
      --weights squeezenet1_1.safetensors
  acft init lungs --manifest candidates.csv --weights resnet18.safetensors --batch 25
  acft serve lungs

The folder gets acft.toml (all settings, each with a comment), acft.db (what
happened), models/, cache/ and reports/. Labels that the data has (a subfolder a
class, a manifest's column) are taken over; --ignore-labels starts without any.";

/// Make a project of images, to label them.
#[derive(clap::Args)]
// The last of a repeated flag wins, so that a script can append to a command.
#[command(after_help = EXAMPLE, args_override_self = true)]
pub(crate) struct Args {
    /// The project's folder, to be made.
    dir: PathBuf,
    /// Start without the labels that the data has, whatever they are.
    #[arg(long, help_heading = "Data")]
    ignore_labels: bool,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

/// The flags of a simulation that have no meaning for a project, and why.
const NO_MEANING: [(&str, &str); 13] = [
    (
        "steps",
        "a project goes on until you stop; --max-labels is a budget",
    ),
    ("noise", "the labels come from people"),
    (
        "first_query",
        "a project queries as --query says; acft simulate can compare",
    ),
    (
        "first_steps",
        "a project queries as --query says; acft simulate can compare",
    ),
    ("gamma", OF_HEADS),
    ("axes", OF_HEADS),
    ("neighbors", OF_HEADS),
    ("features", OF_HEADS),
    (
        "no_validation",
        "what is held out is labeled like the rest; see acft.toml",
    ),
    (
        "pool",
        "every image can be asked about; --max-labels is a budget",
    ),
    (
        "no_test",
        "models are judged on what is held out; see acft.toml",
    ),
    (
        "test_patches",
        "models are judged by all patches, as candidates are scored",
    ),
    ("out", "the project's folder is the first argument"),
];

/// Why the settings of a head mean nothing.
const OF_HEADS: &str =
    "a project fine-tunes its network; a head on it can be tried with acft simulate --learn head";

/// The command line of `acft init`: the flags of a simulation, as they are
/// called where the labels come from people.
pub(crate) fn adapt(command: clap::Command) -> clap::Command {
    let mut command = command.mut_arg("data", |data| {
        data.long("images").visible_alias("data").help(
            "The images: a folder (unlabeled, a subfolder a class, or with a labels.csv), or a manifest",
        )
    });
    for (name, _) in NO_MEANING {
        command = command.mut_arg(name, |flag| flag.hide(true));
    }
    for (name, help) in HELP {
        command = command.mut_arg(name, |flag| flag.help(help));
    }
    command
        .mut_arg("manifest", |flag| {
            flag.help("A manifest (CSV, JSONL, Parquet), alone or of the images in --images")
        })
        .mut_arg("max_labels", |flag| {
            flag.help("Propose nothing more once this many labels are spent")
        })
        .mut_arg("plateau", |flag| {
            flag.help("Advise to stop when the AUC on held-out candidates has not risen for this many steps")
        })
        .mut_arg("stop_set", |flag| {
            flag.help(
                "Advise to stop when successive models agree (Cohen's kappa ≥ 0.99, three times) on this many candidates",
            )
        })
}

/// What `--json` prints.
#[derive(Serialize)]
struct Made<'a> {
    project: &'a Path,
    classes: &'a [String],
    model: String,
    #[serde(flatten)]
    candidates: Counts,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let flags = args.flags()?;
    let labels = match args.ignore_labels {
        true => KnownLabels::Ignore,
        false => KnownLabels::Take,
    };
    let reading = progress::counter("reading images");
    let draft = Draft::new(&args.dir, &flags, labels, &reading)?;
    print_left_out(&draft.listing);
    if let Some(chosen) = &draft.setup.chosen_window {
        eprintln!("{chosen} (--window sets another)");
    }
    let model = draft.make(&args.dir)?;

    let classes = &draft.listing.data.classes;
    let counts = draft.listing.counts();
    if args.json {
        print_json(&Made {
            project: &args.dir,
            classes,
            model,
            candidates: counts,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("made {}", args.dir.display());
    println!("{}", counts.sentence());
    println!("classes {}", classes.join(", "));
    println!(
        "{} at {} px, {} patches ({})",
        draft.setup.architecture(),
        draft.settings.simulation().input,
        draft.setup.patches.len(),
        draft.setup.patches
    );
    println!("\nnext: acft serve {}", args.dir.display());
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn flags(&self) -> anyhow::Result<Flags> {
        let given = self.flags.table()?;
        let asked = |name: &str| given.contains_key(&name.replace('_', "-"));
        for (name, why) in NO_MEANING {
            if asked(name) || (name == "out" && self.flags.out.is_some()) {
                return Err(bad_input!(
                    "--{} has no effect here: {why}",
                    name.replace('_', "-")
                ));
            }
        }
        let mut flags = self.flags.clone();
        if flags.data.is_none() {
            flags.data = flags.manifest.take();
        }
        if flags.data.is_none() {
            return Err(bad_input!(
                "which images? Give --images a folder, or --manifest a table that lists them"
            ));
        }
        Ok(flags)
    }
}
