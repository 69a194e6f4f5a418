//! The directories of a TIFF and the numbers in them. EXIF blocks are TIFFs too.

use std::collections::{BTreeMap, HashSet};

use super::super::ImageFault;

/// More directories than any honest image has.
const MOST_DIRECTORIES: usize = 4096;

/// More numbers than any tag has that is read here: a tile of 16 × 16 pixels
/// each, of the largest image, in four planes.
const MOST_NUMBERS: u64 = 1 << 21;

const SHORT: u16 = 3;

/// A TIFF in memory: how its numbers are written.
pub(in super::super) struct Tiff<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) little: bool,
    big: bool,
}

/// A directory: its tags, and where their values are.
pub(in super::super) struct Directory {
    entries: BTreeMap<u16, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u16,
    count: u64,
    at: usize,
}

impl Directory {
    /// Whether a tag is one number of the type SHORT.
    pub(in super::super) fn is_short(&self, tag: u16) -> bool {
        let entry = self.entries.get(&tag);
        entry.is_some_and(|entry| entry.kind == SHORT && entry.count == 1)
    }
}

impl<'a> Tiff<'a> {
    /// Reads the first bytes.
    pub(in super::super) fn open(bytes: &'a [u8]) -> Result<Self, ImageFault> {
        let (little, big) = match bytes.first_chunk() {
            Some(b"II*\0") => (true, false),
            Some(b"MM\0*") => (false, false),
            Some(b"II+\0") => (true, true),
            Some(b"MM\0+") => (false, true),
            _ => return Err(ImageFault::NotAnImage),
        };
        let tiff = Self { bytes, little, big };
        if big && (tiff.number(4, 2)?, tiff.number(6, 2)?) != (8, 0) {
            return Err(damaged("its offsets are not 8 bytes wide"));
        }
        Ok(tiff)
    }

    /// The number of `size` bytes at a place.
    fn number(&self, at: usize, size: usize) -> Result<u64, ImageFault> {
        let end = at.checked_add(size).ok_or(ImageFault::Truncated)?;
        let bytes = self.bytes.get(at..end).ok_or(ImageFault::Truncated)?;
        let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok(if self.little {
            bytes.iter().rev().fold(0, shift)
        } else {
            bytes.iter().fold(0, shift)
        })
    }

    fn offset(&self, at: usize) -> Result<usize, ImageFault> {
        let offset = self.number(at, if self.big { 8 } else { 4 })?;
        usize::try_from(offset).map_err(|_| ImageFault::Truncated)
    }

    /// The directory that comes first.
    pub(in super::super) fn first_directory(&self) -> Result<Directory, ImageFault> {
        self.directory(self.first()?)
            .map(|(directory, _)| directory)
    }

    fn first(&self) -> Result<usize, ImageFault> {
        self.offset(if self.big { 8 } else { 4 })
    }

    /// All directories, in the order of their chain.
    pub(super) fn directories(&self) -> Result<Vec<Directory>, ImageFault> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut at = self.first()?;
        while at != 0 {
            if !seen.insert(at) {
                return Err(damaged("its directories lead in a circle"));
            }
            if found.len() == MOST_DIRECTORIES {
                return Err(damaged("it has thousands of directories"));
            }
            let (directory, next) = self.directory(at)?;
            found.push(directory);
            at = next;
        }
        if found.is_empty() {
            return Err(damaged("it has no directory"));
        }
        Ok(found)
    }

    /// The directory at a place, and where the next one is (0: nowhere).
    fn directory(&self, at: usize) -> Result<(Directory, usize), ImageFault> {
        // Of the number of entries; of an entry; of a value or its place.
        let (head, each, word) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.number(at, head)?;
        let count = usize::try_from(count).map_err(|_| ImageFault::Truncated)?;
        let begin = at + head;
        let end = count
            .checked_mul(each)
            .and_then(|length| begin.checked_add(length))
            .filter(|end| *end <= self.bytes.len())
            .ok_or(ImageFault::Truncated)?;
        let mut entries = BTreeMap::new();
        for entry in (begin..end).step_by(each) {
            let tag = self.number(entry, 2)? as u16;
            let kind = self.number(entry + 2, 2)? as u16;
            let count = self.number(entry + 4, word)?;
            let value = entry + 4 + word;
            let within = count
                .checked_mul(size_of(kind).unwrap_or(1) as u64)
                .is_some_and(|length| length <= word as u64);
            let at = if within { value } else { self.offset(value)? };
            // The first of a tag counts, as in libtiff.
            entries.entry(tag).or_insert(Entry { kind, count, at });
        }
        // Some writers leave out the end of the chain where it ends the file.
        let next = self.offset(end).unwrap_or(0);
        Ok((Directory { entries }, next))
    }

    /// The whole numbers of a tag, negative ones in two's complement; none
    /// where the tag is not there.
    pub(in super::super) fn numbers(
        &self,
        directory: &Directory,
        tag: u16,
    ) -> Result<Option<Vec<u64>>, ImageFault> {
        let Some(entry) = directory.entries.get(&tag) else {
            return Ok(None);
        };
        let size = match (entry.kind, size_of(entry.kind)) {
            // Fractions and floats are no whole numbers, and text is none.
            (2 | 5 | 7 | 10..=12, _) | (_, None) => {
                return Err(damaged(&format!(
                    "its tag {tag} has the type {}, which is no whole number",
                    entry.kind
                )));
            }
            (_, Some(size)) => size,
        };
        if entry.count > MOST_NUMBERS {
            return Err(damaged(&format!(
                "its tag {tag} claims {} numbers",
                entry.count
            )));
        }
        let count = entry.count as usize;
        let end = entry.at.checked_add(count * size);
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(ImageFault::Truncated);
        }
        // Signed types keep their sign in the upper bits.
        let unused = match entry.kind {
            6 | 8 | 9 | 17 => 64 - 8 * size,
            _ => 0,
        };
        let signed = |value: u64| ((value << unused) as i64 >> unused) as u64;
        let values = (0..count).map(|i| self.number(entry.at + i * size, size).map(signed));
        values.collect::<Result<_, _>>().map(Some)
    }

    /// The bytes of a tag, whatever they mean; none where the tag is not there.
    pub(super) fn raw(&self, directory: &Directory, tag: u16) -> Option<&'a [u8]> {
        let entry = directory.entries.get(&tag)?;
        let length = usize::try_from(entry.count)
            .ok()?
            .checked_mul(size_of(entry.kind)?)?;
        self.bytes.get(entry.at..entry.at.checked_add(length)?)
    }
}

/// Bytes of one value of a type.
fn size_of(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => return None,
    })
}

/// A TIFF that cannot be what it says.
pub(super) fn damaged(what: &str) -> ImageFault {
    ImageFault::Damaged(format!("a damaged TIFF: {what}"))
}

/// A TIFF of a kind that is not read, and what to do about it.
pub(super) fn unread(what: &str) -> ImageFault {
    ImageFault::Unread(format!("a TIFF with {what}"))
}
