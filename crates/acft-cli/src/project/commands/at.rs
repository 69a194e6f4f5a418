//! Which project a command is about, and how it is opened.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_project::Project;
use acft_run::bad_input;
use acft_worker::{Opened, SETTINGS, is_project, is_whole};
use anyhow::Context;

/// The project, as the last operand or as a flag.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct At {
    /// The project's folder [default: this one, or the nearest above it with an acft.toml].
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The project's folder, said by a flag.
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    project: Option<PathBuf>,
}

/// The project, as a flag alone: for commands with operands of their own.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct AtFlag {
    /// The project's folder [default: this one, or the nearest above it with an acft.toml].
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
}

impl At {
    /// The project in a folder.
    pub(crate) fn of(dir: PathBuf) -> Self {
        Self {
            dir: Some(dir),
            project: None,
        }
    }

    /// The project's folder.
    ///
    /// # Errors
    /// There is no project.
    pub(crate) fn root(&self) -> anyhow::Result<PathBuf> {
        root(self.dir.as_deref().or(self.project.as_deref()))
    }

    /// Opens the project for reading; works while a server has it.
    ///
    /// # Errors
    /// There is no project, or it cannot be read, or it is damaged: what is
    /// built on a part of the events may be wrong, such as what is held out.
    pub(crate) fn read(&self) -> anyhow::Result<Opened> {
        Opened::read(self.root()?)
    }

    /// As [`At::read`], but gives what can be read of a damaged project, and
    /// says on stderr what is wrong with it.
    ///
    /// # Errors
    /// There is no project, or nothing of it can be read.
    pub(crate) fn read_damaged(&self) -> anyhow::Result<Opened> {
        let opened = Opened::read_damaged(self.root()?)?;
        print_warnings(&opened.project);
        Ok(opened)
    }

    /// Opens the project for writing; another command that is refused meanwhile names `command`.
    ///
    /// # Errors
    /// There is no project, another process has it, or it is damaged.
    pub(crate) fn write(&self, command: &str) -> anyhow::Result<Opened> {
        Opened::write(self.root()?, command)
    }
}

impl AtFlag {
    /// As [`At::root`].
    pub(crate) fn root(&self) -> anyhow::Result<PathBuf> {
        root(self.project.as_deref())
    }
}

/// How many faults of a database are shown.
const SHOWN: usize = 20;

/// Prints which parts of the database could not be read.
fn print_warnings(project: &Project) {
    if is_whole(project) {
        return;
    }
    eprintln!("warning: not all of the database can be read as it was written:");
    if let Some(newer) = project.newer() {
        eprintln!("  {newer}");
    }
    for line in project.damage().iter().take(SHOWN) {
        eprintln!("  {line}");
    }
    let more = project.damage().len().saturating_sub(SHOWN);
    if more > 0 {
        eprintln!("  and {more} more");
    }
    eprintln!("`acft check` says what to do");
}

fn root(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        if is_project(given) {
            return Ok(given.to_owned());
        }
        return Err(bad_input!(
            "{0} is no project: it has no {SETTINGS} (`acft init {0} --images …` makes one)",
            given.display()
        ));
    }
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let found = here.ancestors().find(|folder| is_project(folder));
    match found {
        // As short as it can be said: messages name files below it.
        Some(folder) if folder == here => Ok(PathBuf::from(".")),
        Some(folder) => Ok(folder.to_owned()),
        None => Err(bad_input!(
            "there is no project here: neither this folder nor one above it has an {SETTINGS}; \
             name one with --project DIR, or make one with `acft init DIR --images …`"
        )),
    }
}

/// The exit code of a command that reads a project: a failure if the database could not be read
/// completely.
pub(crate) fn code(opened: &Opened) -> ExitCode {
    match is_whole(&opened.project) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
