//! Temporary folders, in which something is made before it is moved to its place. A process that
//! is killed leaves one behind. The next command that makes something there removes it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

/// This file is locked while the folder is filled. If it is not locked, the process that made the
/// folder is dead.
const MAKING: &str = "acft.making";

/// A process may have made its folder and not yet the file in it.
const GRACE: std::time::Duration = std::time::Duration::from_secs(60);

/// A folder that is removed when dropped, unless it was moved to its place.
pub(crate) struct Staging {
    folder: TempDir,
    making: File,
}

impl Staging {
    /// Makes a folder in another. Its name begins with the prefix.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn begin(parent: &Path, prefix: &str) -> anyhow::Result<Self> {
        let make = || -> io::Result<Self> {
            let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            let making = File::create_new(folder.path().join(MAKING))?;
            // A file system without locks: nothing of it is swept then.
            let _ = making.try_lock();
            Ok(Self { folder, making })
        };
        make().with_context(|| format!("cannot write to {}", parent.display()))
    }

    /// Where it is made.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder as it would be after a kill of the process.
    #[cfg(test)]
    pub(crate) fn abandon(self) -> PathBuf {
        let Self { folder, making } = self;
        drop(making);
        folder.keep()
    }

    /// Moves the folder to its place, whose name must be free.
    ///
    /// # Errors
    /// The disk does not take it, or something has the name.
    pub(crate) fn place(self, to: &Path) -> io::Result<()> {
        let Self { folder, making } = self;
        drop(making);
        fs::remove_file(folder.path().join(MAKING))?;
        acft_run::files::sync_folder(folder.path())?;
        // An empty folder is taken over; anything else is left as it is.
        fs::rename(folder.path(), to)?;
        let _ = folder.keep();
        if let Some(parent) = to.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            acft_run::files::sync_folder(parent)?;
        }
        Ok(())
    }
}

/// A folder of a dead process, locked so that nobody else removes it meanwhile.
pub(crate) struct Dead {
    path: PathBuf,
    _making: Option<File>,
}

impl Dead {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it. What cannot be removed does no harm.
    pub(crate) fn remove(self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The folders of dead processes in a folder, by the prefix of their names.
pub(crate) fn dead(parent: &Path, prefix: &str) -> Vec<Dead> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| dead_at(entry.path()))
        .collect()
}

fn dead_at(path: PathBuf) -> Option<Dead> {
    let making = OpenOptions::new().write(true).open(path.join(MAKING));
    match making {
        Ok(file) => file.try_lock().is_ok().then_some(Dead {
            path,
            _making: Some(file),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let changed = fs::metadata(&path)
                .and_then(|found| found.modified())
                .ok()?;
            let is_old = changed.elapsed().is_ok_and(|since| since > GRACE);
            is_old.then_some(Dead {
                path,
                _making: None,
            })
        }
        Err(_) => None,
    }
}

/// Removes the folders of dead processes.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    for dead in dead(parent, prefix) {
        dead.remove();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn folders_of_the_dead_are_removed_and_those_of_the_living_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let living = Staging::begin(parent.path(), ".acft-x-").unwrap();
        // As a kill leaves it: the file is there, its lock is not.
        let killed = Staging::begin(parent.path(), ".acft-x-").unwrap();
        let killed = killed.abandon();
        fs::write(killed.join("half"), b"half").unwrap();
        fs::create_dir(parent.path().join(".acft-other")).unwrap();
        sweep(parent.path(), ".acft-x-");
        assert!(living.path().exists());
        assert!(!killed.exists());
        assert!(parent.path().join(".acft-other").exists());
    }

    #[test]
    fn what_was_made_gets_its_place_whole() {
        let parent = tempfile::tempdir().unwrap();
        let staging = Staging::begin(parent.path(), ".acft-x-").unwrap();
        fs::write(staging.path().join("a"), b"a").unwrap();
        staging.place(&parent.path().join("place")).unwrap();
        let names: Vec<_> = fs::read_dir(parent.path().join("place"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["a"]);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
