//! `acft export labels`, which is `acft label export` too.

use std::process::ExitCode;

use acft::CandidateId;
use acft_project::Ledger;
use acft_project::ledger::Vote;
use acft_worker::moment::iso;
use acft_worker::words::{count, part};
use serde_json::{Value, json};

use crate::output::{Format, Out, Table};
use crate::project::commands::at::{At, code};

const EXAMPLE: &str = "\
Examples:
  acft export labels --out labels.csv
  acft export labels --all --format jsonl

`acft label import` reads what this writes.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    out: Out,
    /// How rows are written [default: told from --out, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// A row for all that anyone said and did not take back, labels that were
    /// replaced and skips included, instead of one for each candidate.
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.out.check()?;
    let opened = args.at.read_damaged()?;
    let ledger = opened.project.ledger();
    let mut table = Table::new([
        "candidate",
        "key",
        "label",
        "annotator",
        "seconds",
        "at",
        "origin",
        "part",
        "draw",
        "batch",
    ]);
    if args.all {
        for vote in ledger.votes().all() {
            table.push(row(ledger, vote.candidate, vote));
        }
    } else {
        for id in ledger.votes().in_order() {
            if let Some(vote) = deciding(ledger, id) {
                table.push(row(ledger, id, vote));
            }
        }
    }
    let format = Format::of(args.format, &args.out);
    let rows = table.len();
    args.out.write(
        &table.to_bytes(format)?,
        &count(rows, if args.all { "row" } else { "label" }),
    )?;
    Ok(code(&opened))
}

/// The last word for the label that counts.
fn deciding(ledger: &Ledger, id: CandidateId) -> Option<&Vote> {
    let label = ledger.label(id)?;
    let says_so = |vote: &&Vote| {
        vote.class
            .is_some_and(|class| ledger.classes().today(class) == label)
    };
    let history = ledger.votes().history(id);
    history
        .iter()
        .rev()
        .filter(says_so)
        .find(|vote| vote.origin.settles())
        .or_else(|| history.iter().rev().find(says_so))
}

fn row(ledger: &Ledger, id: CandidateId, vote: &Vote) -> Vec<Value> {
    let candidate = &ledger.candidates()[id.index()];
    let classes = ledger.classes();
    let label = vote.class.map(|class| classes.name(classes.today(class)));
    let drawn = ledger.drawn(id).map(|(batch, _)| batch);
    vec![
        json!(candidate.name),
        json!(candidate.key.to_string()),
        json!(label),
        json!(vote.annotator),
        json!(vote.seconds),
        json!(iso(vote.at)),
        json!(vote.origin),
        json!(part(candidate.part)),
        json!(drawn.map(|batch| batch.draw)),
        json!(drawn.map(|batch| batch.number)),
    ]
}
