//! Train, validation and test.

use std::{collections::HashMap, fmt, str::FromStr};

use super::{SourceError, inspect::Found};

/// The part of the data that a candidate belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// The pool that is queried and learned from.
    Train,
    /// For choosing settings and for stopping.
    Validation,
    /// For the learning curve, and nothing else.
    Test,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a split: use train, val or test")]
pub struct UnknownSplit;

impl FromStr for Split {
    type Err = UnknownSplit;

    /// Accepts the usual names, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownSplit> {
        match text.to_ascii_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "val" | "valid" | "validation" | "dev" => Ok(Self::Validation),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(UnknownSplit),
        }
    }
}

/// Refuses a group whose candidates are in two splits, and where there are no
/// groups an image whose boxes are.
pub(super) fn refuse_straddling(found: &[Found]) -> Result<(), SourceError> {
    let mut first: HashMap<Unit, &Found> = HashMap::new();
    for other in found {
        let one = *first.entry(Unit::of(other)).or_insert(other);
        if one.candidate.split == other.candidate.split {
            continue;
        }
        let splits = [one.candidate.split, other.candidate.split];
        let at = Box::new([one.at(), other.at()]);
        return Err(match &other.candidate.group {
            Some(group) => SourceError::StraddlingGroup {
                group: group.clone(),
                splits,
                at,
            },
            None => SourceError::StraddlingImage { splits, at },
        });
    }
    Ok(())
}

/// Holds out a test split (20 %) and a validation split (10 %) of train where
/// the data has none, by a keyed hash of the group.
///
/// Without groups the hash is that of the file, so that the boxes of one image
/// stay together. Units without any label stay in train: a held-out candidate
/// is of use only for its label.
pub(super) fn hold_out(found: &mut [Found], seed: u64, sentences: &mut Vec<String>) {
    for (split, percent) in [(Split::Test, 20), (Split::Validation, 10)] {
        if found.iter().any(|found| found.candidate.split == split) {
            continue;
        }
        let of = found.iter().filter(|found| is_train(found)).count();
        let moved = move_units(found, split, percent, seed);
        sentences.push(match moved {
            0 => format!("no {split} split, and too few labeled candidates to hold one out"),
            moved => format!(
                "no {split} split: held out {moved} of {of} candidates of train \
                 ({percent} %, by a keyed hash of {}, seed {seed})",
                if found.iter().any(|found| found.candidate.group.is_some()) {
                    "the group"
                } else {
                    "the file"
                },
            ),
        });
    }
}

fn is_train(found: &Found) -> bool {
    found.candidate.split == Split::Train
}

/// What must stay together: a group, or the candidates of one file.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Unit {
    Group(String),
    File([u8; 32]),
}

impl Unit {
    fn of(found: &Found) -> Self {
        match &found.candidate.group {
            Some(group) => Self::Group(group.clone()),
            None => Self::File(found.file_hash),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Group(group) => group.as_bytes(),
            Self::File(hash) => hash,
        }
    }
}

/// Moves units of train in the order of their hashes until the share is
/// reached; says how many candidates moved. One unit always stays in train.
fn move_units(found: &mut [Found], split: Split, percent: usize, seed: u64) -> usize {
    struct Members {
        hash: [u8; 32],
        indices: Vec<usize>,
        labeled: usize,
    }
    let context = format!("acft 2021 hold out {split}");
    let key = blake3::derive_key(&context, &seed.to_le_bytes());
    let mut positions: HashMap<Unit, usize> = HashMap::new();
    let mut units: Vec<Members> = Vec::new();
    for (index, found) in found
        .iter()
        .enumerate()
        .filter(|(_, found)| is_train(found))
    {
        let unit = Unit::of(found);
        let hash = *blake3::keyed_hash(&key, unit.bytes()).as_bytes();
        let position = *positions.entry(unit).or_insert_with(|| {
            units.push(Members {
                hash,
                indices: Vec::new(),
                labeled: 0,
            });
            units.len() - 1
        });
        units[position].indices.push(index);
        units[position].labeled += usize::from(found.candidate.label.is_some());
    }
    units.retain(|unit| unit.labeled > 0);
    units.sort_by_key(|unit| unit.hash);

    let labeled: usize = units.iter().map(|unit| unit.labeled).sum();
    // Rounded half up, as everywhere.
    let wanted = (labeled * percent + 50) / 100;
    let (mut moved, mut reached) = (0, 0);
    let movable = units.len().saturating_sub(1);
    for unit in &units[..movable] {
        if reached >= wanted {
            break;
        }
        reached += unit.labeled;
        moved += unit.indices.len();
        for index in &unit.indices {
            found[*index].candidate.split = split;
        }
    }
    moved
}
