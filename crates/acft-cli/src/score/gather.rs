//! From rows to candidates: checks each row, and hands on the patches of some
//! candidates at a time, so that those are all that is held.

use std::ops::Range;
use std::path::Path;

use acft::Predictions;
use acft::prediction::PredictionError;
use acft_run::BadInput;

use super::columns::probability;
use super::error::RowNumber;
use super::input::Rows;
use super::names::Names;

/// What to do with rows that do not sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// Refuse them.
    Check,
    /// Divide them by their sum.
    Normalize,
}

/// Where a candidate stands.
#[derive(Clone, Copy)]
pub(super) struct Gathered {
    /// Its first row.
    pub(super) first: RowNumber,
    /// m.
    pub(super) patches: usize,
}

/// Some candidates, in the order of the file.
#[derive(Default)]
pub(super) struct Chunk {
    /// |Y|.
    classes: usize,
    names: Names,
    first_rows: Vec<RowNumber>,
    /// Where each candidate's probabilities end.
    ends: Vec<usize>,
    /// Row-major, every row checked.
    probabilities: Vec<f64>,
}

/// Probabilities of a chunk: enough to share among threads, few enough to stay in a cache.
const CHUNK: usize = 1 << 16;

impl Chunk {
    /// How many candidates there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// |Y|.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// The name of one of them.
    pub(super) fn name(&self, at: usize) -> &str {
        self.names.at(at)
    }

    /// One of them.
    pub(super) fn get(&self, at: usize) -> Gathered {
        Gathered {
            first: self.first_rows[at],
            patches: self.range(at).len() / self.classes,
        }
    }

    /// Its patches in the order of their numbers, whatever that of the rows.
    pub(super) fn predictions(&self, at: usize) -> Predictions<'_> {
        Predictions::new(&self.probabilities[self.range(at)], self.classes)
            .expect("every row was checked when it came")
    }

    fn range(&self, at: usize) -> Range<usize> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[at]
    }
}

/// Collects contiguous rows of a candidate.
pub(super) struct Gather<'a, F> {
    file: &'a Path,
    sums: Sums,
    sink: F,
    /// |Y|, once a row was seen.
    classes: usize,
    name: String,
    /// Patch and row number of each row of the current candidate.
    patches: Vec<(u64, RowNumber)>,
    /// Whole candidates, and behind their probabilities those of the current.
    chunk: Chunk,
}

