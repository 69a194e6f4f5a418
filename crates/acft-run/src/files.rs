//! Writes files whole or not at all. A write that fails leaves nothing behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

/// What to do with a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The new file takes its place.
    Replace,
    /// It stays, and writing fails.
    Keep,
}

/// Writes or replaces a file as a whole. Two processes may write the same file at the same time:
/// one of the two versions stays.
///
/// # Errors
/// The folder cannot be written, or the disk is full.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with(path, Existing::Replace, |file| file.write_all(bytes))
}

/// Lets `fill` write a temporary file in the same folder, which gets its name when it is on disk.
/// If that fails, the temporary file is removed, so that a full disk gets its space back.
///
/// # Errors
/// The folder cannot be written, the disk is full, `fill` fails, or there is a
/// file of that name that is to be kept.
pub fn write_with(
    path: &Path,
    existing: Existing,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let folder = folder_of(path);
        let mut file = beside(path, folder)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all()?;
        match existing {
            Existing::Replace => file.persist(path),
            Existing::Keep => file.persist_noclobber(path),
        }
        .map_err(|error| error.error)?;
        sync_folder(folder)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The parent of a bare file name is the empty path.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn beside(path: &Path, folder: &Path) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{}{name}-", TEMPORARY.0);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY.1);
    // Temporary files are private by default; a result is as readable as any
    // other new file.
    #[cfg(unix)]
    builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The prefix and the ending of temporary files.
const TEMPORARY: (&str, &str) = (".acft-", ".tmp");

/// Whether this is the name of a temporary file, which is being written or was left by a kill.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

/// Removes temporary files that a kill left, in a folder in which only this process writes. A file that
/// cannot be removed does no harm.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Syncs the folder, after which the new name of a file is on disk. Only Unix can open a folder.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn what_could_not_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let full = |file: &mut File| {
            file.write_all(&[0; 1 << 16])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = write_with(&path, Existing::Replace, full).unwrap_err();
        assert!(format!("{error:#}").contains("a.png"), "{error:#}");
        assert!(names(folder.path()).is_empty());
        write_atomically(&path, b"old").unwrap();
        write_with(&path, Existing::Replace, full).unwrap_err();
        write_with(&path, Existing::Keep, |file| file.write_all(b"new")).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[test]
    fn what_a_kill_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        write_atomically(&path, b"old").unwrap();
        fs::write(folder.path().join(".acft-notes"), b"a user's").unwrap();
        beside(&path, folder.path()).unwrap().keep().unwrap();
        assert_eq!(names(folder.path()).len(), 3);
        sweep(folder.path());
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".acft-notes", "a.png"]);
    }

    #[test]
    fn many_may_write_one_file_and_it_is_always_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let bytes: Vec<u8> = (0..1 << 18).map(|at| (at % 251) as u8).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        write_atomically(&path, &bytes).unwrap();
                        assert!(fs::read(&path).unwrap() == bytes);
                    }
                });
            }
        });
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_result_is_as_readable_as_any_other_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("a"), folder.path().join("b"));
        write_atomically(&ours, b"x").unwrap();
        fs::write(&other, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&other));
    }
}
