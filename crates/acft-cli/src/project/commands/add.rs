//! `acft add`: more candidates for a project.

use std::path::PathBuf;
use std::process::ExitCode;

use acft_images::image_io::choose_window;
use acft_images::source::Labels;
use acft_project::{Keeper, Origin};
use acft_run::bad_input;
use acft_run::network::files;
use acft_run::settings::Flags;
use acft_server::now;
use acft_worker::create::{Counts, list as list_images};
use acft_worker::open::into_bad_input;
use serde::Serialize;

use super::again;
use super::at::At;
use super::listed::print_left_out;
use crate::output::{list, print_json};
use crate::progress;

const EXAMPLE: &str = "\
Examples:
  acft add --images march/
  acft add lungs --manifest march.csv
  acft add --again

Columns are those of acft.toml unless they are named here. What the project has
already, by its content, is listed and passed over. --again looks once more at
candidates that were set aside, and at files that have changed since they
joined: one that is as it was returns to its place with its labels, and what is
in a changed file now becomes a candidate of its own.";

/// Bring more candidates into a project.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// The images: a folder (unlabeled, a subfolder a class, or with a labels.csv), or a manifest.
    #[arg(long, value_name = "DIR|FILE", visible_alias = "data")]
    images: Option<PathBuf>,
    /// The manifest, if it is not labels.csv in --images.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The manifest's column of image paths.
    #[arg(long, value_name = "NAME")]
    path_column: Option<String>,
    /// Its column of labels.
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// Its column of groups (patient, video, slide).
    #[arg(long, value_name = "NAME")]
    group_column: Option<String>,
    /// Its column of splits: train, val, test.
    #[arg(long, value_name = "NAME")]
    split_column: Option<String>,
    /// Its four columns of a box, as xmin,ymin,xmax,ymax.
    #[arg(long, value_name = "A,B,C,D", value_delimiter = ',', num_args = 1)]
    box_columns: Option<Vec<String>>,
    /// Take none of the labels that the data has.
    #[arg(long)]
    ignore_labels: bool,
    /// Look again at what was set aside, and at files that have changed.
    #[arg(long, conflicts_with_all = ["images", "manifest", "ignore_labels"])]
    again: bool,
    /// Print the counts as JSON.
    #[arg(long)]
    json: bool,
}

/// What came of it, as `--json` prints it.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    added: Counts,
    /// In the project already.
    known: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let opened = args.at.write("acft add")?;
    if args.again {
        return again::run(opened, args.json);
    }
    let ledger = opened.project.ledger();
    let flags = args.flags(
        &opened.settings.simulation().flags,
        ledger.classes().names(),
    )?;
    let labels = if args.ignore_labels {
        Labels::Ignore
    } else {
        Labels::Read
    };
    let mut listing = list_images(
        &flags,
        labels,
        &opened.root,
        &progress::counter("reading images"),
    )?;
    listing.pool_unlabeled(ledger.candidates());
    let known = listing.drop_known(ledger);
    print_left_out(&listing);
    if let Some(found) = choose_window(&files(&listing.data)) {
        let settled = opened.settings.simulation().flags.asked_window()?;
        eprintln!("{}", found.under(settled));
    }
    list("in the project already", &known);
    listing.refuse_straddling(ledger.candidates())?;
    let outcome = Outcome {
        added: listing.counts(),
        known: known.len(),
    };
    if !listing.rows.is_empty() {
        let today: Vec<_> = ledger.classes().current().collect();
        let labels = listing.labels(ledger.candidates().len(), |class| today[class.0 as usize]);
        let stamps = listing.stamps(&opened.root);
        let rows = listing.rows;
        // With their labels, or not at all.
        let keeper = Keeper::start(opened.project);
        let added = keeper.call(move |project| {
            project.add_stamped(now(), Origin::Listed, rows, stamps)?;
            project.append(now(), labels)
        });
        keeper.stop();
        added.map_err(into_bad_input)?;
    }
    if args.json {
        print_json(&outcome)?;
    } else if outcome.added.is_empty() {
        println!("nothing new: the project has all of it");
    } else {
        println!("added {}", outcome.added.sentence());
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn flags(&self, kept: &Flags, classes: Vec<String>) -> anyhow::Result<Flags> {
        let (data, manifest) = match (&self.images, &self.manifest) {
            (None, None) => {
                return Err(bad_input!(
                    "which images? Give --images a folder, or --manifest a table that lists them; --again looks at \
                     those of the project that were set aside"
                ));
            }
            (None, manifest) => (manifest.clone(), None),
            (images, manifest) => (images.clone(), manifest.clone()),
        };
        let or = |asked: &Option<String>, kept: &Option<String>| asked.clone().or(kept.clone());
        Ok(Flags {
            data,
            manifest,
            path_column: or(&self.path_column, &kept.path_column),
            label_column: or(&self.label_column, &kept.label_column),
            group_column: or(&self.group_column, &kept.group_column),
            split_column: or(&self.split_column, &kept.split_column),
            box_columns: self.box_columns.clone().or(kept.box_columns.clone()),
            classes: Some(classes),
            seed: kept.seed,
            ..Flags::default()
        })
    }
}
