//! `acft.head`: how far the events go that somebody was told of.
//!
//! SQLite drops the end of a log that it cannot read, and calls what is left
//! whole. So the number and the hash of the last event are kept in a second
//! file, which is synced after each commit and before anyone is told. The
//! database may be ahead of it (a kill came between the two); where it is
//! behind, acknowledged events are gone.
//!
//! The file has two slots, written in turn and in place: a write that is torn
//! leaves the other slot, and a full disk has room for either.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::backup::sync_folder;
use crate::error::Error;

/// The name of the file.
pub(crate) const HEAD: &str = "acft.head";

/// Slots lie in different pages of the disk.
const SLOT: usize = 4096;

/// The end of the chain of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the last event.
    pub(crate) last: i64,
    /// Its hash.
    pub(crate) hash: [u8; 32],
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is not there: an older program made the project, or a database was
    /// copied alone.
    Absent,
    /// Events were acknowledged up to here.
    At(Head),
    /// It says nothing, for this reason.
    Unreadable(String),
}

/// Reads the file.
pub(crate) fn read(root: &Path) -> Mark {
    let mut bytes = Vec::new();
    let read = File::open(root.join(HEAD))
        .and_then(|file| file.take(2 * SLOT as u64).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Mark::Absent,
        Err(error) => Mark::Unreadable(error.to_string()),
        Ok(_) => match newest(&bytes) {
            Some((_, head)) => Mark::At(head),
            None => Mark::Unreadable("its content is not what was written".to_owned()),
        },
    }
}

/// The file of a project that is open for writing.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    /// Counts writes; its last bit chooses the slot.
    turn: u64,
    written: Head,
}

impl HeadFile {
    /// Opens the file, or makes it where it is not there, and brings it to `head`.
    pub(super) fn open(root: &Path, head: Head) -> Result<Self, Error> {
        let path = root.join(HEAD);
        if !path.exists() {
            make(root, head)?;
        }
        let cannot = |error: io::Error| cannot("open", &path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(cannot)?;
        claim(root, &file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(cannot)?;
        let Some((turn, written)) = newest(&bytes) else {
            return Err(Error::Damaged(format!(
                "{} cannot be read: its content is not what was written",
                path.display()
            )));
        };
        let mut opened = Self {
            file,
            turn: turn.wrapping_add(1),
            written,
        };
        opened.write(head).map_err(cannot)?;
        Ok(opened)
    }

    /// As of a disk that takes no more, or takes more again.
    #[cfg(test)]
    pub(super) fn set_writable(&mut self, root: &Path, writable: bool) {
        let opened = OpenOptions::new()
            .read(true)
            .write(writable)
            .open(root.join(HEAD));
        self.file = opened.expect("the file is there");
    }

    /// Where it says that the events end.
    pub(super) fn written(&self) -> Head {
        self.written
    }

    /// Writes the end of the chain: on disk when this returns. Where it fails,
    /// the slot of the last write that did not is as it was.
    pub(super) fn write(&mut self, head: Head) -> io::Result<()> {
        if head == self.written {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(place(self.turn)))?;
        self.file.write_all(&slot(self.turn, head))?;
        self.file.sync_data()?;
        self.turn = self.turn.wrapping_add(1);
        self.written = head;
        Ok(())
    }
}

/// Makes the file, or puts another in its place; it appears whole or not at all.
pub(crate) fn make(root: &Path, head: Head) -> Result<(), Error> {
    let path = root.join(HEAD);
    let draft = root.join(format!("{HEAD}.new"));
    let write = || -> io::Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(&slot(0, head))?;
        file.write_all(&slot(1, head))?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        sync_folder(root)
    };
    write().map_err(|error| {
        // What a full disk took of it is free again.
        let _ = fs::remove_file(&draft);
        cannot("write", &path, &error)
    })
}

/// Locks the file too: whoever removes the lock file lets nobody in. On Windows
/// a lock would keep readers out.
fn claim(root: &Path, file: &File) -> Result<(), Error> {
    if !cfg!(unix) {
        return Ok(());
    }
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            root: root.to_owned(),
            holder: "another process, whose acft.lock was removed".to_owned(),
        }),
        // A file system without locks: there is the lock file.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

