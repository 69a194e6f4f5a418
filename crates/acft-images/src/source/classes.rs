//! The closed set of classes.

use std::collections::BTreeSet;

use super::{SourceError, Split, inspect::Found, listing::Entry};

/// The classes given, or else the distinct labels: sorted by value where all
/// are whole numbers, by text otherwise. Empty where there are neither.
pub(super) fn classes(
    given: Option<&[String]>,
    entries: &[Entry],
) -> Result<Vec<String>, SourceError> {
    let classes = match given {
        Some(given) => closed(given, entries)?,
        None => found(entries),
    };
    match classes.as_slice() {
        [only] => Err(SourceError::OneClass(only.clone())),
        many if many.len() > usize::from(u16::MAX) => Err(SourceError::TooManyClasses(many.len())),
        _ => Ok(classes),
    }
}

fn closed(given: &[String], entries: &[Entry]) -> Result<Vec<String>, SourceError> {
    let mut known = BTreeSet::new();
    for class in given {
        if !known.insert(class) {
            return Err(SourceError::RepeatedClass(class.clone()));
        }
    }
    for entry in entries {
        if let Some(label) = &entry.label
            && !known.contains(label)
        {
            return Err(SourceError::UnknownLabel {
                at: entry.at(),
                label: label.clone(),
                classes: given.to_vec(),
            });
        }
    }
    Ok(given.to_vec())
}

fn found(entries: &[Entry]) -> Vec<String> {
    let labels: BTreeSet<&String> = entries.iter().filter_map(|e| e.label.as_ref()).collect();
    let mut classes: Vec<String> = labels.into_iter().cloned().collect();
    let number = |class: &String| class.parse::<i64>().ok();
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by_key(number);
    }
    classes
}

/// Refuses a class that no candidate of train has.
///
/// Where some of train is unlabeled the class may be among them, and where
/// nothing is labeled there is nothing to say.
pub(super) fn require_candidates(classes: &[String], found: &[Found]) -> Result<(), SourceError> {
    let mut counts = vec![[0usize; 3]; classes.len()];
    for candidate in found.iter().map(|found| &found.candidate) {
        match candidate.label {
            Some(label) => counts[label.index()][candidate.split as usize] += 1,
            None if candidate.split == Split::Train => return Ok(()),
            None => {}
        }
    }
    for (class, [train, validation, test]) in classes.iter().zip(counts) {
        if train == 0 {
            return Err(SourceError::EmptyClass {
                class: class.clone(),
                validation,
                test,
            });
        }
    }
    Ok(())
}
