//! Which project a command is about, and how it is opened.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use acft_project::{Error, Moment, Project};
use anyhow::{Context, bail};

use crate::cli::bad_input;
use crate::files;
use crate::project::settings::ProjectSettings;

/// The file that makes a folder a project to people.
pub(crate) const SETTINGS: &str = "acft.toml";

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
        lament(&opened.project);
        Ok(opened)
    }

    /// Opens the project for writing; `command` is told to whoever comes meanwhile.
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

/// An open project with its settings.
pub(crate) struct Opened {
    pub root: PathBuf,
    pub settings: ProjectSettings,
    pub project: Project,
}

impl Opened {
    /// See [`At::read`].
    pub(crate) fn read(root: PathBuf) -> anyhow::Result<Self> {
        let opened = Self::read_damaged(root)?;
        if let Some(newer) = opened.project.newer() {
            return Err(newer.into());
        }
        match opened.project.damage() {
            [] => Ok(opened),
            [first, ..] => bail!(
                "the database is damaged ({first}): `acft check` says how to mend it, and \
                 `acft export labels` reads what can be read"
            ),
        }
    }

    fn read_damaged(root: PathBuf) -> anyhow::Result<Self> {
        let settings = ProjectSettings::read(&root)?;
        let project = Project::read(&root, settings.rules()).map_err(told)?;
        Ok(Self {
            root,
            settings,
            project,
        })
    }

    pub(crate) fn write(root: PathBuf, command: &str) -> anyhow::Result<Self> {
        let settings = ProjectSettings::read(&root)?;
        let purpose = format!("{command}, since {}", clock(now()));
        let project = Project::open(&root, settings.rules(), &purpose).map_err(told)?;
        // Of an `acft init` that was killed when all was done.
        super::init::stage::sweep(&root);
        // Whoever has the project is alone in these.
        for folder in ["models", "feedback"] {
            files::sweep(&root.join(folder));
        }
        Ok(Self {
            root,
            settings,
            project,
        })
    }

    /// How a command ends that has told what is in the project: failed where it
    /// could not tell all of it as it was written.
    pub(crate) fn code(&self) -> ExitCode {
        match is_whole(&self.project) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    /// What people call the project: its folder's name.
    pub(crate) fn name(&self) -> String {
        name(&self.root)
    }
}

/// How many lines are shown of what is wrong with a database.
const SHOWN: usize = 20;

fn is_whole(project: &Project) -> bool {
    project.damage().is_empty() && project.newer().is_none()
}

/// Says that not all of a database could be read as it was written.
fn lament(project: &Project) {
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

/// What people call a project: its folder's name.
pub(crate) fn name(root: &Path) -> String {
    let whole = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    whole.file_name().map_or_else(
        || "project".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
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

fn is_project(folder: &Path) -> bool {
    folder.join(SETTINGS).is_file()
}

/// An error of the project as one of the command: what was asked for is at
/// fault, or else the machine.
pub(crate) fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Refused(_) | Error::Unknown(_) | Error::NotAProject { .. } | Error::Exists(_) => {
            bad_input!("{error}")
        }
        other => other.into(),
    }
}

/// Which process has a project, in its own words; none where no process has.
pub(crate) fn holder(root: &Path) -> Option<String> {
    let path = root.join("acft.lock");
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            Some(text.trim().to_owned())
        }
        _ => None,
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Moment(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}

/// A moment as people and programs read it: 2026-11-25T02:08:14Z.
pub(crate) fn iso(moment: Moment) -> String {
    jiff::Timestamp::from_second(moment.0.div_euclid(1000))
        .map_or_else(|_| moment.0.to_string(), |at| at.to_string())
}

/// The time of day of a moment: 02:08 UTC.
pub(crate) fn clock(moment: Moment) -> String {
    let text = iso(moment);
    text.get(11..16)
        .map_or_else(|| text.clone(), |minute| format!("{minute} UTC"))
}

/// The day and minute of a moment: 2026-11-25 02:08.
pub(crate) fn minute(moment: Moment) -> String {
    let text = iso(moment);
    text.get(..16)
        .map_or_else(|| text.clone(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        let at = Moment(1_793_758_094_321);
        assert_eq!(iso(at), "2026-11-04T02:08:14Z");
        assert_eq!(minute(at), "2026-11-04 02:08");
        assert_eq!(clock(at), "02:08 UTC");
    }
}
