//! How exactly a network scores.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What activations and weights are kept as while a network scores. Sums are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Precision {
    /// 24 bits: the numbers of training.
    #[default]
    F32,
    /// 8 bits, at half the memory, and half the instructions where the processor multiplies pairs of them.
    Bf16,
}

impl Precision {
    const NAMES: [(&str, Self); 2] = [("f32", Self::F32), ("bf16", Self::Bf16)];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, precision)| precision == self);
        f.pad(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, precision)| *precision)
            .ok_or_else(|| format!("unknown precision {name:?}; known are f32 and bf16"))
    }
}

impl From<Precision> for String {
    fn from(precision: Precision) -> Self {
        precision.to_string()
    }
}

impl TryFrom<String> for Precision {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}
