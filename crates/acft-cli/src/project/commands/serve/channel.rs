//! How a command reaches the server that has a project: by a file in the
//! project's folder, which only its owner can read, with the server's address
//! and a key. The key says who may label, and opens nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use acft_server::new_token;
use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The file's name. It is there for as long as the server is.
const FILE: &str = "acft.serving";

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Channel {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// The key.
    pub(crate) key: String,
}

/// A channel that is open, until this is dropped.
#[derive(Debug)]
pub(super) struct Open {
    path: PathBuf,
    pub(super) channel: Channel,
}

impl Channel {
    /// Writes the file of a server that listens on `bound`.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn open(root: &Path, bound: SocketAddr) -> anyhow::Result<Open> {
        let channel = Self {
            address: SocketAddr::new(reachable(bound.ip()), bound.port()),
            key: new_token().context("the system has no randomness to give")?,
        };
        let path = root.join(FILE);
        write(&path, &serde_json::to_string(&channel)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Open { path, channel })
    }

    /// The channel to the server that has a project, if there is one.
    pub(crate) fn of(root: &Path) -> Option<Self> {
        let text = fs::read_to_string(root.join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // One that stays says nothing without its server.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where to ask a server that listens everywhere.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// Writes a file that nobody else could ever read: a new one, and none of an
/// earlier server's.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    new_file(path)?.write_all(text.as_bytes())
}

fn new_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_owner_reads_the_key_and_it_goes_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        // As an earlier server left it, for everybody to read.
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Channel::of(folder.path()).is_none());
        let open = Channel::open(folder.path(), "0.0.0.0:8500".parse().unwrap()).unwrap();
        let read = Channel::of(folder.path()).unwrap();
        assert_eq!(read.address, "127.0.0.1:8500".parse().unwrap());
        assert_eq!(read.key, open.channel.key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        drop(open);
        assert!(Channel::of(folder.path()).is_none());
    }
}
