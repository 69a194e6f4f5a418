//! `acft man`: the manual, a page a command.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::output::print;

const EXAMPLE: &str = "\
Example:
  acft man | man -l -
  acft man --out ~/.local/share/man/man1

Without --out the page of acft itself is printed; with it, that page and one for
each command are written there.";

/// Print the manual page, or write a page for each command.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Write acft.1, acft-init.1 and so on into this folder, replacing them.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, command: clap::Command) -> anyhow::Result<ExitCode> {
    let Some(out) = &args.out else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut text)
            .context("cannot write the manual page")?;
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(out)
        .and_then(|()| clap_mangen::generate_to(command, out))
        .with_context(|| format!("cannot write the manual pages into {}", out.display()))?;
    println!("the manual pages are in {}", out.display());
    Ok(ExitCode::SUCCESS)
}
