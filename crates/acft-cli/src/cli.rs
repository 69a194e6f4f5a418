//! The commands and their exit codes.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use acft_run::BadInput;
use clap::builder::Styles;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::machine::Machine;
use crate::project::commands::{
    add, annotator, backup, check, classes, completions, export, init, label, man, model, predict,
    query, report, restore, serve, status, train,
};
use crate::{compare, demo, experiment, explain, score, simulate};

/// Active, continual fine-tuning: find the few images whose labels teach a
/// network the most.
#[derive(Parser)]
#[command(
    name = "acft",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(Box<init::Args>),
    Add(Box<add::Args>),
    Serve(serve::Args),
    Status(status::Args),
    Query(query::Args),
    Label(label::Args),
    Train(train::Args),
    Predict(predict::Args),
    Report(report::Args),
    Export(export::Args),
    Classes(classes::Args),
    Model(model::Args),
    Annotator(annotator::Args),
    Check(check::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Demo(demo::Args),
    /// Rank candidates by predictions that you bring from any framework.
    Score(score::Args),
    Simulate(Box<simulate::Args>),
    Experiment(experiment::Args),
    Explain(explain::Args),
    Compare(compare::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The commands as `acft --help` lists them.
const OVERVIEW: [(&str, &[&str]); 4] = [
    (
        "Labeling a project",
        &[
            "init", "serve", "status", "query", "label", "train", "predict", "report", "export",
        ],
    ),
    (
        "Looking after a project",
        &[
            "add",
            "classes",
            "model",
            "annotator",
            "check",
            "backup",
            "restore",
        ],
    ),
    (
        "Research",
        &[
            "demo",
            "simulate",
            "experiment",
            "compare",
            "explain",
            "score",
        ],
    ),
    ("Tools", &["completions", "man"]),
];

/// Reads the arguments of this process. Ends it if they are wrong, or ask for help.
pub(crate) fn parse() -> Cli {
    let args = run_of_a_file(std::env::args_os().collect());
    command()
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .unwrap_or_else(|error| end(&error))
}

/// Ends where the arguments are wrong, or ask for help. A word of them may be
/// the name of a file: what a terminal would obey is printed escaped, and
/// without colours.
fn end(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    if text.chars().all(acft_terminal::is_shown) {
        error.exit();
    }
    eprint!("{text}");
    std::process::exit(error.exit_code());
}

/// Reads `acft experiment FILE.toml` as `acft experiment run FILE.toml`.
fn run_of_a_file(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_file = |arg: &OsString| Path::new(arg).extension() == Some("toml".as_ref());
    if args.get(1).is_some_and(|arg| arg == "experiment") && args.get(2).is_some_and(is_file) {
        args.insert(2, "run".into());
    }
    args
}

/// The whole command line.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command().mut_subcommand("init", init::adapt);
    let overview = overview(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{overview}{}\n{{options}}",
        heading("Options")
    ))
}

fn overview(command: &clap::Command) -> String {
    let mut text = String::new();
    for (name, commands) in OVERVIEW {
        let _ = writeln!(text, "{}", heading(name));
        for name in commands {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string);
            let _ = writeln!(text, "  {name:<12} {}", about.unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

fn heading(name: &str) -> String {
    let styles = Styles::styled();
    let style = styles.get_header();
    format!("{style}{name}:{style:#}")
}

impl Command {
    /// The limits on threads and memory, for commands that compute.
    fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Serve(args) => Some(&args.machine),
            Self::Query(args) => Some(&args.machine),
            Self::Train(args) => Some(&args.machine),
            Self::Predict(args) => Some(&args.machine),
            Self::Demo(args) => Some(&args.machine),
            Self::Simulate(args) => Some(&args.machine),
            Self::Experiment(args) => args.machine(),
            Self::Explain(args) => Some(&args.machine),
            _ => None,
        }
    }
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(machine) = self.command.machine() {
            machine.start()?;
        }
        match self.command {
            Command::Init(args) => init::run(&args),
            Command::Add(args) => add::run(&args),
            Command::Serve(args) => serve::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Query(args) => query::run(&args),
            Command::Label(args) => label::run(&args),
            Command::Train(args) => train::run(&args),
            Command::Predict(args) => predict::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Classes(args) => classes::run(&args),
            Command::Model(args) => model::run(&args),
            Command::Annotator(args) => annotator::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Backup(args) => backup::run(&args),
            Command::Restore(args) => restore::run(&args),
            Command::Demo(args) => demo::run(&args),
            Command::Score(args) => score::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Experiment(args) => experiment::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Completions(args) => completions::run(&args, command()),
            Command::Man(args) => man::run(&args, command()),
        }
    }
}

/// The exit code for bad input: a flag, a file, a row. Every other failure exits with 1.
const BAD_INPUT: u8 = 2;

/// 2 for bad input, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.is::<BadInput>()) {
        ExitCode::from(BAD_INPUT)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_is_listed_once() {
        command().debug_assert();
        let mut listed: Vec<&str> = OVERVIEW
            .iter()
            .flat_map(|(_, commands)| *commands)
            .copied()
            .collect();
        listed.sort_unstable();
        let command = command();
        let mut known: Vec<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
