//! A manifest: a table that lists one candidate a row.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Component, Path, PathBuf},
};

use acft_tables::{Format, Row, Table};

use super::{
    Duplicate, Labels, LeftOut, SourceError, SourceOptions, Split,
    boxes::{BoxColumns, GivenBox, Unit},
    columns::Columns,
    labels::{KnownClasses, Said},
    listing::{Entry, Files, Listing},
};

/// Lists the candidates of a manifest whose relative paths start at `roots`.
pub(super) fn list(
    manifest: &Path,
    roots: Vec<PathBuf>,
    options: &SourceOptions,
) -> Result<Listing, SourceError> {
    if Format::of(manifest).is_none() {
        return Err(SourceError::UnknownManifest(manifest.to_owned()));
    }
    let table = acft_tables::read(manifest)?;
    let names = table.header().names();
    let mut columns = Columns::find(manifest, names, options)?;
    let mut listing = Listing {
        roots,
        notes: std::mem::take(&mut columns.notes),
        units_are_told: columns
            .boxes
            .as_ref()
            .is_some_and(|boxes| boxes.unit.is_some()),
        ..Listing::default()
    };

    // A column called "fold" may hold numbers of folds: it is no split then,
    // unless the user says so.
    if let (Some(at), None) = (columns.split, &options.split_column) {
        let is_split = |row: Row<'_>| row.cell(at).text().parse::<Split>().is_ok();
        if !table.rows().any(is_split) {
            listing.notes.push(format!(
                "column `{}` was not used: none of its values is train, val or test",
                names[at]
            ));
            columns.split = None;
        }
    }
    let boxes = Boxes::read(manifest, &table, columns.boxes.take(), &mut listing.notes)?;
    let mut labels = Labeling {
        column: columns.label.filter(|_| options.labels == Labels::Read),
        known: options.classes.as_deref().map(KnownClasses::new),
        words: BTreeMap::new(),
    };

    let mut files = Files::default();
    let mut rows = Rows {
        manifest,
        seen: HashMap::new(),
    };
    for row in table.rows() {
        let number = number(row);
        let given = row.cell(columns.path).value()?;
        let boxed = boxes.of(row);
        let name = match &boxed {
            Some(boxed) => format!("{given}#{}", boxed.cells.join(",")),
            None => given.to_owned(),
        };
        let mut leave_out = |reason: String| {
            listing.left_out.push(LeftOut {
                name: name.clone(),
                row: Some(number),
                reason,
            });
        };
        if given.is_empty() {
            leave_out("its path is empty".to_owned());
            continue;
        }
        let given_box = match boxed.map(|boxed| boxed.sides).transpose() {
            Ok(given_box) => given_box,
            Err(reason) => {
                leave_out(reason);
                continue;
            }
        };
        let group = match columns.group {
            Some(at) => Some(row.cell(at).value()?).filter(|group| !group.is_empty()),
            None => None,
        };
        let split = match columns.split {
            Some(at) => Some(rows.parse_split(number, row.cell(at).value()?)?),
            None => None,
        };
        let entry = Entry {
            name,
            file: files.index_of(rows.normalised(number, given)?),
            given_box,
            label: labels.of(row)?,
            group: group.map(str::to_owned),
            split,
            row: Some(number),
        };
        rows.add(entry, &mut listing)?;
    }
    listing.notes.extend(labels.note());
    listing.files = files.paths;
    Ok(listing)
}

fn number(row: Row<'_>) -> usize {
    usize::try_from(row.number()).unwrap_or(usize::MAX)
}

/// The labels of a manifest.
struct Labeling {
    column: Option<usize>,
    known: Option<KnownClasses>,
    /// Words for no label, and how often each came.
    words: BTreeMap<String, usize>,
}

impl Labeling {
    fn of(&mut self, row: Row<'_>) -> Result<Option<String>, SourceError> {
        let Some(at) = self.column else {
            return Ok(None);
        };
        match Said::read(&row.cell(at), self.known.as_ref())? {
            Said::Class(class) => Ok(Some(class)),
            Said::Nothing => Ok(None),
            Said::Word(word) => {
                *self.words.entry(word).or_default() += 1;
                Ok(None)
            }
        }
    }

    fn note(&self) -> Option<String> {
        let words: Vec<String> = self
            .words
            .iter()
            .map(|(word, count)| format!("`{word}` in {count}"))
            .collect();
        (!words.is_empty()).then(|| {
            format!(
                "rows whose label is a word for no value have none: {} (name the class with \
                 --classes if it is one)",
                words.join(", ")
            )
        })
    }
}

/// A box as its row has it.
struct Boxed {
    cells: [String; 4],
    sides: Result<GivenBox, String>,
}

/// The boxes of a manifest, in a unit that is settled.
struct Boxes(Option<(BoxColumns, Unit)>);

impl Boxes {
    fn read(
        manifest: &Path,
        table: &Table,
        columns: Option<BoxColumns>,
        notes: &mut Vec<String>,
    ) -> Result<Self, SourceError> {
        let Some(columns) = columns else {
            return Ok(Self(None));
        };
        let mut given = Vec::new();
        for row in table.rows() {
            for at in columns.columns {
                row.cell(at).value()?;
            }
            // What is in percent by its cells says nothing of the others.
            if let Some(Ok((numbers, false))) = numbers(&cells(row, &columns)) {
                given.push(numbers);
            }
        }
        let fail = |reason| SourceError::Manifest {
            path: manifest.to_owned(),
            reason,
        };
        let unit = columns.unit(&given).map_err(fail)?;
        if !given.is_empty() {
            notes.extend(columns.note(unit));
        }
        Ok(Self(Some((columns, unit))))
    }

    /// The box of a row. All four cells empty: the candidate is the whole image.
    fn of(&self, row: Row<'_>) -> Option<Boxed> {
        let (columns, unit) = self.0.as_ref()?;
        let cells = cells(row, columns);
        let sides = numbers(&cells)?.and_then(|(numbers, is_percent)| {
            columns.sides(numbers, if is_percent { Unit::Percent } else { *unit })
        });
        Some(Boxed {
            cells: cells.map(str::to_owned),
            sides,
        })
    }
}

fn cells<'t>(row: Row<'t>, columns: &BoxColumns) -> [&'t str; 4] {
    columns.columns.map(|at| row.cell(at).text())
}

/// The numbers of a box, and whether each has a percent sign; none where all
/// cells are empty.
fn numbers(cells: &[&str; 4]) -> Option<Result<([f64; 4], bool), String>> {
    if cells.iter().all(|cell| cell.is_empty()) {
        return None;
    }
    let is_percent = cells.iter().all(|cell| cell.ends_with('%'));
    let mut numbers = [0.0; 4];
    for (number, cell) in numbers.iter_mut().zip(cells) {
        let digits = if is_percent {
            cell.trim_end_matches('%')
        } else {
            cell
        };
        match digits.trim().parse() {
            Ok(parsed) => *number = parsed,
            Err(_) => {
                return Some(Err(format!(
                    "box {}: `{cell}` is not a number",
                    cells.join(",")
                )));
            }
        }
    }
    Some(Ok((numbers, is_percent)))
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
            entry.given_box.map(|given| given.sides.map(f64::to_bits)),
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