impl Drop for HeadFile {
    /// A child process that is being started has the file too until it runs.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn place(turn: u64) -> u64 {
    (turn % 2) * SLOT as u64
}

fn slot(turn: u64, head: Head) -> Vec<u8> {
    let hash = blake3::Hash::from_bytes(head.hash).to_hex();
    let said = format!(
        "acft head 1\nturn {turn}\nlast {}\nhash {hash}\n",
        head.last
    );
    let check = blake3::hash(said.as_bytes()).to_hex();
    let mut bytes = format!("{said}check {check}\n").into_bytes();
    bytes.resize(SLOT, b' ');
    bytes
}

/// The slot that was written last, of those that can be read.
fn newest(bytes: &[u8]) -> Option<(u64, Head)> {
    bytes
        .chunks(SLOT)
        .filter_map(parse)
        .max_by_key(|(turn, _)| *turn)
}

fn parse(slot: &[u8]) -> Option<(u64, Head)> {
    let text = std::str::from_utf8(slot).ok()?;
    let (said, check) = text.split_once("check ")?;
    if check.trim_end() != blake3::hash(said.as_bytes()).to_hex().as_str() {
        return None;
    }
    let mut lines = said.lines();
    if lines.next()? != "acft head 1" {
        return None;
    }
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let turn = value("turn")?.parse().ok()?;
    let last = value("last")?.parse().ok()?;
    let hash = *blake3::Hash::from_hex(value("hash")?).ok()?.as_bytes();
    Some((turn, Head { last, hash }))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::Storage(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;

    fn head(last: i64) -> Head {
        Head {
            last,
            hash: [last as u8; 32],
        }
    }

    #[test]
    fn what_was_written_last_is_read() {
        let folder = TempDir::new().unwrap();
        assert_eq!(read(folder.path()), Mark::Absent);
        let mut file = HeadFile::open(folder.path(), head(3)).unwrap();
        for last in [3, 4, 9, 10, 200] {
            file.write(head(last)).unwrap();
            assert_eq!(read(folder.path()), Mark::At(head(last)));
        }
        drop(file);
        let mut file = HeadFile::open(folder.path(), head(201)).unwrap();
        file.write(head(202)).unwrap();
        assert_eq!(read(folder.path()), Mark::At(head(202)));
        assert!(!folder.path().join("acft.head.new").exists());
    }

    /// At whatever byte a write was cut off, the head is the new one or the one before.
    #[test]
    fn a_torn_write_takes_back_no_more_than_itself() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(HEAD);
        let mut file = HeadFile::open(folder.path(), head(1)).unwrap();
        file.write(head(2)).unwrap();
        let before = fs::read(&path).unwrap();
        file.write(head(3)).unwrap();
        let after = fs::read(&path).unwrap();
        let changed = (0..after.len()).filter(|&at| before[at] != after[at]);
        for cut in changed {
            let torn = [&after[..cut], &before[cut..]].concat();
            let other = [&before[..cut], &after[cut..]].concat();
            for bytes in [torn, other] {
                fs::write(&path, bytes).unwrap();
                let read = read(folder.path());
                assert!(read == Mark::At(head(2)) || read == Mark::At(head(3)));
            }
        }
    }

    #[test]
    fn what_says_nothing_is_called_unreadable() {
        let folder = TempDir::new().unwrap();
        for bytes in [vec![], vec![0; 8192], b"acft head 1\n".to_vec()] {
            fs::write(folder.path().join(HEAD), bytes).unwrap();
            assert!(matches!(read(folder.path()), Mark::Unreadable(_)));
        }
    }

    #[cfg(unix)]
    #[test]
    fn one_process_has_it() {
        let folder = TempDir::new().unwrap();
        let first = HeadFile::open(folder.path(), head(1)).unwrap();
        let second = HeadFile::open(folder.path(), head(1));
        assert!(matches!(second, Err(Error::Locked { .. })));
        drop(first);
        HeadFile::open(folder.path(), head(1)).unwrap();
    }
}
