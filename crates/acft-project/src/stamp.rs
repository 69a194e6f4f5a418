//! A file's size and time: enough to notice, without reading it, that it may
//! have changed.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The size of a file in bytes, and when it was changed, in nanoseconds since
/// 1970. Where both are as they were, the content is taken to be; where one
/// is not, its hash tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp(pub u64, pub i64);

impl Stamp {
    /// That of the file at `path`.
    ///
    /// # Errors
    /// There is no such file, or its folder cannot be looked into.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::from_metadata(&std::fs::metadata(path)?)
    }

    /// That of an open file.
    ///
    /// # Errors
    /// The system keeps no times.
    pub fn from_metadata(metadata: &Metadata) -> io::Result<Self> {
        let modified = metadata.modified()?;
        let nanoseconds = match modified.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()),
            Err(before) => i64::try_from(before.duration().as_nanos()).map(|ns| -ns),
        };
        // Beyond the year 2262 all times are one: the size and the hash are left.
        Ok(Self(metadata.len(), nanoseconds.unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[test]
    fn another_size_or_time_is_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(Stamp::of(&path).is_err());
        fs::write(&path, "one").unwrap();
        let set = |time| {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
            Stamp::of(&path).unwrap()
        };
        let at = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_700);
        assert_eq!(set(at), Stamp(3, 1_700_000_000_123_456_700));
        assert_eq!(
            set(at - Duration::from_micros(1)).1,
            1_700_000_000_123_455_700
        );
        assert_eq!(set(UNIX_EPOCH - Duration::from_secs(5)).1, -5_000_000_000);
        fs::write(&path, "other").unwrap();
        assert_eq!(set(at).0, 5);
        let text = serde_json::to_string(&Stamp(3, -7)).unwrap();
        assert_eq!(text, "[3,-7]");
    }
}
