//! `acft annotator`: who may label over the network, each by a token. Where a
//! server has the project, it is asked to keep the change.

mod remote;

use std::process::ExitCode;

use acft_project::{Event, Role, annotator_name, token_hash};
use acft_run::bad_input;
use acft_server::{new_token, now};
use acft_worker::create::MANIFEST;
use acft_worker::open::into_bad_input;
use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::at::At;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Examples:
  acft annotator add ada
  acft annotator add root --admin
  acft annotator list
  acft annotator revoke ada

All of it also works while the project is served, and holds at once.
A token is shown once, when it is made: only its hash is kept. Send it to the
person by a safe way, as the link http://…/#token=TOKEN, or to type it in.";

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
        /// They may also say who labels, on the page and through the API.
        #[arg(long)]
        admin: bool,
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
    /// What they may do, where there is one.
    role: Option<Role>,
    labels: usize,
    skips: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Add {
            name,
            at,
            admin,
            json,
        } => {
            let role = match admin {
                true => Role::Administrator,
                false => Role::Annotator,
            };
            let token = add(at, usable(name)?, role)?;
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
            let somebody = revoke(at, name)?;
            println!("{name}'s token opens nothing any more; the labels stay");
            if !somebody {
                eprintln!(
                    "nobody has a token now: on 127.0.0.1 whoever uses this machine may label without one"
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds a person; gives their token.
fn add(at: &At, name: &str, role: Role) -> anyhow::Result<String> {
    let mut opened = match at.write("acft annotator add") {
        Ok(opened) => opened,
        Err(error) => return remote::server(at, error)?.add(name, role),
    };
    let token = new_token().context("the system has no randomness to give")?;
    let event = Event::AnnotatorAdded {
        name: name.to_owned(),
        token: token_hash(&token),
        role,
    };
    opened
        .project
        .append(now(), vec![event])
        .map_err(into_bad_input)?;
    Ok(token)
}

/// Takes a person's token back; says whether anybody still has one.
fn revoke(at: &At, name: &str) -> anyhow::Result<bool> {
    let mut opened = match at.write("acft annotator revoke") {
        Ok(opened) => opened,
        Err(error) => return remote::server(at, error)?.revoke(name),
    };
    let name = name.to_owned();
    let event = Event::AnnotatorRevoked { name };
    opened
        .project
        .append(now(), vec![event])
        .map_err(into_bad_input)?;
    Ok(opened.project.ledger().people().active().next().is_some())
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
            role: None,
            labels: spoken.labels + spoken.reviews,
            skips: spoken.skips,
        })
        .collect();
    for name in ledger.people().active() {
        match rows.iter_mut().find(|row| row.annotator == name) {
            Some(row) => {
                row.active = true;
                row.role = ledger.people().role(name);
            }
            None => rows.push(Row {
                annotator: name.to_owned(),
                active: true,
                role: ledger.people().role(name),
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
        let token = match row.role {
            None => "no",
            Some(Role::Annotator) => "yes",
            Some(Role::Administrator) => "admin",
        };
        text += &format!(
            "{:<width$}  {token:<5}  {:>6}  {:>5}\n",
            row.annotator, row.labels, row.skips
        );
    }
    print(text.as_bytes())
}

/// A name that an annotator may have.
fn usable(name: &str) -> anyhow::Result<&str> {
    annotator_name(name).map_err(|error| bad_input!("{error}"))
}
