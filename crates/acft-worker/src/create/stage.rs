//! A project that appears whole or not at all: it is made in a folder of its
//! own, and moved to its place last.
//!
//! What is to be moved is written down first, each part with the number that
//! the file system has for it. Where a kill comes between two moves, the next
//! command finds that list and takes back what was moved.

use std::fs;
use std::path::{Path, PathBuf};

use acft_run::bad_input;
use acft_run::files::{sync_folder, write_atomically};
use anyhow::Context;

use crate::settings::SETTINGS;
use crate::staging::{self, Dead, Staging};

/// What a project is made of, in the order in which it is moved. The settings
/// make it one, so they come last.
const PARTS: [&str; 7] = [
    "models",
    "cache",
    "reports",
    "feedback",
    "acft.head",
    "acft.db",
    SETTINGS,
];

/// How the folders for drafts are called.
const PREFIX: &str = ".acft-init-";

/// The list of what is moved.
const MOVING: &str = "acft.moving";

/// The folder of a project to come.
pub struct Stage {
    root: PathBuf,
    /// None once it is being removed.
    stage: Option<Staging>,
    /// Whether the project's folder was made here, and goes again on failure.
    made: bool,
}

impl Stage {
    /// Makes the folder, and one for drafts within it.
    ///
    /// # Errors
    /// There is a project already, or the folder cannot be made.
    pub fn begin(root: &Path) -> anyhow::Result<Self> {
        refuse_existing(root)?;
        let made = !root.exists();
        fs::create_dir_all(root)
            .with_context(|| format!("cannot make the folder {}", root.display()))?;
        let stage = Staging::begin(root, PREFIX);
        if stage.is_err() && made {
            // Nothing was put into it.
            let _ = fs::remove_dir(root);
        }
        Ok(Self {
            root: root.to_owned(),
            stage: Some(stage?),
            made,
        })
    }

    /// Where the project is made.
    pub fn path(&self) -> &Path {
        self.stage.as_ref().map_or(&self.root, Staging::path)
    }

    /// Moves the project to its place.
    ///
    /// # Errors
    /// The disk does not take it, or something has come there meanwhile; what
    /// was moved is taken back.
    pub fn finish(mut self) -> anyhow::Result<()> {
        refuse_existing(&self.root)?;
        let parts = self.list()?;
        let mut moved = Vec::new();
        for part in parts {
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

    /// Writes down what is there to be moved; on disk before anything is.
    fn list(&self) -> anyhow::Result<Vec<&'static str>> {
        let parts: Vec<&str> = PARTS
            .into_iter()
            .filter(|part| self.path().join(part).exists())
            .collect();
        let lines = parts
            .iter()
            .map(|part| Ok(format!("{} {part}\n", number(&self.path().join(part))?)))
            .collect::<std::io::Result<String>>()
            .with_context(|| format!("cannot read {}", self.path().display()))?;
        write_atomically(&self.path().join(MOVING), lines.as_bytes())?;
        Ok(parts)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.stage.take());
        if self.made {
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

/// What a file system calls a file or folder, wherever it is moved to.
#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::symlink_metadata(path)?.ino())
}

#[cfg(not(unix))]
fn number(path: &Path) -> std::io::Result<u64> {
    fs::symlink_metadata(path).map(|_| 0)
}

/// Removes what commands that were killed left in a project's folder: their
/// drafts, and of a project that was only half moved the parts that were.
pub(crate) fn sweep(root: &Path) {
    for dead in staging::dead(root, PREFIX) {
        // Settings at their place make a project, which is not touched.
        if !root.join(SETTINGS).exists() {
            take_back(root, &dead);
        }
        dead.remove();
    }
}

fn take_back(root: &Path, dead: &Dead) {
    let list = fs::read_to_string(dead.path().join(MOVING)).unwrap_or_default();
    let moved = list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, part)| PARTS.contains(part) && !dead.path().join(part).exists());
    for (expected, part) in moved {
        let place = root.join(part);
        // Whatever another has put there since has another number.
        if number(&place).is_ok_and(|found| found.to_string() == expected) {
            let _ = remove(place);
        }
    }
}

/// # Errors
/// The folder is no folder, or has something of a project in it.
pub fn refuse_existing(root: &Path) -> anyhow::Result<()> {
    sweep(root);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Makes a project of empty parts, and leaves it as a kill would after so
    /// many moves.
    fn killed_after(moves: usize, root: &Path) {
        let mut stage = Stage::begin(root).unwrap();
        for part in PARTS.iter().filter(|part| **part != "feedback") {
            let path = stage.path().join(part);
            match part.contains('.') {
                true => fs::write(path, part).unwrap(),
                false => {
                    fs::create_dir(&path).unwrap();
                    fs::write(path.join("inside"), part).unwrap();
                }
            }
        }
        let parts = stage.list().unwrap();
        for part in &parts[..moves] {
            fs::rename(stage.path().join(part), root.join(part)).unwrap();
        }
        // The process is gone, and its lock with it.
        let staging = stage.stage.take().unwrap();
        stage.made = false;
        staging.abandon();
    }

    #[test]
    fn after_a_kill_at_any_move_the_next_one_begins_from_nothing() {
        for moves in 0..6 {
            let home = tempfile::tempdir().unwrap();
            let root = home.path().join("lungs");
            fs::create_dir(&root).unwrap();
            fs::write(root.join("notes.txt"), b"a user's").unwrap();
            killed_after(moves, &root);
            refuse_existing(&root).unwrap();
            let left: Vec<_> = fs::read_dir(&root)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left, ["notes.txt"], "{moves}");
        }
    }

    #[test]
    fn a_project_that_was_moved_whole_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("lungs");
        killed_after(6, &root);
        let error = refuse_existing(&root).unwrap_err();
        assert!(error.to_string().contains("has a project already"));
        assert!(root.join("models/inside").exists());
        assert!(root.join("acft.db").exists());
        assert!(staging::dead(&root, PREFIX).is_empty());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 6);
    }

    #[cfg(unix)]
    #[test]
    fn what_another_put_there_is_not_removed() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("lungs");
        killed_after(2, &root);
        fs::rename(root.join("models"), home.path().join("models")).unwrap();
        fs::create_dir(root.join("models")).unwrap();
        fs::write(root.join("models/mine"), b"mine").unwrap();
        let error = refuse_existing(&root).unwrap_err();
        assert!(error.to_string().contains("has a models already"));
        assert!(root.join("models/mine").exists());
    }
}
