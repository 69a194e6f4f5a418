//! Dropping candidates whose bytes (and box) repeat an earlier one.

use std::collections::HashMap;

use super::{Duplicate, inspect::Found};

/// Keeps the first candidate of each key, in the order of the listing.
///
/// This comes before splitting, so that no image is learned from and tested on.
pub(super) fn drop_duplicates(
    found: Vec<Found>,
    classes: &[String],
    duplicates: &mut Vec<Duplicate>,
) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    let mut seen = HashMap::new();
    for other in found {
        let next = kept.len();
        let index = *seen.entry(other.candidate.key).or_insert(next);
        if index == next {
            kept.push(other);
            continue;
        }
        let first = &kept[index];
        duplicates.push(Duplicate {
            conflict: conflict(first, &other, classes),
            of: first.candidate.name.clone(),
            of_row: first.candidate.row,
            name: other.candidate.name,
            row: other.candidate.row,
        });
    }
    kept
}

/// What two candidates of the same bytes disagree about, as a sentence.
fn conflict(kept: &Found, dropped: &Found, classes: &[String]) -> Option<String> {
    let (kept, dropped) = (&kept.candidate, &dropped.candidate);
    let mut differences = Vec::new();
    if kept.label != dropped.label {
        let class = |label: Option<acft::Label>| match label {
            Some(label) => format!("`{}`", classes[label.index()]),
            None => "none".to_owned(),
        };
        differences.push(format!(
            "label {} was kept, {} was dropped",
            class(kept.label),
            class(dropped.label)
        ));
    }
    if kept.group != dropped.group {
        let group = |group: &Option<String>| group.clone().unwrap_or_default();
        differences.push(format!(
            "group `{}` was kept, `{}` was dropped",
            group(&kept.group),
            group(&dropped.group)
        ));
    }
    if kept.split != dropped.split {
        differences.push(format!(
            "it stays in {}, not in {}",
            kept.split, dropped.split
        ));
    }
    (!differences.is_empty()).then(|| differences.join("; "))
}
