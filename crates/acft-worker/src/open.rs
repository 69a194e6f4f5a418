//! Opening a project with its settings.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use acft_project::{Error, Project};
use acft_run::{bad_input, files};
use acft_server::now;
use anyhow::bail;

use crate::moment::clock;
use crate::settings::{ProjectSettings, SETTINGS};

/// An open project with its settings.
pub struct Opened {
    /// The project's folder.
    pub root: PathBuf,
    /// What its `acft.toml` says.
    pub settings: ProjectSettings,
    /// Its events and state.
    pub project: Project,
}

impl Opened {
    /// Opens the project for reading; works while a server has it.
    ///
    /// # Errors
    /// The project cannot be read, or it is damaged. A state that is built on a part of
    /// the events may be wrong: it may not know all holdouts.
    pub fn read(root: PathBuf) -> anyhow::Result<Self> {
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

    /// Like [`Opened::read`], but opens a damaged project too, with the events that can be read.
    ///
    /// # Errors
    /// There is no project, or nothing of it can be read.
    pub fn read_damaged(root: PathBuf) -> anyhow::Result<Self> {
        let settings = ProjectSettings::read(&root)?;
        let project = Project::read(&root, settings.rules()).map_err(into_bad_input)?;
        Ok(Self {
            root,
            settings,
            project,
        })
    }

    /// Opens the project for writing. The error of another process names `command`.
    ///
    /// # Errors
    /// Another process has it, or it is damaged.
    pub fn write(root: PathBuf, command: &str) -> anyhow::Result<Self> {
        let settings = ProjectSettings::read(&root)?;
        let purpose = format!("{command}, since {}", clock(now()));
        let project = Project::open(&root, settings.rules(), &purpose).map_err(into_bad_input)?;
        // Of an `acft init` that was killed when all was done.
        crate::create::stage::sweep(&root);
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

    /// The name of the project, which is that of its folder.
    pub fn name(&self) -> String {
        name(&self.root)
    }
}

/// Whether all of the database could be read as it was written.
pub fn is_whole(project: &Project) -> bool {
    project.damage().is_empty() && project.newer().is_none()
}

/// Whether a folder is a project.
pub fn is_project(folder: &Path) -> bool {
    folder.join(SETTINGS).is_file()
}

/// The name of a project, which is that of its folder.
pub fn name(root: &Path) -> String {
    let whole = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    whole.file_name().map_or_else(
        || "project".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Turns an error of the project into one of the command: bad input if the request was wrong,
/// another failure otherwise.
pub fn into_bad_input(error: Error) -> anyhow::Error {
    match error {
        Error::Refused(_) | Error::Unknown(_) | Error::NotAProject { .. } | Error::Exists(_) => {
            bad_input!("{error}")
        }
        other => other.into(),
    }
}

/// The text by which the process that has a project describes itself; `None` if no process has it.
pub fn holder(root: &Path) -> Option<String> {
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
