//! A manifest: a table that lists one candidate a row.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
};

use super::{
    Duplicate, LeftOut, SourceError, SourceOptions, Split,
    columns::Columns,
    listing::{Entry, Files, Listing},
    table,
};

/// Lists the candidates of a manifest whose relative paths start at `roots`.
pub(super) fn list(
    manifest: &Path,
    roots: Vec<PathBuf>,
    options: &SourceOptions,
) -> Result<Listing, SourceError> {
    let table = table::read(manifest)?;
    let mut columns = Columns::find(manifest, &table.columns, options)?;
    let mut listing = Listing {
        roots,
        ..Listing::default()
    };
    let cell = |row: &csv::StringRecord, at: usize| row.get(at).unwrap_or_default().to_owned();

    // A column called "fold" may hold numbers of folds: it is no split then,
    // unless the user says so.
    if let (Some(at), None) = (columns.split, &options.split_column) {
        let is_split =
            |(_, row): &(usize, csv::StringRecord)| cell(row, at).parse::<Split>().is_ok();
        if !table.rows.iter().any(is_split) {
            listing.notes.push(format!(
                "column `{}` was not used: none of its values is train, val or test",
                table.columns[at]
            ));
            columns.split = None;
        }
    }

    let mut files = Files::default();
    let mut rows = Rows {
        manifest,
        seen: HashMap::new(),
    };
    for (row, record) in &table.rows {
        let given = cell(record, columns.path);
        let boxed = columns
            .boxes
            .map(|columns| columns.map(|at| cell(record, at)));
        // All four cells empty: the candidate is the whole image.
        let boxed = boxed.filter(|cells| cells.iter().any(|cell| !cell.is_empty()));
        let name = match &boxed {
            Some(cells) => format!("{given}#{}", cells.join(",")),
            None => given.clone(),
        };
        let mut leave_out = |reason: String| {
            listing.left_out.push(LeftOut {
                name: name.clone(),
                row: Some(*row),
                reason,
            });
        };
        if given.is_empty() {
            leave_out("its path is empty".to_owned());
            continue;
        }
        let given_box = match boxed.map(parse_box).transpose() {
            Ok(given_box) => given_box,
            Err(reason) => {
                leave_out(reason);
                continue;
            }
        };
        let optional = |at: Option<usize>| {
            at.map(|at| cell(record, at))
                .filter(|cell| !cell.is_empty())
        };
        let split = match columns.split {
            Some(at) => Some(rows.parse_split(*row, &cell(record, at))?),
            None => None,
        };
        let entry = Entry {
            name,
            file: files.index_of(rows.normalised(*row, &given)?),
            given_box,
            label: optional(columns.label),
            group: optional(columns.group),
            split,
            row: Some(*row),
        };
        rows.add(entry, &mut listing)?;
    }
    listing.files = files.paths;
    Ok(listing)
}

fn parse_box(cells: [String; 4]) -> Result<[f64; 4], String> {
    let mut sides = [0.0; 4];
    for (side, cell) in sides.iter_mut().zip(&cells) {
        *side = cell
            .parse()
            .map_err(|_| format!("box {}: `{cell}` is not a number", cells.join(",")))?;
    }
    Ok(sides)
}

/// An image and a box within it, as listed.
type Place = (usize, Option<[u64; 4]>);

struct Rows<'a> {
    manifest: &'a Path,
    /// Where in the listing each place was seen first.
    seen: HashMap<Place, usize>,
}

impl Rows<'_> {
    fn fail(&self, row: usize, reason: String) -> SourceError {
        SourceError::Row {
            path: self.manifest.to_owned(),
            row,
            reason,
        }
    }

    fn parse_split(&self, row: usize, text: &str) -> Result<Split, SourceError> {
        text.parse().map_err(|_| {
            self.fail(
                row,
                format!("split `{text}` is unknown: use train, val or test"),
            )
        })
    }

    /// The path without `.` and `..`, which must not lead out of the data.
    fn normalised(&self, row: usize, given: &str) -> Result<PathBuf, SourceError> {
        let path = Path::new(given);
        if path.is_absolute() {
            return Ok(path.to_owned());
        }
        let mut inside = PathBuf::new();
        for component in path.components() {
            match component {
                Component::ParentDir if !inside.pop() => {
                    return Err(self.fail(
                        row,
                        format!(
                            "path `{given}` leads out of the data folder: \
                             use a path within it, or an absolute one"
                        ),
                    ));
                }
                Component::ParentDir | Component::CurDir => {}
                part => inside.push(part),
            }
        }
        Ok(inside)
    }

    /// Adds a candidate, unless an earlier row lists the same place.
    fn add(&mut self, entry: Entry, listing: &mut Listing) -> Result<(), SourceError> {
        let place = (
            entry.file,
            entry.given_box.map(|sides| sides.map(f64::to_bits)),
        );
        let next = listing.entries.len();
        let index = *self.seen.entry(place).or_insert(next);
        if index == next {
            listing.entries.push(entry);
            return Ok(());
        }
        let first = &listing.entries[index];
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let split = |split: Option<Split>| split.map(|split| split.to_string()).unwrap_or_default();
        let pairs = [
            ("labels", text(&first.label), text(&entry.label)),
            ("groups", text(&first.group), text(&entry.group)),
            ("splits", split(first.split), split(entry.split)),
        ];
        for (what, one, other) in pairs {
            if one != other {
                return Err(SourceError::Contradiction {
                    path: self.manifest.to_owned(),
                    first: first.row.unwrap_or_default(),
                    second: entry.row.unwrap_or_default(),
                    name: entry.name,
                    what,
                    values: Box::new([one, other]),
                });
            }
        }
        listing.duplicates.push(Duplicate {
            of: first.name.clone(),
            of_row: first.row,
            name: entry.name,
            row: entry.row,
            conflict: None,
        });
        Ok(())
    }
}
