//! `acft annotator`: who may label over the network, each by a token.

use std::process::ExitCode;

use acft_project::{Event, token_hash};
use acft_run::bad_input;
use acft_server::now;
use acft_worker::create::MANIFEST;
use acft_worker::open::told;
use clap::Subcommand;
use serde::Serialize;

use super::at::At;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Examples:
  acft annotator add ada
  acft annotator list
  acft annotator revoke ada

A token is shown once, when it is made: only its hash is kept. Send it to the
person by a safe way, as the link http://…/#token=TOKEN, or to type it in.";

/// 128 bits: not to be guessed.
const TOKEN_BYTES: usize = 16;

/// Add annotators with a token each, list and revoke them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a token for a person, and print it.
    #[command(after_help = "Example:\n  acft annotator add ada")]
    Add {
        /// Unique among annotators; labels carry it.
        name: String,
        #[command(flatten)]
        at: At,
        /// Print the token as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Who may label, and how much each did.
    #[command(after_help = "Example:\n  acft annotator list lungs")]
    List {
        #[command(flatten)]
        at: At,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a person's token back; the labels stay.
    #[command(after_help = "Example:\n  acft annotator revoke ada")]
    Revoke {
        /// Whose.
        name: String,
        #[command(flatten)]
        at: At,
    },
}

/// A new annotator, as `--json` prints it.
#[derive(Serialize)]
struct Made<'a> {
    annotator: &'a str,
    token: &'a str,
}

/// An annotator, as `--json` prints it.
#[derive(Serialize)]
struct Row {
    annotator: String,
    /// Whether there is a token that opens the page.
    active: bool,
    labels: usize,
    skips: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Add { name, at, json } => {
            let mut opened = at.write("acft annotator add")?;
            let token = token()?;
            let event = Event::AnnotatorAdded {
                name: usable(name)?.to_owned(),
                token: token_hash(&token),
            };
            opened.project.append(now(), vec![event]).map_err(told)?;
            if *json {
                print_json(&Made {
                    annotator: name,
                    token: &token,
                })?;
            } else {
                println!("{token}");
                eprintln!("this is {name}'s token; it is not shown again");
            }
        }
        What::List { at, json } => list(at, *json)?,
        What::Revoke { name, at } => {
            let mut opened = at.write("acft annotator revoke")?;
            let event = Event::AnnotatorRevoked { name: name.clone() };
            opened.project.append(now(), vec![event]).map_err(told)?;
            println!("{name}'s token opens nothing any more; the labels stay");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(at: &At, json: bool) -> anyhow::Result<()> {
    let opened = at.read()?;
    let ledger = opened.project.ledger();
    let mut rows: Vec<Row> = ledger
        .votes()
        .annotators()
        .filter(|(name, _)| *name != MANIFEST)
        .map(|(name, spoken)| Row {
            annotator: name.to_owned(),
            active: false,
            labels: spoken.labels + spoken.reviews,
            skips: spoken.skips,
        })
        .collect();
    for name in ledger.people().active() {
        match rows.iter_mut().find(|row| row.annotator == name) {
            Some(row) => row.active = true,
            None => rows.push(Row {
                annotator: name.to_owned(),
                active: true,
                labels: 0,
                skips: 0,
            }),
        }
    }
    rows.sort_by(|a, b| a.annotator.cmp(&b.annotator));
    if json {
        return print_json(&rows);
    }
    let width = rows.iter().map(|row| row.annotator.chars().count()).max();
    let width = width.unwrap_or(0).max("annotator".len());
    let mut text = format!("{:<width$}  token  labels  skips\n", "annotator");
    for row in rows {
        let token = if row.active { "yes" } else { "no" };
        text += &format!(
            "{:<width$}  {token:<5}  {:>6}  {:>5}\n",
            row.annotator, row.labels, row.skips
        );
    }
    print(text.as_bytes())
}

/// A name that fits into a header and a cell.
fn usable(name: &str) -> anyhow::Result<&str> {
    const LONGEST: usize = 64;
    let is_plain = name.trim() == name && !name.chars().any(char::is_control);
    if name == MANIFEST {
        return Err(bad_input!(
            "{name:?} is what labels are signed with that came with the data; choose another name"
        ));
    }
    if is_plain && (1..=LONGEST).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(bad_input!(
        "{name:?} cannot be an annotator's name: use 1 to {LONGEST} letters, without space around them"
    ))
}

/// A random token in hexadecimal.
fn token() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system has no randomness to give: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
