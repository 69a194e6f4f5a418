//! `acft export predictions`.

use acft_server::Content;
use acft_worker::vision::Seen;
use acft_worker::words::{count, part};
use serde_json::json;

use crate::output::{Format, Out, Table, list};
use crate::progress;
use crate::project::commands::at::At;
use crate::project::commands::scoring::{Asked, image, rounded};

const EXAMPLE: &str = "\
Examples:
  acft export predictions --out predictions.csv
  acft export predictions --at-query

Columns p_CLASS are the mean over a candidate's patches. Of a candidate that the
model has learned, they say what it remembers: --at-query gives what the network
of the time made of each before it was labeled, as kept when it was drawn; a class
that the network of the time did not know is left empty.";

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
    /// Which model, by its hash or the start of it [default: the one in use].
    #[arg(long, value_name = "HASH")]
    model: Option<String>,
    /// What was predicted when each candidate was drawn; asks no network.
    #[arg(long, conflicts_with = "model")]
    at_query: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    args.out.check()?;
    let table = if args.at_query {
        at_query(args)?
    } else {
        today(args)?
    };
    let format = Format::of(args.format, &args.out);
    let rows = table.len();
    args.out
        .write(&table.to_bytes(format)?, &count(rows, "prediction"))
}

fn today(args: &Args) -> anyhow::Result<Table> {
    let opened = args.at.read()?;
    let ledger = opened.project.ledger();
    let asked = Asked::open(&opened, args.model.as_deref())?;
    if let Some(caveat) = asked.caveat() {
        eprintln!("note: {caveat}");
    }
    let mut columns = ["candidate", "key", "part", "label", "dominant"]
        .map(str::to_owned)
        .to_vec();
    columns.extend(asked.classes.iter().map(|class| format!("p_{class}")));
    columns.extend(["score", "entropy", "diversity"].map(str::to_owned));
    let mut table = Table::new(columns);
    let images = ledger
        .candidates()
        .iter()
        .map(|candidate| image(&opened.root, candidate))
        .collect();
    let mut unreadable = Vec::new();
    let files = Seen::of(ledger);
    asked.about(
        images,
        &progress::counter("predicting"),
        &mut |at, outcome| {
            let candidate = &ledger.candidates()[at];
            // What is predicted of another image is no word on this one.
            if let Content::Changed(reason) = files.content(&opened.root, candidate) {
                unreadable.push(reason);
                return;
            }
            let seen = match outcome {
                Ok(seen) => seen,
                Err(reason) => {
                    unreadable.push(format!("{}: {reason}", candidate.name));
                    return;
                }
            };
            let id = acft::CandidateId(at as u32);
            let label = ledger.label(id).map(|class| ledger.classes().name(class));
            let mut row = vec![
                json!(candidate.name),
                json!(candidate.key.to_string()),
                json!(part(candidate.part)),
                json!(label),
                json!(asked.classes[seen.score.dominant]),
            ];
            row.extend(seen.mean.iter().map(|p| json!(rounded(*p))));
            row.extend(
                [seen.score.value, seen.score.entropy, seen.score.diversity].map(|x| json!(x)),
            );
            table.push(row);
        },
    )?;
    list("not readable, and left out", &unreadable);
    Ok(table)
}

/// From the events alone: models may have had different classes, so there is a
/// column for each of today.
fn at_query(args: &Args) -> anyhow::Result<Table> {
    let opened = args.at.read()?;
    let ledger = opened.project.ledger();
    let classes = ledger.classes();
    let mut columns = [
        "candidate",
        "key",
        "batch",
        "draw",
        "label",
        "dominant",
        "score",
    ]
    .map(str::to_owned)
    .to_vec();
    columns.extend(classes.names().iter().map(|name| format!("p_{name}")));
    let mut table = Table::new(columns);
    for batch in ledger.batches() {
        for member in &batch.members {
            let Some(foreseen) = ledger.foreseen(member.candidate) else {
                continue;
            };
            let candidate = &ledger.candidates()[member.candidate.index()];
            let label = ledger.label(member.candidate);
            let mut row = vec![
                json!(candidate.name),
                json!(candidate.key.to_string()),
                json!(batch.number),
                json!(batch.draw),
                json!(label.map(|class| classes.name(class))),
                json!(foreseen.guess().map(|class| classes.name(class))),
                json!(member.score.map(|score| score.value)),
            ];
            let p = classes.current().map(|class| foreseen.probability(class));
            row.extend(p.map(|p| json!(p.map(rounded))));
            table.push(row);
        }
    }
    Ok(table)
}
