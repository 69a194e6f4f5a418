//! `acft completions`: what a shell needs to complete commands and flags.

use std::process::ExitCode;

use crate::output::print;

const EXAMPLE: &str = "\
Example:
  acft completions bash > ~/.local/share/bash-completion/completions/acft
  acft completions zsh > ~/.zfunc/_acft
  acft completions fish > ~/.config/fish/completions/acft.fish";

/// Print the completions of a shell.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Which shell.
    shell: clap_complete::Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "acft", &mut text);
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
