//! `acft classes`: the closed set Y, which may change while the project lives.

use std::process::ExitCode;

use acft_project::{ClassId, Event, Ledger};
use acft_run::bad_input;
use acft_server::now;
use acft_worker::open::into_bad_input;
use acft_worker::words::count;
use clap::Subcommand;
use serde::Serialize;

use super::at::At;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Examples:
  acft classes list
  acft classes add cyst
  acft classes rename cyst \"simple cyst\"
  acft classes merge \"simple cyst\" benign

Labels follow their class, and the history keeps what was said. After a class
joined or was merged away, the network gets a fresh last layer and learns again
from all labels.";

/// List, add, rename and merge classes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The classes, and how many labels each has.
    #[command(after_help = "Example:\n  acft classes list lungs")]
    List {
        #[command(flatten)]
        at: At,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A class joins.
    #[command(after_help = "Example:\n  acft classes add cyst")]
    Add {
        /// Its name.
        name: String,
        #[command(flatten)]
        at: At,
    },
    /// A class gets another name; its labels follow.
    #[command(after_help = "Example:\n  acft classes rename cyst \"simple cyst\"")]
    Rename {
        /// Its name.
        class: String,
        /// Its new name.
        name: String,
        #[command(flatten)]
        at: At,
    },
    /// The labels of one class count as those of another from now on.
    #[command(after_help = "Example:\n  acft classes merge cyst benign")]
    Merge {
        /// The class that goes.
        from: String,
        /// The class that its labels count for.
        into: String,
        #[command(flatten)]
        at: At,
    },
}

/// A class, as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    id: ClassId,
    name: &'a str,
    labels: usize,
    holdout: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::List { at, json } => list(at, *json)?,
        What::Add { name, at } => {
            let mut opened = at.write("acft classes add")?;
            let class = ClassId(opened.project.ledger().classes().ever());
            let event = Event::ClassAdded {
                class,
                name: name.clone(),
            };
            opened
                .project
                .append(now(), vec![event])
                .map_err(into_bad_input)?;
            println!(
                "the classes are {}",
                opened.project.ledger().classes().names().join(", ")
            );
            tell_to_learn(opened.project.ledger());
        }
        What::Rename { class, name, at } => {
            let mut opened = at.write("acft classes rename")?;
            let event = Event::ClassRenamed {
                class: named(opened.project.ledger(), class)?,
                name: name.clone(),
            };
            opened.settings.require_not_positive(class, "rename")?;
            opened
                .project
                .append(now(), vec![event])
                .map_err(into_bad_input)?;
            println!("{class} is called {name} now");
        }
        What::Merge { from, into, at } => {
            let mut opened = at.write("acft classes merge")?;
            let ledger = opened.project.ledger();
            let (gone, kept) = (named(ledger, from)?, named(ledger, into)?);
            opened.settings.require_not_positive(from, "merge")?;
            let moved = labels_of(ledger, gone);
            let event = Event::ClassMerged {
                from: gone,
                into: kept,
            };
            opened
                .project
                .append(now(), vec![event])
                .map_err(into_bad_input)?;
            println!("{} of {from} count for {into} now", count(moved, "label"));
            tell_to_learn(opened.project.ledger());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what the network waits for, where its classes are not those of the
/// project.
fn tell_to_learn(ledger: &Ledger) {
    if has_other_classes(ledger) {
        eprintln!(
            "the network has other classes until the next `acft train`, `acft query` or `acft serve`: \
             it then gets a fresh last layer and learns all labels again"
        );
    }
}

/// Whether the model in use was made for other classes than those of today.
pub(super) fn has_other_classes(ledger: &Ledger) -> bool {
    let today: Vec<ClassId> = ledger.classes().current().collect();
    let current = ledger.models().current();
    current.is_some_and(|made| made.model.classes != today)
}

fn list(at: &At, json: bool) -> anyhow::Result<()> {
    let opened = at.read()?;
    let ledger = opened.project.ledger();
    let holdout = ledger.holdout();
    let rows: Vec<Row<'_>> = ledger
        .classes()
        .current()
        .map(|class| Row {
            id: class,
            name: ledger.classes().name(class),
            labels: labels_of(ledger, class),
            holdout: holdout.iter().filter(|(_, held)| *held == class).count(),
        })
        .collect();
    if json {
        return print_json(&rows);
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max();
    let width = width.unwrap_or(0).max("class".len());
    let mut text = format!("{:<width$}  labels  of them held out\n", "class");
    for row in rows {
        text += &format!(
            "{:<width$}  {:>6}  {:>16}\n",
            row.name, row.labels, row.holdout
        );
    }
    print(text.as_bytes())
}

/// How many candidates have this class as the label that counts.
fn labels_of(ledger: &Ledger, class: ClassId) -> usize {
    ledger
        .votes()
        .in_order()
        .filter(|id| ledger.label(*id) == Some(class))
        .count()
}

/// The class of that name.
///
/// # Errors
/// There is none; the message lists those there are.
pub(super) fn named(ledger: &Ledger, name: &str) -> anyhow::Result<ClassId> {
    ledger.classes().named(name).ok_or_else(|| {
        bad_input!(
            "there is no class {name:?}; the classes are {}",
            ledger.classes().names().join(", ")
        )
    })
}
