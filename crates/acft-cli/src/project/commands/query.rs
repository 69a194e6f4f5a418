//! `acft query`: draws the next batch to label, for those who label elsewhere.

mod draw;
mod files;
mod holdout;
mod scores;

use std::path::PathBuf;
use std::process::ExitCode;

use acft_project::ledger::Batch;
use acft_project::{Draw, Ledger};
use acft_run::bad_input;
use acft_server::{Work, now};
use acft_worker::open::into_bad_input;
use acft_worker::words::count;
use acft_worker::{Opened, query_once};
use serde::Serialize;
use serde_json::{Value, json};

use super::at::At;
use super::shown::shown;
use super::summary::waiting;
use crate::machine::Machine;
use crate::output::{Format, Out, Table, print_json};

const EXAMPLE: &str = "\
Examples:
  acft query --batch 20 --out batch.csv
  acft query --scores scores.csv --out batch.csv
  acft query --open

Fill in the column label and give the file to `acft label import`. Now and then
candidates are drawn at random beside the batch, to judge models by (the column
draw says holdout; holdout-one-in in acft.toml says how many); the rest of their
group or image is not asked about. A file of scores has the columns candidate (a
name or key) and score, the highest first to be asked about; what `acft score`
writes will do.";

/// Draw the next batch to label, and print it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// How many candidates to draw [default: as acft.toml has it].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Rank the pool by scores made elsewhere (.csv, .tsv, .jsonl or .parquet), and
    /// not by the project's network.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Draw nothing: print what was drawn before and waits for labels.
    #[arg(long, conflicts_with_all = ["batch", "scores"])]
    open: bool,
    #[command(flatten)]
    out: Out,
    /// How rows are written [default: told from --out, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Print a summary with the batch as JSON; rows go to --out, or nowhere.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    batch: u32,
    draw: Draw,
    /// How many candidates were scored.
    scored: usize,
    /// What is left in the pool.
    pool: usize,
    candidates: Vec<One<'a>>,
    /// Drawn beside them, to judge models by.
    holdout: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    candidate: &'a str,
    key: String,
    rank: Option<usize>,
    score: Option<f64>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.batch == Some(0) {
        return Err(bad_input!("--batch 0: it must be at least 1"));
    }
    args.out.check()?;
    let format = Format::of(args.format, &args.out);
    if args.open {
        let opened = args.at.read()?;
        let table = open(&opened)?;
        let what = count(table.len(), "candidate");
        args.out.write(&table.to_bytes(format)?, &what)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut opened = args.at.write("acft query")?;
    let (before, batches, before_aside) = {
        let ledger = opened.project.ledger();
        let aside = ledger.unreadable().len();
        (waiting(ledger).len(), ledger.batches().len(), aside)
    };
    require_pool(opened.project.ledger())?;
    let scored = match &args.scores {
        Some(file) => by_scores(args, &mut opened, file)?,
        None => {
            let work = Work::new();
            let queried = shown(&work, || {
                query_once(&mut opened.project, &opened.settings, args.batch, &work)
            })?;
            if queried.relearned > 0 {
                eprintln!(
                    "the classes have changed: the network learned the {} again first",
                    count(queried.relearned, "label")
                );
            }
            queried.scored
        }
    };
    if before > 0 {
        eprintln!("{before} drawn before still wait for labels; `acft query --open` lists them");
    }
    if let Some(advice) = opened.project.advice() {
        eprintln!("advice: {advice}");
    }
    let ledger = opened.project.ledger();
    let asked = |batch: &&Batch| batch.draw != Draw::Holdout;
    let batch = ledger.batches()[batches..].iter().find(asked).ok_or_else(|| {
        match ledger.away().len() {
            0 => bad_input!("nothing was drawn: no candidate that is left in the pool can be read; `acft check` names them"),
            away => bad_input!(
                "nothing was drawn: the {} that are left cannot be opened now; query again once their files are back \
                 (`acft check` names them)",
                count(away, "image")
            ),
        }
    })?;
    let number = batch.number;
    if let Some(event) = holdout::due(ledger, opened.project.rules()) {
        opened
            .project
            .append(now(), vec![event])
            .map_err(into_bad_input)?;
    }
    let changed = files::changed(&opened, &opened.project.ledger().batches()[batches..]);
    if !changed.is_empty() {
        let set_aside = files::set_aside(changed);
        opened
            .project
            .append(now(), set_aside)
            .map_err(into_bad_input)?;
    }
    let ledger = opened.project.ledger();
    files::tell(ledger, before_aside);
    let drawn = files::without(&ledger.batches()[batches..], |id| ledger.is_unreadable(id));
    let mut drawn: Vec<&Batch> = drawn.iter().collect();
    // What is to be learned from, before what was held out on the way.
    drawn.sort_by_key(|batch| batch.draw == Draw::Holdout);
    let table = rows(&opened, &drawn)?;
    let held = table.len() - drawn[0].members.len();
    let beside = match held {
        0 => String::new(),
        held => format!(" and {held} to judge models by"),
    };
    let what = format!(
        "batch {number} ({}{beside})",
        count(drawn[0].members.len(), "candidate")
    );
    if args.out.out.is_some() || !args.json {
        args.out.write(&table.to_bytes(format)?, &what)?;
    }
    if args.json {
        print_json(&summary(ledger, &drawn, scored))?;
    }
    eprintln!(
        "drew {what} of {scored} scored; {} left in the pool",
        ledger.pool().len()
    );
    Ok(ExitCode::SUCCESS)
}

