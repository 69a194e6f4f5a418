//! Regions kept on disk: what was decoded once is not decoded again, not even
//! after a restart.
//!
//! One file a policy and input size, to which regions are appended: each with
//! the candidate's key, which is a hash of the image's content, and a hash over
//! both. It holds nothing that cannot be made again, so it may be deleted at
//! any time, is never synced, and whatever in it is not as it was written is
//! passed over. Beside what cannot be made again, labels above all, it takes
//! the last room on a disk from nobody: where the disk is full, it is emptied.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::{Mutex, PoisonError, RwLock},
};

use acft::CandidateKey;

use super::{PatchPolicy, Region};

/// Begins every file; with the version of its format.
const MAGIC: &[u8; 16] = b"acft regions v1\n";

/// Key, length of the region, hash over key and region.
const ENTRY: usize = 32 + 8 + 32;

/// Regions in a file, up to a number of bytes. What comes when it is full is
/// not kept, as with [`RegionCache`](super::RegionCache): a pool is read from
/// end to end over and over.
#[derive(Debug)]
pub struct RegionFile {
    file: File,
    /// Where each region is, and how long.
    index: RwLock<HashMap<CandidateKey, (u64, usize)>>,
    room: Mutex<Room>,
}

/// Where the next region goes.
#[derive(Debug)]
struct Room {
    end: u64,
    max_bytes: u64,
}

impl RegionFile {
    /// Opens the file of a policy and an input size in a folder, which is made
    /// where it is missing, and cuts it to `max_bytes`. None where another process has it: that one fills
    /// it, and this one does without.
    ///
    /// # Errors
    /// The folder or the file cannot be written or read.
    pub fn open(
        folder: &Path,
        policy: &PatchPolicy,
        input: usize,
        max_bytes: u64,
    ) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let name = format!("{policy}-{input}-v{}.regions", PatchPolicy::VERSION);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join(name.replace(':', "-")))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (index, end) = scan(&file, max_bytes)?;
        // A kill while appending leaves a torn end, and an earlier process may
        // have been allowed more.
        file.set_len(end)?;
        Ok(Some(Self {
            file,
            index: RwLock::new(index),
            room: Mutex::new(Room { end, max_bytes }),
        }))
    }

    /// The region of a candidate, if it is kept and as it was written.
    pub fn get(&self, key: &CandidateKey) -> Option<Region> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let (at, length) = index.get(key).copied()?;
        drop(index);
        let mut bytes = vec![0; ENTRY + length];
        read_at(&self.file, &mut bytes, at).ok()?;
        let region = bytes.split_off(ENTRY);
        let whole = bytes[..32] == key.0 && bytes[40..] == hash(key, &region);
        let region = if whole {
            Region::from_bytes(region)
        } else {
            None
        };
        if region.is_none() {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            index.remove(key);
        }
        region
    }

    /// Keeps the region of a candidate, if there is room. Where the disk does
    /// not take it, all of the file is given back, and nothing more is kept.
    pub fn put(&self, key: &CandidateKey, region: &Region) {
        let region = region.to_bytes();
        let mut entry = Vec::with_capacity(ENTRY + region.len());
        entry.extend(key.0);
        entry.extend((region.len() as u64).to_le_bytes());
        entry.extend(hash(key, &region));
        entry.extend(&region);

        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let after = room.end + entry.len() as u64;
        if after > room.max_bytes || self.has(key) {
            return;
        }
        if write_at(&self.file, &entry, room.end).is_err() {
            self.give_back(&mut room);
            return;
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.insert(*key, (room.end, region.len()));
        room.end = after;
    }

    /// Empties the file, for good.
    fn give_back(&self, room: &mut Room) {
        room.max_bytes = 0;
        // Readers who have a place already find nothing there.
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.clear();
        room.end = MAGIC.len() as u64;
        let _ = self.file.set_len(room.end);
    }

    fn has(&self, key: &CandidateKey) -> bool {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.contains_key(key)
    }
}

/// Where the regions of a file are, and where the last whole one within
/// `max_bytes` ends. A file of another kind or version counts as empty.
#[allow(clippy::type_complexity)]
fn scan(file: &File, max_bytes: u64) -> io::Result<(HashMap<CandidateKey, (u64, usize)>, u64)> {
    let length = file
        .metadata()?
        .len()
        .min(max_bytes.max(MAGIC.len() as u64));
    let mut index = HashMap::new();
    let mut magic = [0; MAGIC.len()];
    let ours = read_at(file, &mut magic, 0).is_ok() && &magic == MAGIC;
    if !ours {
        file.set_len(0)?;
        write_at(file, MAGIC, 0)?;
        return Ok((index, MAGIC.len() as u64));
    }
    let mut at = MAGIC.len() as u64;
    let mut head = [0; 40];
    while at + ENTRY as u64 <= length {
        read_at(file, &mut head, at)?;
        let (mut key, mut size) = ([0; 32], [0; 8]);
        key.copy_from_slice(&head[..32]);
        size.copy_from_slice(&head[32..]);
        let size = u64::from_le_bytes(size);
        let Some(next) = at
            .checked_add(ENTRY as u64)
            .and_then(|end| end.checked_add(size))
        else {
            break;
        };
        if next > length {
            break;
        }
        if let Ok(size) = usize::try_from(size) {
            index.insert(CandidateKey(key), (at, size));
        }
        at = next;
    }
    Ok((index, at))
}

