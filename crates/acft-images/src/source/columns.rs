//! Which column of a manifest says what.

use std::path::Path;

use super::{SourceError, SourceOptions};

const PATHS: &[&str] = &[
    "file",
    "path",
    "image",
    "filename",
    "image_path",
    "file_name",
];
const LABELS: &[&str] = &["label", "class", "target", "y"];
const GROUPS: &[&str] = &[
    "group",
    "patient",
    "patient_id",
    "subject",
    "subject_id",
    "video",
    "slide",
];
const SPLITS: &[&str] = &["split", "subset", "fold"];
const BOXES: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];

/// Indices of a manifest's columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) path: usize,
    pub(super) label: Option<usize>,
    pub(super) group: Option<usize>,
    pub(super) split: Option<usize>,
    pub(super) boxes: Option<[usize; 4]>,
}

impl Columns {
    /// Finds the columns that were named, and the others by their usual names.
    pub(super) fn find(
        manifest: &Path,
        existing: &[String],
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        let missing = |wanted: String, nearest| SourceError::MissingColumn {
            path: manifest.to_owned(),
            wanted,
            nearest,
            existing: existing.to_vec(),
        };
        let named = |name: &String| {
            let found = existing.iter().position(|column| column == name);
            found.ok_or_else(|| missing(format!("`{name}`"), nearest(name, existing)))
        };
        let optional = |name: &Option<String>, usual: &[&str]| match name {
            Some(name) => named(name).map(Some),
            None => Ok(usual.iter().find_map(|name| position(name, existing))),
        };
        let path = optional(&options.path_column, PATHS)?
            .ok_or_else(|| missing(format!("of image paths ({})", PATHS.join(", ")), None))?;
        let boxes = match &options.box_columns {
            Some([x0, y0, x1, y1]) => Some([named(x0)?, named(y0)?, named(x1)?, named(y1)?]),
            None => match BOXES.map(|name| position(name, existing)) {
                [Some(x0), Some(y0), Some(x1), Some(y1)] => Some([x0, y0, x1, y1]),
                _ => None,
            },
        };
        Ok(Self {
            path,
            label: optional(&options.label_column, LABELS)?,
            group: optional(&options.group_column, GROUPS)?,
            split: optional(&options.split_column, SPLITS)?,
            boxes,
        })
    }
}

fn position(name: &str, existing: &[String]) -> Option<usize> {
    existing
        .iter()
        .position(|column| column.eq_ignore_ascii_case(name))
}

/// The name that `wanted` was probably meant to be.
fn nearest(wanted: &str, existing: &[String]) -> Option<String> {
    let (distance, name) = existing
        .iter()
        .map(|name| (distance(&wanted.to_lowercase(), &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)?;
    let tolerated = (wanted.chars().count() / 2).max(1);
    (distance <= tolerated).then(|| name.clone())
}

/// Edit distance: insertions, deletions and substitutions of one character.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edit_distance_is_the_usual_one() {
        for (a, b, want) in [
            ("", "", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("lable", "label", 2),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn only_a_similar_name_is_suggested() {
        let existing = ["file".to_owned(), "label".to_owned()];
        assert_eq!(nearest("Lable", &existing).as_deref(), Some("label"));
        assert_eq!(nearest("diagnosis", &existing), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
