//! Whether the file of a candidate is the image that joined the project.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use acft::{CandidateId, CandidateKey};
use acft_images::image_io::{self, ImageError, ImageFault};
use acft_images::source::candidate_key;
use acft_project::{Candidate, Ledger, Stamp};
use acft_server::Content;

use super::patches::pixel_box;

/// What is said of a file that is another than it was.
pub const NOT_THE_IMAGE: &str = "its file is not the image that joined the project";

/// Why a candidate's image was not had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its file could not be opened or read: a share that is away, a
    /// permission, too many open files. It may be back at the next look.
    Away(String),
    /// Its file was read, and is not the image that joined the project.
    Changed(String),
    /// Its file was read, is what joined the project, and cannot be decoded.
    Broken(String),
}

impl Fault {
    /// Of what was read of a file whose key is `now`, where there is one.
    pub fn of(error: &ImageError, is_same: bool) -> Self {
        let reason = error.fault.to_string();
        match &error.fault {
            ImageFault::Missing | ImageFault::Read(_) | ImageFault::NotAFile => Self::Away(reason),
            _ if is_same => Self::Broken(reason),
            _ => Self::Changed(format!("{NOT_THE_IMAGE}: {reason}")),
        }
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        match self {
            Self::Away(reason) | Self::Changed(reason) | Self::Broken(reason) => reason,
        }
    }
}

/// Reads a candidate's file, if it is the image that joined the project.
pub(crate) fn read_same(root: &Path, candidate: &Candidate) -> Result<Vec<u8>, Fault> {
    let path = root.join(&candidate.path);
    // A file that is empty or too long by now was another when it joined.
    let bytes = image_io::read_file(&path).map_err(|error| Fault::of(&error, false))?;
    let region = pixel_box(candidate.region);
    if candidate_key(*blake3::hash(&bytes).as_bytes(), region) == candidate.key {
        return Ok(bytes);
    }
    Err(Fault::Changed(NOT_THE_IMAGE.to_owned()))
}

/// Opens a file and says its size and time. One that is there and must not be
/// opened is as good as away.
pub fn stamp_of(path: &Path) -> std::io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    // Opening a named pipe would wait for ever.
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    Stamp::from_metadata(&File::open(path)?.metadata()?)
}

/// The sizes and times of files that were found to be what joined the project.
#[derive(Debug, Default)]
pub struct Seen {
    stamps: Mutex<HashMap<CandidateKey, Stamp>>,
}

impl Seen {
    /// Those of the files as they joined.
    pub fn of(ledger: &Ledger) -> Self {
        let all = (0..).map(CandidateId).zip(ledger.candidates());
        let stamped = all.filter_map(|(id, one)| Some((one.key, ledger.stamp(id)?)));
        Self {
            stamps: Mutex::new(stamped.collect()),
        }
    }

    /// Looks at a candidate's file. It is read only where its size or time are
    /// not those that it had when it was last known to be the same.
    pub fn content(&self, root: &Path, candidate: &Candidate) -> Content {
        let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", candidate.name);
        let path = root.join(&candidate.path);
        let stamp = match stamp_of(&path) {
            Ok(stamp) => stamp,
            Err(error) => return Content::Away(named(&format!("cannot be opened: {error}"))),
        };
        let stamps = || self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if stamps().get(&candidate.key) == Some(&stamp) {
            return Content::Same;
        }
        match read_same(root, candidate) {
            Ok(_) => {
                stamps().insert(candidate.key, stamp);
                Content::Same
            }
            Err(Fault::Away(reason)) => Content::Away(named(&reason)),
            Err(fault) => Content::Changed(named(&fault.reason())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use acft_project::{Origin, Part};

    use super::*;

    fn candidate(bytes: &[u8], region: Option<[u32; 4]>) -> Candidate {
        Candidate {
            key: candidate_key(*blake3::hash(bytes).as_bytes(), pixel_box(region)),
            name: "scan 7".to_owned(),
            path: "scan.png".to_owned(),
            region,
            group: None,
            part: Part::Pool,
            origin: Origin::Listed,
        }
    }

    #[test]
    fn a_file_is_the_same_changed_or_away() {
        for region in [None, Some([1, 2, 3, 4])] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("scan.png");
            let one = candidate(b"an image", region);
            let seen = Seen::default();
            let look = || seen.content(root.path(), &one);
            let away = |content: Content| matches!(content, Content::Away(text) if text.starts_with("scan 7: "));
            assert!(away(look()));
            fs::create_dir(&path).unwrap();
            assert!(away(look()), "no file is none to be afraid of");
            fs::remove_dir(&path).unwrap();
            fs::write(&path, b"an image").unwrap();
            assert_eq!(look(), Content::Same);
            // As long as it was.
            fs::write(&path, b"no image").unwrap();
            let at = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
            let touch = || {
                fs::File::options()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_modified(at)
            };
            touch().unwrap();
            let is_changed = |content| matches!(content, Content::Changed(text) if text.contains("not the image"));
            assert!(is_changed(look()));
            for bytes in [&b""[..], b"an image, and more"] {
                fs::write(&path, bytes).unwrap();
                assert!(is_changed(look()));
            }
            // Back as it was, at another time.
            fs::write(&path, b"an image").unwrap();
            touch().unwrap();
            assert_eq!(look(), Content::Same);
        }
    }
}
