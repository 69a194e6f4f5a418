//! Checks that runs that are compared used the same data and weights. Files of one name may have other
//! contents on another day or machine.

use std::collections::BTreeMap;
use std::path::Path;

use acft_run::bad_input;
use acft_run::folder::read_json;
use acft_run::record::DataRecord;

use super::grid::Cell;

/// The data and the weights of runs, each with the first run that used them.
#[derive(Default)]
pub(super) struct Sources<'a> {
    of_data: BTreeMap<&'a str, (&'a Cell, DataRecord)>,
    /// Candidates, labels and splits.
    of_seeds: BTreeMap<(&'a str, u64), (&'a Cell, String)>,
    of_weights: BTreeMap<&'a Path, (&'a Cell, String)>,
    /// The digest of M_0; earlier versions recorded nothing else about the weights.
    of_starts: BTreeMap<Start<'a>, (&'a Cell, String)>,
}

/// What determines M_0.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Start<'a> {
    seed: u64,
    data: &'a str,
    /// None for random weights.
    weights: Option<&'a Path>,
    model: Option<String>,
    patches: Option<String>,
    input: usize,
}

/// The error that a run used other data or weights than an earlier run.
pub(super) struct Other<'a> {
    pub(super) what: &'static str,
    pub(super) first: &'a Cell,
}

impl<'a> Sources<'a> {
    /// Reads the sources of all runs that were begun.
    ///
    /// # Errors
    /// Two runs used different data, or different weights, of the same name.
    pub(super) fn of(cells: impl IntoIterator<Item = &'a Cell>) -> anyhow::Result<Self> {
        let mut sources = Self::default();
        for cell in cells {
            let Some(record) = record(cell)? else {
                continue;
            };
            if let Some(Other { what, first }) = sources.join(cell, &record) {
                return Err(bad_input!(
                    "{} and {} were made from other {what}, so that their numbers cannot be compared: remove one of \
                     the two and make it again",
                    first.settings.out.display(),
                    cell.settings.out.display()
                ));
            }
        }
        Ok(sources)
    }

    /// Adds the sources of a run, if they are the same as in all runs before it.
    pub(super) fn join(&mut self, cell: &'a Cell, record: &DataRecord) -> Option<Other<'a>> {
        let flags = &cell.settings.flags;
        let data = cell.data.as_str();
        let of_seed = (data, cell.seed);
        let weights = flags.weights.as_deref().zip(record.weights.as_ref());
        let start = Start {
            seed: cell.seed,
            data,
            weights: flags.weights.as_deref(),
            model: flags.model.map(|model| model.to_string()),
            patches: flags.patches.map(|patches| patches.to_string()),
            input: cell.settings.input,
        };
        let other = |what: &'static str, found: Option<&(&'a Cell, String)>, now: &str| {
            let (first, digest) = found?;
            (digest != now).then_some(Other { what, first })
        };
        let earlier = self.of_data.get(data);
        let of_other_data = earlier
            .filter(|(_, earlier)| !earlier.same_candidates(record))
            .map(|(first, _)| Other {
                what: "data",
                first,
            });
        let found = of_other_data
            .or_else(|| other("data", self.of_seeds.get(&of_seed), &record.digest))
            .or_else(|| {
                let (path, digest) = weights?;
                other("weights", self.of_weights.get(path), digest)
            })
            .or_else(|| other("weights", self.of_starts.get(&start), &record.pretrained));
        if found.is_some() {
            return found;
        }
        // An earlier version kept no digest that tells data whose splits are made from others: a run that has one stands
        // for all.
        if earlier.is_none_or(|(_, earlier)| earlier.candidates.is_none()) {
            self.of_data.insert(data, (cell, record.clone()));
        }
        let keep = |digest: &String| (cell, digest.clone());
        self.of_seeds
            .entry(of_seed)
            .or_insert_with(|| keep(&record.digest));
        self.of_starts
            .entry(start)
            .or_insert_with(|| keep(&record.pretrained));
        if let Some((path, digest)) = weights {
            self.of_weights.entry(path).or_insert_with(|| keep(digest));
        }
        None
    }
}

