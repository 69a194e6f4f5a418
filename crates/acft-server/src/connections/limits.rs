//! How many connections there may be, and how long each may keep the server
//! waiting.

use std::time::Duration;

/// Limits of connections. They hold before anyone has shown a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at once. Fewer, where the process may not open so
    /// many files: images and the database need some too.
    pub connections: usize,
    /// From the first byte of a request to the end of its headers, and from
    /// the opening of a connection to its first request.
    pub headers: Duration,
    /// How long a client may send nothing of a body that it announced, or read
    /// nothing of an answer.
    pub stall: Duration,
    /// How long a connection stays open after an answer.
    pub idle: Duration,
    /// How long the end of the server waits for requests that it has begun.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            headers: Duration::from_secs(10),
            stall: Duration::from_secs(15),
            // Longer than nginx and Caddy keep a connection to us, so that they
            // do not send a request on one that is closed at that moment.
            idle: Duration::from_secs(75),
            patience: Duration::from_millis(1500),
        }
    }
}

/// Files that are left for images, the database and the network's threads.
const RESERVED: u64 = 256;

impl Limits {
    /// The same, with no more connections than the process can have files for.
    pub(crate) fn fitted(self) -> Self {
        let room = open_files().map_or(self.connections, room);
        Self {
            connections: self.connections.min(room).max(1),
            ..self
        }
    }
}

/// How many of so many files may be connections: at most half, or all but the
/// reserved ones, whichever is more.
fn room(files: u64) -> usize {
    let room = files.saturating_sub(RESERVED).max(files / 2);
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// How many files the process may have open; none where there is no limit.
#[cfg(unix)]
fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_images_and_the_database() {
        for (files, connections) in [
            (1024, 768),
            (256, 128),
            (64, 32),
            (1 << 20, (1 << 20) - 256),
        ] {
            assert_eq!(room(files), connections, "{files}");
        }
        let limits = Limits::default().fitted();
        assert!((1..=512).contains(&limits.connections), "{limits:?}");
    }
}