impl<'a, F> Gather<'a, F>
where
    F: FnMut(Chunk) -> anyhow::Result<()>,
{
    /// Rows of `file` go to `sink`, some candidates at a time.
    pub(super) fn new(file: &'a Path, sums: Sums, sink: F) -> Self {
        Self {
            file,
            sums,
            sink,
            classes: 0,
            name: String::new(),
            patches: Vec::new(),
            chunk: Chunk::default(),
        }
    }

    /// Takes the next rows; closes the candidate before them where a new one
    /// begins.
    pub(super) fn push(&mut self, rows: &Rows<'_>) -> anyhow::Result<()> {
        if rows.candidate != self.name {
            self.close()?;
            rows.candidate.clone_into(&mut self.name);
        }
        self.classes = rows.classes;
        let all = &mut self.chunk.probabilities;
        let start = all.len();
        all.extend_from_slice(rows.probabilities);
        let probabilities = &mut all[start..];
        if self.sums == Sums::Normalize {
            for (at, row) in probabilities.chunks_exact_mut(self.classes).enumerate() {
                normalize(row).map_err(|fault| fault.at(self.file, rows.number.plus(at)))?;
            }
        }
        let checked = Predictions::new(probabilities, self.classes).map_err(|error| {
            let number = rows.number.plus(error.patch().unwrap_or_default());
            Fault::from(error).at(self.file, number)
        })?;
        let patches = (rows.patch..).zip(0..checked.patches());
        let numbered = patches.map(|(patch, at)| (patch, rows.number.plus(at)));
        self.patches.extend(numbered);
        Ok(())
    }

    /// Hands on what is left after `reading` has come to its end, or to an
    /// error: what comes before that may be at fault itself, and first.
    pub(super) fn finish(mut self, reading: anyhow::Result<()>) -> anyhow::Result<()> {
        if reading.is_ok() {
            self.close()?;
        }
        let closed = self.chunk.ends.last().copied().unwrap_or_default();
        self.chunk.probabilities.truncate(closed);
        self.hand_on()?;
        reading
    }

    /// Ends the current candidate.
    fn close(&mut self) -> anyhow::Result<()> {
        let Some(&(_, first)) = self.patches.first() else {
            return Ok(());
        };
        if let Err(error) = self.sort() {
            // Those before it go first, as they came first.
            let closed = self.chunk.ends.last().copied().unwrap_or_default();
            self.chunk.probabilities.truncate(closed);
            self.hand_on()?;
            return Err(error.into());
        }
        self.patches.clear();
        let chunk = &mut self.chunk;
        chunk.classes = self.classes;
        chunk.names.push(&self.name);
        chunk.first_rows.push(first);
        chunk.ends.push(chunk.probabilities.len());
        if chunk.probabilities.len() >= CHUNK {
            self.hand_on()?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> anyhow::Result<()> {
        if self.chunk.len() == 0 {
            return Ok(());
        }
        let next = Chunk {
            // A candidate more than enough, as a rule.
            probabilities: Vec::with_capacity(self.chunk.probabilities.capacity()),
            ..Chunk::default()
        };
        (self.sink)(std::mem::replace(&mut self.chunk, next))
    }

    /// Orders the patches by their numbers, and refuses one that is there twice.
    fn sort(&mut self) -> Result<(), BadInput> {
        if self.patches.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.patches.len()).collect();
        order.sort_by_key(|&at| self.patches[at].0);
        for pair in order.windows(2) {
            let [(patch, first), (next, second)] = [self.patches[pair[0]], self.patches[pair[1]]];
            if patch == next {
                let problem = format!(
                    "patch {patch} of candidate {:?} was already in {first}; remove one of the two",
                    self.name
                );
                return Err(BadInput::row(self.file, second, problem));
            }
        }
        let start = self.chunk.ends.last().copied().unwrap_or_default();
        let probabilities = &mut self.chunk.probabilities[start..];
        let row = |at: usize| &probabilities[at * self.classes..][..self.classes];
        let sorted: Vec<f64> = order.iter().flat_map(|&at| row(at)).copied().collect();
        probabilities.copy_from_slice(&sorted);
        Ok(())
    }
}

/// What is wrong with a row, and in which column where it is one.
struct Fault {
    class: Option<usize>,
    problem: String,
}

impl Fault {
    fn at(self, file: &Path, row: RowNumber) -> BadInput {
        match self.class {
            Some(class) => BadInput::cell(file, row, &probability(class), self.problem),
            None => BadInput::row(file, row, self.problem),
        }
    }
}

impl From<PredictionError> for Fault {
    fn from(error: PredictionError) -> Self {
        match error {
            PredictionError::Value { class, value, .. } => Self {
                class: Some(class),
                problem: format!(
                    "{value} is no probability; give softmax outputs, from 0 to 1, not logits"
                ),
            },
            PredictionError::Sum { sum, .. } => Self {
                class: None,
                problem: format!(
                    "the probabilities sum to {sum}, not to 1; is a class missing? \
                     --normalize divides each row by its sum"
                ),
            },
            PredictionError::Shape { .. } => Self {
                class: None,
                problem: error.to_string(),
            },
        }
    }
}

/// Divides a row by its sum.
fn normalize(row: &mut [f64]) -> Result<(), Fault> {
    if let Some(class) = row.iter().position(|p| !(p.is_finite() && *p >= 0.0)) {
        return Err(Fault {
            class: Some(class),
            problem: format!(
                "{} cannot be normalized; give finite numbers, 0 or more",
                row[class]
            ),
        });
    }
    let sum: f64 = row.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(Fault {
            class: None,
            problem: format!("a row that sums to {sum} cannot be normalized; remove it"),
        });
    }
    for p in row {
        *p /= sum;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Rows of (candidate, patch, p_1), and what comes out of them.
    fn gather(rows: &[(&str, u64, f64)]) -> anyhow::Result<Vec<(String, u64, Vec<f64>)>> {
        let mut out = Vec::new();
        let mut gather = Gather::new(Path::new("x.csv"), Sums::Check, |chunk: Chunk| {
            for at in 0..chunk.len() {
                let (g, predictions) = (chunk.get(at), chunk.predictions(at));
                let p_1 = (0..g.patches).map(|j| predictions.row(j)[1]);
                out.push((chunk.name(at).to_owned(), g.first.0, p_1.collect()));
            }
            Ok(())
        });
        let mut rows = (0..).zip(rows);
        let reading = rows.try_for_each(|(index, &(candidate, patch, p))| {
            gather.push(&Rows {
                number: RowNumber::from_index(index),
                candidate,
                patch,
                classes: 2,
                probabilities: &[1.0 - p, p],
            })
        });
        gather.finish(reading)?;
        Ok(out)
    }

    #[test]
    fn candidates_come_whole_and_their_patches_in_order() {
        let out = gather(&[("a", 2, 0.2), ("a", 0, 0.0), ("a", 1, 0.1), ("b", 0, 0.5)]).unwrap();
        let expected = [
            ("a".to_owned(), 1, vec![0.0, 0.1, 0.2]),
            ("b".to_owned(), 4, vec![0.5]),
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_patch_given_twice_is_refused_with_both_rows() {
        let error = gather(&[("a", 1, 0.2), ("a", 0, 0.0), ("a", 1, 0.1)]).unwrap_err();
        let expected = "x.csv: row 3: patch 1 of candidate \"a\" was already in row 1; \
                        remove one of the two";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn rows_that_come_together_are_told_apart_in_messages() {
        let push = |sums, probabilities: &[f64]| {
            let mut gather = Gather::new(Path::new("x.npz"), sums, |_| Ok(()));
            gather.push(&Rows {
                number: RowNumber::from_index(6),
                candidate: "a",
                patch: 0,
                classes: 2,
                probabilities,
            })
        };
        let error = |sums, probabilities| push(sums, probabilities).unwrap_err().to_string();
        let third = [0.5, 0.5, 1.0, 0.0, 0.4, 7.0];
        assert!(push(Sums::Normalize, &third).is_ok());
        let text = error(Sums::Check, &third);
        assert!(
            text.starts_with("x.npz: row 9, column p_1: 7 is no probability"),
            "{text}"
        );
        let text = error(Sums::Check, &[0.5, 0.5, 0.5, 0.4]);
        assert!(
            text.starts_with("x.npz: row 8: the probabilities sum to 0.9"),
            "{text}"
        );
        let text = error(Sums::Normalize, &[0.5, 0.5, 0.0, 0.0]);
        assert!(
            text.starts_with("x.npz: row 8: a row that sums to 0"),
            "{text}"
        );
    }

    #[test]
    fn no_rows_make_no_candidates() {
        assert!(gather(&[]).unwrap().is_empty());
    }

    #[test]
    fn normalizing_keeps_ratios_and_refuses_what_has_none() {
        let mut row = [1.0, 3.0];
        assert!(normalize(&mut row).is_ok());
        assert_eq!(row, [0.25, 0.75]);
        for mut row in [
            [0.0, 0.0],
            [-1.0, 2.0],
            [f64::NAN, 1.0],
            [f64::INFINITY, 1.0],
        ] {
            assert!(normalize(&mut row).is_err(), "{row:?}");
        }
    }
}
