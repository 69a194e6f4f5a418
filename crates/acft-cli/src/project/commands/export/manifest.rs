//! `acft export manifest`: the candidates as a table that `acft simulate` and
//! `acft init` read.

use std::path::Path;

use acft_project::Candidate;
use acft_project::ledger::Share;
use acft_worker::words::count;
use acft_worker::words::part;
use serde_json::{Value, json};

use crate::output::{Format, Out, Table};
use crate::project::commands::at::At;

const EXAMPLE: &str = "\
Example:
  acft export manifest --out labeled.csv
  acft simulate --data labeled.csv --weights squeezenet1_1.safetensors

Held-out candidates are val, with all else of their group or image. Paths are
absolute.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    out: Out,
    /// How rows are written [default: told from --out, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only candidates with a label that counts.
    #[arg(long)]
    labeled: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    args.out.check()?;
    let opened = args.at.read()?;
    let ledger = opened.project.ledger();
    let root = opened.root.canonicalize()?;
    let boxed = ledger.candidates().iter().any(|one| one.region.is_some());
    let mut columns = vec!["file", "label", "group", "split"];
    if boxed {
        columns.extend(["xmin", "ymin", "xmax", "ymax"]);
    }
    let mut table = Table::new(columns);
    for (id, candidate) in (0..).map(acft::CandidateId).zip(ledger.candidates()) {
        let label = ledger.label(id);
        if args.labeled && label.is_none() {
            continue;
        }
        // What is beside a holdout goes with it: a group must stay in one split.
        let split = match ledger.share(id) {
            Share::Holdout | Share::Validation | Share::Beside => "val",
            _ => part(candidate.part),
        };
        let mut row = vec![
            json!(file(&root, candidate)),
            json!(label.map(|class| ledger.classes().name(class))),
            json!(candidate.group),
            json!(split),
        ];
        if boxed {
            match candidate.region {
                Some(sides) => row.extend(sides.map(|side| json!(side))),
                None => row.extend([const { Value::Null }; 4]),
            }
        }
        table.push(row);
    }
    let format = Format::of(args.format, &args.out);
    let rows = table.len();
    args.out
        .write(&table.to_bytes(format)?, &count(rows, "candidate"))
}

fn file(root: &Path, candidate: &Candidate) -> String {
    root.join(&candidate.path).to_string_lossy().into_owned()
}