fn require_pool(ledger: &Ledger) -> anyhow::Result<()> {
    if ledger.pool().len() > 0 {
        return Ok(());
    }
    Err(bad_input!(
        "the pool is empty: every candidate was drawn, or is of a group that models are judged \
         on; `acft query --open` lists those without a label, `acft add` brings more"
    ))
}

/// Ranks by a file; says how many candidates it scored.
fn by_scores(args: &Args, opened: &mut Opened, file: &std::path::Path) -> anyhow::Result<usize> {
    let ledger = opened.project.ledger();
    let scores = scores::read(file, ledger)?;
    if scores.of.is_empty() {
        return Err(bad_input!(
            "{}: none of its {} candidates is in the pool: they were drawn before, or are not of it",
            file.display(),
            scores.past
        ));
    }
    if scores.past > 0 {
        eprintln!(
            "{} of the file are not in the pool (drawn before, or of another part), and passed over",
            count(scores.past, "candidate")
        );
    }
    let unscored = ledger.pool().len() - scores.of.len();
    if unscored > 0 {
        eprintln!(
            "{} of the pool have no score, and were not ranked",
            count(unscored, "candidate")
        );
    }
    let rules = draw::Rules {
        batch: args.batch.unwrap_or(opened.settings.batch()),
        omega: opened.settings.omega(),
        max_per_group: opened.project.rules().max_per_group,
        reserve: opened.settings.reserve(),
    };
    let mut scores = scores.of;
    opened.project.hold_out(now()).map_err(into_bad_input)?;
    // A group that is judged on is not asked about.
    let ledger = opened.project.ledger();
    scores.retain(|(id, _)| ledger.in_pool(*id));
    if scores.is_empty() {
        return Err(bad_input!(
            "{}: all its candidates are of a group that models are judged on: score others too",
            file.display()
        ));
    }
    let events = draw::events(ledger, &scores, rules);
    opened
        .project
        .append(now(), events)
        .map_err(into_bad_input)?;
    Ok(scores.len())
}

fn summary<'a>(ledger: &'a Ledger, drawn: &[&Batch], scored: usize) -> Summary<'a> {
    let of = |batch: &Batch| -> Vec<One<'a>> {
        batch
            .members
            .iter()
            .map(|member| {
                let candidate = &ledger.candidates()[member.candidate.index()];
                One {
                    candidate: &candidate.name,
                    key: candidate.key.to_string(),
                    rank: member.rank,
                    score: member.score.map(|score| score.value),
                }
            })
            .collect()
    };
    Summary {
        batch: drawn[0].number,
        draw: drawn[0].draw,
        scored,
        pool: ledger.pool().len(),
        candidates: of(drawn[0]),
        holdout: drawn[1..].iter().flat_map(|batch| of(batch)).collect(),
    }
}

/// What was drawn and waits for labels.
fn open(opened: &Opened) -> anyhow::Result<Table> {
    let ledger = opened.project.ledger();
    let waiting: std::collections::BTreeSet<_> = waiting(ledger).into_iter().collect();
    let batches = files::without(ledger.batches(), |id| !waiting.contains(&id));
    let changed = files::changed(opened, &batches);
    files::tell_of_changed(ledger, &changed);
    let batches = files::without(&batches, |id| changed.contains(&id));
    rows(opened, &batches.iter().collect::<Vec<_>>())
}

/// A row for each member, as `acft label import` reads it once it is filled in.
fn rows(opened: &Opened, batches: &[&Batch]) -> anyhow::Result<Table> {
    let ledger = opened.project.ledger();
    let root = opened.root.canonicalize()?;
    let mut table = Table::new([
        "candidate",
        "label",
        "key",
        "file",
        "region",
        "group",
        "batch",
        "draw",
        "rank",
        "score",
        "entropy",
        "diversity",
    ]);
    for batch in batches {
        for member in &batch.members {
            let candidate = &ledger.candidates()[member.candidate.index()];
            let region = candidate
                .region
                .map(|sides| sides.map(|side| side.to_string()).join(","));
            let score = member.score;
            table.push(vec![
                json!(candidate.name),
                Value::Null,
                json!(candidate.key.to_string()),
                json!(root.join(&candidate.path).to_string_lossy()),
                json!(region),
                json!(candidate.group),
                json!(batch.number),
                json!(batch.draw),
                json!(member.rank),
                json!(score.map(|score| score.value)),
                json!(score.map(|score| score.entropy)),
                json!(score.map(|score| score.diversity)),
            ]);
        }
    }
    Ok(table)
}
