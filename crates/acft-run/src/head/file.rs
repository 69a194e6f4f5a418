//! The file of a head.
//!
//! ```text
//! "acft head file 1" · length of what it is about (u64, little-endian) · that, as JSON
//! · the head, as acft-head writes it; nothing while there is none · BLAKE3 of all that
//! ```
//!
//! The labels are in it: what the graph says follows from them. Equal models give equal bytes.

use acft_head::Head;
use serde::{Deserialize, Serialize};

/// Begins every file; with the version of its format.
const MAGIC: &[u8; 16] = b"acft head file 1";
const HASH: usize = 32;

/// What a head is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    /// Names of the classes, in the order of the outputs.
    pub(super) classes: Vec<String>,
    /// The hash that names the network's features.
    pub(super) features: String,
    /// The hash of the map that projects them.
    pub(super) map: String,
    /// Neighbours of a candidate in the graph.
    pub(super) neighbors: usize,
    /// The labels learned from: the candidate's key, and its class.
    pub(super) labels: Vec<(String, u16)>,
}

/// The bytes of a head's file.
pub(super) fn write(about: &About, head: Option<&Head>) -> Vec<u8> {
    let json = serde_json::to_vec(about).expect("names and numbers can always be written as JSON");
    let mut bytes = MAGIC.to_vec();
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    bytes.extend(head.map(Head::to_bytes).unwrap_or_default());
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// What a file has, or what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<(About, Option<Head>), String> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it is no head of this version: it does not begin as one does")?;
    let damaged = || "it is damaged: it is not as it was written".to_owned();
    let whole = bytes.len().checked_sub(HASH).ok_or_else(damaged)?;
    if blake3::hash(&bytes[..whole]).as_bytes() != &bytes[whole..] {
        return Err(damaged());
    }
    let (rest, _) = rest
        .split_at_checked(rest.len().saturating_sub(HASH))
        .ok_or_else(damaged)?;
    let (length, rest) = rest.split_at_checked(8).ok_or_else(damaged)?;
    let length = u64::from_le_bytes(length.try_into().map_err(|_| damaged())?);
    let length = usize::try_from(length).map_err(|_| damaged())?;
    let (json, head) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let about = serde_json::from_slice(json)
        .map_err(|error| format!("what it is about cannot be read: {error}"))?;
    let head = match head.is_empty() {
        true => None,
        false => Some(Head::from_bytes(head).map_err(|error| error.to_string())?),
    };
    Ok((about, head))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use acft_head::{Examples, HeadSettings, MapHash, Target};

    use super::*;

    fn about() -> About {
        About {
            classes: vec!["a".into(), "b".into()],
            features: "f".into(),
            map: "m".into(),
            neighbors: 10,
            labels: vec![("k".into(), 1)],
        }
    }

    fn head() -> Head {
        let mut examples = Examples::new(MapHash([3; 32]), 2, 2).unwrap();
        examples.push(&[1.0, 0.5], Target::Class(0), 1.0).unwrap();
        examples.push(&[-1.0, 0.5], Target::Class(1), 1.0).unwrap();
        Head::fit(&HeadSettings::default(), &examples, None)
            .unwrap()
            .head
    }

    #[test]
    fn what_is_written_is_read_with_a_head_and_without() {
        for head in [Some(head()), None] {
            let bytes = write(&about(), head.as_ref());
            assert_eq!(read(&bytes).unwrap(), (about(), head));
        }
    }

    #[test]
    fn what_was_cut_changed_or_is_something_else_is_refused() {
        let bytes = write(&about(), Some(&head()));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "{at}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }
}