/// What the folder of a run says about its data and weights; `None` before the run is begun.
pub(super) fn record(cell: &Cell) -> anyhow::Result<Option<DataRecord>> {
    let out = &cell.settings.out;
    let begun = out.join("config.toml").is_file();
    begun
        .then(|| cell.or_anew(read_json(&out.join("data.json"))))
        .transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::file;
    use crate::grid::Grid;

    const FILE: &str = "name = 'e'\nseeds = 3\n[settings]\nweights = 'w'\n[[data]]\nname = 'lung'\ndata = 'l'\n\
                        [[arm]]\nname = 'A'\n[[arm]]\nname = 'R'\nstrategy = 'rft'\n[[arm]]\nname = 'large'\ninput = 96\n";

    /// The form that earlier versions wrote.
    fn old() -> DataRecord {
        let record = serde_json::json!({
            "classes": ["0", "1"], "pool": 8, "validation": 1, "test": 1, "digest": "d", "pretrained": "p",
            "held_out": ["some were held out."], "left_out": [], "duplicates": [],
        });
        serde_json::from_value(record).unwrap()
    }

    fn new(candidates: &str) -> DataRecord {
        DataRecord {
            candidates: Some(candidates.to_owned()),
            weights: Some("w".to_owned()),
            ..old()
        }
    }

    fn check(runs: &[(&str, u64, DataRecord)], expected: Option<(&str, &str)>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        std::fs::write(&path, FILE).unwrap();
        let out = folder.path().to_owned();
        let grid = Grid::new(file::read(&path).unwrap(), folder.path(), out, &path).unwrap();
        let mut sources = Sources::default();
        let others: Vec<(&str, String)> = runs
            .iter()
            .filter_map(|(arm, seed, record)| {
                let is_it = |cell: &&Cell| cell.arm == *arm && cell.seed == *seed;
                let cell = grid.cells.iter().find(is_it).unwrap();
                let Other { what, first } = sources.join(cell, record)?;
                Some((what, first.title()))
            })
            .collect();
        let told: Vec<(&str, &str)> = others
            .iter()
            .map(|(what, first)| (*what, first.as_str()))
            .collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn runs_of_one_name_have_the_same_data() {
        let seed_1 = |record: DataRecord| DataRecord {
            digest: "e".to_owned(),
            pretrained: "q".to_owned(),
            ..record
        };
        // Of what nothing is known nothing is said.
        check(&[("A", 0, old()), ("A", 1, seed_1(old()))], None);
        check(
            &[
                ("A", 0, old()),
                ("R", 0, new("c")),
                ("A", 1, seed_1(new("x"))),
            ],
            Some(("data", "lung R, seed 0")),
        );
        let other_splits = DataRecord {
            digest: "x".to_owned(),
            ..old()
        };
        check(
            &[("A", 0, old()), ("R", 0, other_splits)],
            Some(("data", "lung A, seed 0")),
        );
    }

    #[test]
    fn runs_that_begin_alike_have_the_same_weights() {
        let started = |pretrained: &str| DataRecord {
            pretrained: pretrained.to_owned(),
            ..old()
        };
        check(&[("A", 0, old()), ("A", 1, started("q"))], None);
        check(&[("A", 0, old()), ("large", 0, started("q"))], None);
        // Though none of them kept the digest of its weights.
        check(
            &[("A", 0, old()), ("R", 0, started("q"))],
            Some(("weights", "lung A, seed 0")),
        );
        let other_weights = DataRecord {
            weights: Some("x".to_owned()),
            ..new("c")
        };
        check(
            &[("A", 0, new("c")), ("large", 1, other_weights)],
            Some(("weights", "lung A, seed 0")),
        );
    }
}
