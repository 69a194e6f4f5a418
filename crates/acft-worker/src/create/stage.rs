//! A project that appears whole or not at all: it is made in a folder of its
//! own, and moved to its place last.

use std::fs;
use std::path::{Path, PathBuf};

use acft_run::bad_input;
use acft_run::files::sync_folder;
use anyhow::Context;
use tempfile::TempDir;

use crate::open::SETTINGS;

/// What a project is made of, in the order in which it is moved. The settings
/// make it one, so they come last.
const PARTS: [&str; 5] = ["models", "cache", "reports", "acft.db", SETTINGS];

/// The folder of a project to come.
pub(super) struct Stage {
    root: PathBuf,
    stage: TempDir,
    /// Whether the project's folder was made here, and goes again on failure.
    made: bool,
}

impl Stage {
    /// Makes the folder, and one for drafts within it.
    ///
    /// # Errors
    /// There is a project already, or the folder cannot be made.
    pub(super) fn begin(root: &Path) -> anyhow::Result<Self> {
        refuse_existing(root)?;
        let made = !root.exists();
        fs::create_dir_all(root)
            .with_context(|| format!("cannot make the folder {}", root.display()))?;
        let stage = tempfile::Builder::new()
            .prefix(".acft-init-")
            .tempdir_in(root);
        if stage.is_err() && made {
            // Nothing was put into it.
            let _ = fs::remove_dir(root);
        }
        Ok(Self {
            root: root.to_owned(),
            stage: stage.with_context(|| format!("cannot write to {}", root.display()))?,
            made,
        })
    }

    /// Where the project is made.
    pub(super) fn path(&self) -> &Path {
        self.stage.path()
    }

    /// Moves the project to its place.
    ///
    /// # Errors
    /// The disk does not take it; what was moved is taken back.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let mut moved = Vec::new();
        for part in PARTS {
            let place = self.root.join(part);
            if let Err(error) = fs::rename(self.path().join(part), &place) {
                for place in moved.into_iter().rev() {
                    let _ = remove(place);
                }
                return Err(error).with_context(|| format!("cannot write {}", place.display()));
            }
            moved.push(place);
        }
        self.made = false;
        sync_folder(&self.root).with_context(|| format!("cannot write to {}", self.root.display()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_dir_all(self.stage.path());
            // Only if it is empty: nobody's files are lost.
            let _ = fs::remove_dir(&self.root);
        }
    }
}

fn remove(path: PathBuf) -> std::io::Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// # Errors
/// The folder is no folder, or has something of a project in it.
pub(super) fn refuse_existing(root: &Path) -> anyhow::Result<()> {
    let at = root.display();
    if root.exists() && !root.is_dir() {
        return Err(bad_input!("{at} is a file; name a folder to make"));
    }
    if root.join(SETTINGS).exists() {
        return Err(bad_input!(
            "{at} has a project already: `acft status {at}` says where it stands, `acft add` brings more images"
        ));
    }
    // A log would be read as that of the new database.
    for part in PARTS
        .iter()
        .chain(&["acft.db-wal", "acft.db-shm", "acft.db-journal"])
    {
        if root.join(part).exists() {
            return Err(bad_input!(
                "{at} has a {part} already, which a project would need: choose another folder"
            ));
        }
    }
    Ok(())
}
