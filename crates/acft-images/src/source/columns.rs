//! Which column of a manifest says what.
//!
//! Names are compared without case, spaces, dashes, underscores and brackets:
//! `Patient ID`, `patient_id` and `patientId` are one.

use std::path::Path;

use super::boxes::BoxColumns;
use super::{SourceError, SourceOptions};

const PATHS: &[&str] = &[
    "file",
    "path",
    "image",
    "filename",
    "imagepath",
    "filepath",
    "imagefile",
    "imagefilename",
    "img",
    "imgpath",
];
const LABELS: &[&str] = &["label", "class", "target", "y"];
/// What is of one person comes first: a patient may have several studies.
const GROUPS: &[&str] = &[
    "group",
    "groupid",
    "patient",
    "patientid",
    "patientname",
    "pid",
    "mrn",
    "subject",
    "subjectid",
    "participant",
    "participantid",
    "person",
    "personid",
    "case",
    "caseid",
    "studyinstanceuid",
    "studyuid",
    "study",
    "studyid",
    "video",
    "videoid",
    "slide",
    "slideid",
];
const SPLITS: &[&str] = &["split", "subset", "fold"];

/// A name as names are compared.
pub(super) fn folded(name: &str) -> String {
    let is_kept = |c: &char| !c.is_whitespace() && !"-_()[]".contains(*c);
    name.chars()
        .filter(is_kept)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Indices of a manifest's columns.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) path: usize,
    pub(super) label: Option<usize>,
    pub(super) group: Option<usize>,
    pub(super) split: Option<usize>,
    pub(super) boxes: Option<BoxColumns>,
    /// Sentences about columns that were found by less plain names, or left aside.
    pub(super) notes: Vec<String>,
}

impl Columns {
    /// Finds the columns that were named, and the others by their usual names.
    pub(super) fn find(
        manifest: &Path,
        existing: &[String],
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        let search = Search { manifest, existing };
        let mut notes = Vec::new();
        let path = match &options.path_column {
            Some(name) => search.named(name)?,
            None => search
                .usual("images", "--path-column", PATHS)?
                .ok_or_else(|| {
                    search.missing(format!("of image paths ({})", PATHS.join(", ")), None)
                })?,
        };
        let boxes = match &options.box_columns {
            Some([a, b, c, d]) => {
                let columns = [a, b, c, d].map(|name| search.named(name));
                let [a, b, c, d] = columns;
                Some(BoxColumns::named([a?, b?, c?, d?], existing))
            }
            None => {
                BoxColumns::find(existing, &mut notes).map_err(|reason| search.at_fault(reason))?
            }
        };
        let label = match &options.label_column {
            Some(name) => Some(search.named(name)?),
            None => search.label(boxes.as_ref(), &mut notes)?,
        };
        let group = match &options.group_column {
            Some(name) => Some(search.named(name)?),
            None => search.usual("groups", "--group-column", GROUPS)?,
        };
        if let (Some(at), None) = (group, &options.group_column) {
            notes.push(format!(
                "column `{}` says what stays together (one patient, one video)",
                existing[at]
            ));
        }
        let split = match &options.split_column {
            Some(name) => Some(search.named(name)?),
            None => search.usual("splits", "--split-column", SPLITS)?,
        };
        Ok(Self {
            path,
            label,
            group,
            split,
            boxes,
            notes,
        })
    }
}

struct Search<'a> {
    manifest: &'a Path,
    existing: &'a [String],
}

impl Search<'_> {
    fn missing(&self, wanted: String, nearest: Option<String>) -> SourceError {
        SourceError::MissingColumn {
            path: self.manifest.to_owned(),
            wanted,
            nearest,
            existing: self.existing.to_vec(),
        }
    }

    fn at_fault(&self, reason: String) -> SourceError {
        SourceError::Manifest {
            path: self.manifest.to_owned(),
            reason,
        }
    }

    /// The column of exactly this name, or of this name in another case.
    fn named(&self, name: &str) -> Result<usize, SourceError> {
        let name = name.trim();
        let exact = self.existing.iter().position(|column| column == name);
        let other_case = || {
            let is_it = |column: &String| column.to_lowercase() == name.to_lowercase();
            self.existing.iter().position(is_it)
        };
        exact
            .or_else(other_case)
            .ok_or_else(|| self.missing(format!("`{name}`"), nearest(name, self.existing)))
    }

    /// The column with the first of some usual names that is there.
    fn usual(&self, what: &str, flag: &str, usual: &[&str]) -> Result<Option<usize>, SourceError> {
        let folded: Vec<String> = self.existing.iter().map(|name| folded(name)).collect();
        for name in usual {
            let mut found = (0..folded.len()).filter(|at| folded[*at] == *name);
            let (first, second) = (found.next(), found.next());
            if let (Some(first), Some(second)) = (first, second) {
                return Err(self.at_fault(format!(
                    "columns `{}` and `{}` may both be of {what}: say which with {flag}",
                    self.existing[first], self.existing[second]
                )));
            }
            if first.is_some() {
                return Ok(first);
            }
        }
        Ok(None)
    }

    /// The column of labels. A column `y` is none where it is a place in the image.
    fn label(
        &self,
        boxes: Option<&BoxColumns>,
        notes: &mut Vec<String>,
    ) -> Result<Option<usize>, SourceError> {
        let Some(at) = self.usual("labels", "--label-column", LABELS)? else {
            return Ok(None);
        };
        if folded(&self.existing[at]) != "y" {
            return Ok(Some(at));
        }
        let has_x = self.existing.iter().any(|name| folded(name) == "x");
        if has_x || boxes.is_some_and(|boxes| boxes.columns.contains(&at)) {
            return Ok(None);
        }
        notes.push(format!("column `{}` has the labels", self.existing[at]));
        Ok(Some(at))
    }
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
    #![allow(clippy::unwrap_used)]
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

    fn find(header: &str) -> Result<Columns, String> {
        let existing: Vec<String> = header.split(',').map(str::to_owned).collect();
        Columns::find(Path::new("m.csv"), &existing, &SourceOptions::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_patient_is_found_under_every_usual_name_and_said() {
        for name in [
            "patientId",
            "Patient ID",
            "PatientID",
            "patient_id",
            "patient-id",
            "case_id",
            "Case",
            "subject",
            "Subject ID",
            "StudyInstanceUID",
            "MRN",
        ] {
            let columns = find(&format!("file,label,{name}")).unwrap();
            assert_eq!(columns.group, Some(2), "{name}");
            assert!(columns.notes[0].contains(&format!("column `{name}`")));
        }
        // A patient has several studies.
        assert_eq!(
            find("file,StudyInstanceUID,PatientID").unwrap().group,
            Some(2)
        );
        let error = find("file,patient_id,PatientID").unwrap_err();
        assert!(
            error.contains("columns `patient_id` and `PatientID` may both"),
            "{error}"
        );
    }

    #[test]
    fn y_is_a_label_only_where_it_is_no_place() {
        assert_eq!(find("file,x,y").unwrap().label, None);
        assert_eq!(find("file,y,x,w,h").unwrap().label, None);
        assert_eq!(find("file,label,x,y").unwrap().label, Some(1));
        let alone = find("file,y").unwrap();
        assert_eq!(alone.label, Some(1));
        assert_eq!(alone.notes, ["column `y` has the labels"]);
    }
}
