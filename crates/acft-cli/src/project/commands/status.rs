//! `acft status`: where a project stands, also while a server has it.

use std::fmt::Write;
use std::process::ExitCode;

use acft_worker::words::{count, short};

use super::at::At;
use super::summary::Summary;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Example:
  acft status lungs
  acft status --json | jq .labels";

/// Say where a project stands: labels, classes, model.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let opened = args.at.read()?;
    let summary = Summary::of(&opened);
    if args.json {
        print_json(&summary)?;
    } else {
        print(text(&summary).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(of: &Summary) -> String {
    let mut text = String::new();
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "{name:<11} {what}");
    };
    row("project", of.project.clone());
    if let Some(holder) = &of.holder {
        row("in use by", holder.clone());
    }
    let budget = of
        .budget
        .map_or_else(String::new, |budget| format!(" of {budget}"));
    let given = match of.given {
        0 => String::new(),
        given => format!(", and {given} that came with the data"),
    };
    row("labels", format!("{}{budget}{given}", of.labels));
    row(
        "candidates",
        format!(
            "{}: {} in the pool, {} drawn and to be labeled",
            of.candidates, of.pool, of.waiting
        ),
    );
    let aside: Vec<String> = [
        ("skipped", of.skipped),
        ("flagged", of.flagged),
        ("disputed", of.disputed),
        ("unreadable", of.unreadable - of.changed),
        (
            "set aside, for their file has changed (`acft add --again`)",
            of.changed,
        ),
        ("that could not be opened at the last look", of.away),
        ("of a patient or image that is held out", of.set_aside),
        ("labeled beside those, and of no use", of.beside),
    ]
    .iter()
    .filter(|(_, number)| *number > 0)
    .map(|(name, number)| format!("{number} {name}"))
    .collect();
    if !aside.is_empty() {
        row("", aside.join(", "));
    }
    for (at, class) in of.classes.iter().enumerate() {
        let name = if at == 0 { "classes" } else { "" };
        row(
            name,
            format!(
                "{}: {} to learn from, {} held out",
                class.name, class.learned_from, class.holdout
            ),
        );
    }
    row("judging", judging(of));
    for (at, annotator) in of.annotators.iter().enumerate() {
        let name = if at == 0 { "annotators" } else { "" };
        let seconds = annotator
            .seconds_per_label
            .map_or_else(String::new, |seconds| format!(", {seconds:.1} s each"));
        row(
            name,
            format!(
                "{}: {}{seconds}",
                annotator.name,
                count(annotator.labels + annotator.reviews, "label")
            ),
        );
    }
    match &of.model {
        None => row("model", "none yet".to_owned()),
        Some(model) => {
            let auc = model
                .auc
                .map_or_else(String::new, |auc| format!(", AUC {auc:.3}"));
            row(
                "model",
                format!(
                    "{}, of step {} and {}{auc}",
                    short(&model.hash),
                    model.step,
                    count(model.labels, "label")
                ),
            );
        }
    }
    if of.unlearned > 0 {
        row(
            "",
            format!("{} not learned yet", count(of.unlearned, "label")),
        );
    }
    if of.learns_again {
        let text = "the classes have changed: the next training learns all labels again";
        row("", text.to_owned());
    }
    if let Some(advice) = &of.advice {
        row("advice", advice.clone());
    }
    text
}

fn judging(of: &Summary) -> String {
    let needed = of.holdout.needed_per_class;
    if of.holdout.gate {
        return format!(
            "a model that is worse on the holdout ({needed} or more of each class) is not adopted"
        );
    }
    let none_left = if of.holdout.more || of.pool == 0 {
        ""
    } else {
        "; none can be drawn, for no group is left that models could do without"
    };
    format!("every model is adopted until the holdout has {needed} of each class{none_left}")
}
