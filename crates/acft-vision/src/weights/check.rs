//! Whether tensors are those of a network, and whose they are instead.

use std::fmt;

use crate::models::{Architecture, Entry as Expected, Named, Network};

/// How many tensors of each kind a message names.
const NAMED: usize = 3;

/// The tensors of a file are not those of the network that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The file.
    pub origin: String,
    /// The network that was asked for.
    pub expected: Architecture,
    /// Names that the network has and the file has not.
    pub missing: Vec<String>,
    /// Names, with the file's shape and the network's, where these differ.
    pub reshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Names that the file has and the network has not.
    pub unexpected: Vec<String>,
    /// The network whose layers these are, where it is one of ours.
    pub guess: Option<Architecture>,
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            origin, expected, ..
        } = self;
        write!(f, "{origin} does not hold the weights of {expected}")?;
        let mut separator = ": ";
        let mut list = |f: &mut fmt::Formatter<'_>, what: &str, items: Vec<String>| {
            if items.is_empty() {
                return Ok(());
            }
            write!(
                f,
                "{separator}{what} {}",
                items[..items.len().min(NAMED)].join(", ")
            )?;
            if items.len() > NAMED {
                write!(f, " and {} more", items.len() - NAMED)?;
            }
            separator = "; ";
            Ok(())
        };
        list(f, "missing", self.missing.clone())?;
        let reshaped = self.reshaped.iter().map(|(name, found, wanted)| {
            format!("{name} ({} instead of {})", shape(found), shape(wanted))
        });
        list(f, "of another shape", reshaped.collect())?;
        list(f, "unexpected", self.unexpected.clone())?;
        match self.guess {
            Some(guess) => write!(f, "; these are the weights of {guess}: choose that network"),
            None => write!(f, "; choose the network that the file was made for"),
        }
    }
}

fn shape(axes: &[usize]) -> String {
    let axes: Vec<String> = axes.iter().map(usize::to_string).collect();
    axes.join("x")
}

/// Compares names and shapes with those of `architecture`.
///
/// `expected` is what must be there: all of the network, or what is below its
/// head.
pub(super) fn check(
    origin: &str,
    architecture: Architecture,
    expected: &[Expected],
    found: &Named,
) -> Result<(), Mismatch> {
    let mut mismatch = Mismatch {
        origin: origin.to_owned(),
        expected: architecture,
        missing: Vec::new(),
        reshaped: Vec::new(),
        unexpected: Vec::new(),
        guess: None,
    };
    for entry in expected {
        match found.get(&entry.name) {
            None => mismatch.missing.push(entry.name.clone()),
            Some(tensor) if tensor.shape != entry.shape => mismatch.reshaped.push((
                entry.name.clone(),
                tensor.shape.clone(),
                entry.shape.clone(),
            )),
            Some(_) => {}
        }
    }
    let known = |name: &String| expected.iter().any(|entry| entry.name == *name);
    mismatch.unexpected = found.keys().filter(|name| !known(name)).cloned().collect();
    if mismatch.missing.is_empty() && mismatch.reshaped.is_empty() && mismatch.unexpected.is_empty()
    {
        return Ok(());
    }
    // The layers of a network do not tell what follows the last of them.
    let same = |guess: Architecture| guess.with_linear_head() == Some(architecture);
    mismatch.guess = guess(found).filter(|&guess| guess != architecture && !same(guess));
    Err(mismatch)
}

/// The network all of whose layers below the head are in `found`, in the right
/// shape, with nothing else but a head.
fn guess(found: &Named) -> Option<Architecture> {
    Architecture::ALL.into_iter().find(|&architecture| {
        let prefix = architecture.head_prefix();
        let mut body = Network::signature(architecture, 2);
        body.retain(|entry| !entry.name.starts_with(prefix));
        let fits = |entry: &Expected| {
            found
                .get(&entry.name)
                .is_some_and(|tensor| tensor.shape == entry.shape)
        };
        let below = found
            .keys()
            .filter(|name| !name.starts_with(prefix))
            .count();
        below == body.len() && body.iter().all(fits)
    })
}
