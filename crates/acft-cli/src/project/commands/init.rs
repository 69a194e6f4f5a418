//! `acft init`: makes a project of images.

mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_project::{ClassId, Created, Event, ModelMade, Origin, Project};
use acft_vision::source::Labels;
use anyhow::Context;
use serde::Serialize;

use super::at::{SETTINGS, now, told};
use super::listing::{self, Counts, Listing};
use super::output::print_json;
use crate::cli::bad_input;
use crate::files::write_atomically;
use crate::network::Setup;
use crate::project::settings::{ProjectSettings, QUERY};
use crate::simulate::settings::Flags;
use stage::Stage;

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
const NO_MEANING: [(&str, &str); 8] = [
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
    command
        .mut_arg("manifest", |flag| {
            flag.help("A manifest (CSV, JSONL, Parquet), alone or of the images in --images")
        })
        .mut_arg("query", |flag| {
            flag.help(QUERY)
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
    // Before the images are read: that may take long.
    stage::refuse_existing(&args.dir)?;
    let flags = args.flags()?;
    let mut settings = ProjectSettings::new(flags.clone())?;
    let listing = args.listing(&flags)?;
    let classes = &listing.data.classes;
    settings.set_classes(classes)?;
    let setup = Setup::new(settings.simulation(), &listing.data)?;
    // With what was told from the weights and the images.
    let settings = ProjectSettings::new(setup.flags.clone())?;
    listing.lament();

    let stage = Stage::begin(&args.dir)?;
    let model = make(stage.path(), &args.dir, &settings, &setup, &listing)?;
    stage.finish()?;

    let counts = listing.counts();
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
        setup.architecture(),
        settings.simulation().input,
        setup.patches.len(),
        setup.patches
    );
    println!("\nnext: acft serve {}", args.dir.display());
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// As if these had been given on the command line.
    pub(crate) fn of(dir: PathBuf, flags: Flags) -> Self {
        Self {
            dir,
            ignore_labels: false,
            json: false,
            flags,
        }
    }

    fn flags(&self) -> anyhow::Result<Flags> {
        let given = self.flags.table()?;
        let asked = |name: &str| given.contains_key(&name.replace('_', "-"));
        for (name, why) in NO_MEANING {
            if asked(name) || (name == "out" && self.flags.out.is_some()) {
                return Err(bad_input!(
                    "--{} means nothing here: {why}",
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

    fn listing(&self, flags: &Flags) -> anyhow::Result<Listing> {
        let mut listing = match (self.ignore_labels, &flags.classes) {
            (false, _) => listing::open(flags, Labels::Read, &self.dir)?,
            (true, Some(_)) => listing::open(flags, Labels::Ignore, &self.dir)?,
            // The classes are those of the labels; the labels are not taken.
            (true, None) => {
                let mut listing = listing::open(flags, Labels::Read, &self.dir)?;
                listing.forget_labels();
                listing
            }
        };
        listing.pool_unlabeled(&[]);
        listing.refuse_straddling(&[])?;
        if listing.data.classes.len() < 2 {
            return Err(bad_input!(
                "what are the classes? The images have no labels to tell; give --classes a,b,…"
            ));
        }
        Ok(listing)
    }
}

/// Makes the project in a folder that is moved to `place` later; returns the
/// hash of M_0.
fn make(
    stage: &Path,
    place: &Path,
    settings: &ProjectSettings,
    setup: &Setup,
    listing: &Listing,
) -> anyhow::Result<String> {
    for folder in ["models", "cache", "reports"] {
        std::fs::create_dir(stage.join(folder))
            .with_context(|| format!("cannot make {}", place.join(folder).display()))?;
    }
    let bytes = setup.pretrained.to_bytes();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let file = stage.join("models").join(format!("{hash}.safetensors"));
    write_atomically(&file, &bytes)?;
    write_atomically(&stage.join(SETTINGS), settings.to_toml()?.as_bytes())?;

    let created = Created {
        seed: settings.simulation().seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        classes: listing.data.classes.clone(),
    };
    let mut project = Project::create(stage, created, settings.rules(), now()).map_err(told)?;
    project
        .add_stamped(
            now(),
            Origin::Listed,
            listing.rows.clone(),
            listing.stamps(place),
        )
        .map_err(told)?;
    let mut events = listing.labels(0, |class| class);
    events.push(Event::ModelMade(ModelMade {
        hash: hash.clone(),
        classes: (0..listing.data.classes.len())
            .filter_map(|class| u16::try_from(class).ok())
            .map(ClassId)
            .collect(),
        adopted: true,
        why: "the pre-trained network with a fresh last layer".to_owned(),
        ..ModelMade::default()
    }));
    project.append(now(), events).map_err(told)?;
    // What lies in a log beside the database would not be moved with it.
    project.close().map_err(told)?;
    Ok(hash)
}
