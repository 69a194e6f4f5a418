//! Short words for numbers, parts and hashes.

use acft_project::Part;

/// "1 label", "2 labels".
pub fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ if one.ends_with("class") => format!("{number} {one}es"),
        _ => format!("{number} {one}s"),
    }
}

/// A part by the name that a manifest has for it.
pub fn part(part: Part) -> &'static str {
    match part {
        Part::Pool => "train",
        Part::Validation => "val",
        Part::Test => "test",
    }
}

/// The start of a hash, enough to name a model by.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