fn hash(key: &CandidateKey, region: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("acft 2026-11 region cache");
    hasher.update(&key.0).update(region);
    *hasher.finalize().as_bytes()
}

/// Reads at a position: threads do not wait for each other's.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::canonical_region;
    use super::*;

    const ROOM: u64 = 1 << 20;

    fn policy() -> PatchPolicy {
        "crop:4".parse().unwrap()
    }

    fn open(folder: &Path, max_bytes: u64) -> RegionFile {
        RegionFile::open(folder, &policy(), 8, max_bytes)
            .unwrap()
            .unwrap()
    }

    fn region(n: u8) -> Region {
        let image =
            image::RgbImage::from_fn(11, 9, |x, y| image::Rgb([x as u8 ^ n, y as u8 * n, n]));
        canonical_region(&image, None, &policy(), 8)
    }

    fn key(n: u8) -> CandidateKey {
        CandidateKey([n; 32])
    }

    fn path(folder: &Path) -> std::path::PathBuf {
        let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
        entry.path()
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), ROOM);
        assert_eq!(file.get(&key(1)), None);
        for n in 1..4 {
            file.put(&key(n), &region(n));
        }
        // While one has it, a second does without.
        let second = RegionFile::open(folder.path(), &policy(), 8, ROOM).unwrap();
        assert!(second.is_none());
        drop(file);
        let file = open(folder.path(), ROOM);
        for n in 1..4 {
            assert_eq!(file.get(&key(n)), Some(region(n)));
        }
        assert_eq!(file.get(&key(9)), None);
    }

    #[test]
    fn regions_of_another_window_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), ROOM);
        file.put(&key(1), &region(1));
        let windowed = policy().with_window(Some("-5..4095".parse().unwrap()));
        let other = RegionFile::open(folder.path(), &windowed, 8, ROOM).unwrap();
        assert_eq!(other.unwrap().get(&key(1)), None);
        assert_eq!(file.get(&key(1)), Some(region(1)));
    }

    #[test]
    fn what_is_not_as_it_was_written_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), ROOM);
        for n in 1..4 {
            file.put(&key(n), &region(n));
        }
        drop(file);
        let path = path(folder.path());
        let whole = std::fs::read(&path).unwrap();
        // Each byte of the middle entry, changed: never a wrong region.
        let entry = (whole.len() - MAGIC.len()) / 3;
        for at in (MAGIC.len() + entry..MAGIC.len() + 2 * entry).step_by(7) {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            std::fs::write(&path, &changed).unwrap();
            let file = open(folder.path(), ROOM);
            assert_eq!(file.get(&key(1)), Some(region(1)));
            assert!([None, Some(region(2))].contains(&file.get(&key(2))), "{at}");
            assert!([None, Some(region(3))].contains(&file.get(&key(3))), "{at}");
            // And it is made good again.
            file.put(&key(2), &region(2));
            assert_eq!(file.get(&key(2)), Some(region(2)));
        }
        // Cut anywhere, what is before the cut is there.
        for length in (0..whole.len()).step_by(97) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let file = open(folder.path(), ROOM);
            for n in 1..4 {
                let end = MAGIC.len() + usize::from(n) * entry;
                let expected = (end <= length).then(|| region(n));
                assert_eq!(file.get(&key(n)), expected, "{length}");
            }
        }
    }

    #[test]
    fn a_file_that_may_be_smaller_now_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path(), ROOM);
        for n in 1..4 {
            file.put(&key(n), &region(n));
        }
        drop(file);
        let length = |folder: &Path| std::fs::metadata(path(folder)).unwrap().len();
        let entry = (length(folder.path()) - MAGIC.len() as u64) / 3;
        for (most, kept) in [
            (ROOM, 3),
            (MAGIC.len() as u64 + 2 * entry + 1, 2),
            (1, 0),
            (0, 0),
        ] {
            let file = open(folder.path(), most);
            let there = (1..4).filter(|n| file.get(&key(*n)).is_some()).count();
            assert_eq!(there as u64, kept);
            assert_eq!(length(folder.path()), MAGIC.len() as u64 + kept * entry);
            file.put(&key(9), &region(9));
            drop(file);
            assert!(length(folder.path()) <= most.max(MAGIC.len() as u64));
        }
    }

    /// A file that cannot be written stands for a disk that is full.
    #[test]
    fn on_a_full_disk_it_gives_back_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = open(folder.path(), ROOM);
        for n in 1..4 {
            file.put(&key(n), &region(n));
        }
        let whole = std::mem::replace(&mut file.file, File::open(path(folder.path())).unwrap());
        file.put(&key(4), &region(4));
        file.file = whole;
        for n in 1..5 {
            assert_eq!(file.get(&key(n)), None);
        }
        // Now that it can be written, and even so: the room is others'.
        file.put(&key(5), &region(5));
        assert_eq!(file.get(&key(5)), None);
        drop(file);
        let file = open(folder.path(), ROOM);
        file.put(&key(5), &region(5));
        assert_eq!(file.get(&key(5)), Some(region(5)));
    }

    #[test]
    fn it_keeps_to_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let one = (ENTRY + region(1).to_bytes().len()) as u64;
        let most = MAGIC.len() as u64 + 2 * one;
        let file = open(folder.path(), most);
        for n in [1, 1, 2, 3] {
            file.put(&key(n), &region(n));
        }
        assert_eq!(file.get(&key(2)), Some(region(2)));
        assert_eq!(file.get(&key(3)), None);
        assert_eq!(std::fs::metadata(path(folder.path())).unwrap().len(), most);
    }
}
