//! The commands, and what their failures mean to a calling script.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{compare, demo, explain, score, simulate};

/// Active, continual fine-tuning: find the few images whose labels teach a
/// network the most.
#[derive(Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    /// Rank candidates by predictions that you bring from any framework.
    Score(score::Args),
    Simulate(Box<simulate::Args>),
    Explain(explain::Args),
    Compare(compare::Args),
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Demo(args) => demo::run(&args),
            Command::Score(args) => score::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Compare(args) => compare::run(&args),
        }
    }
}

/// What a command exits with when the fault is in what it was given: a flag,
/// a file, a row. Everything else exits with 1.
const BAD_INPUT: u8 = 2;

/// Marks an error as the input's fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadInput(pub(crate) String);

/// Builds a [`BadInput`] as an [`anyhow::Error`].
macro_rules! bad_input {
    ($($text:tt)*) => { anyhow::Error::new($crate::cli::BadInput(format!($($text)*))) };
}
pub(crate) use bad_input;

/// 2 where the input is at fault, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.is::<BadInput>()) {
        ExitCode::from(BAD_INPUT)
    } else {
        ExitCode::FAILURE
    }
}
