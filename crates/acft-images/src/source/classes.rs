//! The closed set of classes.

use std::collections::BTreeSet;

use super::{
    SourceError, Split,
    inspect::Found,
    labels::{settled, twins},
    listing::Entry,
};

/// The classes that were named, without the spaces around their names.
///
/// Names that differ in case alone are taken as they are: whoever wrote them side by side means two.
pub(super) fn named(names: &[String]) -> Result<Vec<String>, SourceError> {
    let mut known = BTreeSet::new();
    let mut classes = Vec::with_capacity(names.len());
    for name in names.iter().map(|name| name.trim()) {
        if name.is_empty() {
            return Err(SourceError::EmptyName);
        }
        // The same letters in another form cannot be told apart on a page.
        if !known.insert(settled(name)) {
            return Err(SourceError::RepeatedClass(name.to_owned()));
        }
        classes.push(name.to_owned());
    }
    Ok(classes)
}

/// The classes given, or else the distinct labels: sorted by value where all
/// are whole numbers, by text otherwise. Empty where there are neither.
pub(super) fn classes(
    given: Option<&[String]>,
    entries: &[Entry],
) -> Result<Vec<String>, SourceError> {
    let classes = match given {
        Some(given) => closed(given, entries)?,
        None => found(entries)?,
    };
    match classes.as_slice() {
        [only] => Err(SourceError::OneClass(only.clone())),
        many if many.len() > usize::from(u16::MAX) => Err(SourceError::TooManyClasses(many.len())),
        _ => Ok(classes),
    }
}

fn closed(given: &[String], entries: &[Entry]) -> Result<Vec<String>, SourceError> {
    let known: BTreeSet<&String> = given.iter().collect();
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

fn found(entries: &[Entry]) -> Result<Vec<String>, SourceError> {
    let labels: BTreeSet<&String> = entries.iter().filter_map(|e| e.label.as_ref()).collect();
    if let Some(names) = twins(labels.iter().map(|label| label.as_str())) {
        let first = |name: &str| {
            let has_it = |entry: &&Entry| entry.label.as_deref() == Some(name);
            entries.iter().find(has_it).map(Entry::at)
        };
        return Err(SourceError::Twins {
            names: names.map(str::to_owned),
            at: Box::new(names.map(|name| {
                first(name).unwrap_or_else(|| super::RowRef {
                    name: name.to_owned(),
                    row: None,
                })
            })),
        });
    }
    let mut classes: Vec<String> = labels.into_iter().cloned().collect();
    let number = |class: &String| class.parse::<i64>().ok();
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by_key(number);
    }
    Ok(classes)
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
