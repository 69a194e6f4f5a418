//! Reads the file of an experiment, and names its errors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acft_run::bad_input;
use acft_run::settings::Flags;
use acft_run::toml_text::{line_of, require_known, table, with_line};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What is compared.
#[derive(Debug)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// The seeds of each arm.
    pub seeds: Vec<u64>,
    /// What all runs have in common.
    pub settings: Flags,
    /// The data sets.
    pub data: Vec<Data>,
    /// The networks. If the file names none, there is one without a name.
    pub networks: Vec<Entry>,
    /// The strategies that are compared.
    pub arms: Vec<Arm>,
}

/// Data that arms are run on.
#[derive(Clone, Debug)]
pub struct Data {
    pub(super) entry: Entry,
    /// The declared contrast: an arm, and the arm that it is compared with. All other comparisons explore.
    pub(super) contrast: Option<(String, String)>,
    /// What a label costs an expert, if the file says it.
    pub(super) seconds_per_label: Option<f64>,
}

/// A curve, or a line.
#[derive(Clone, Debug)]
pub struct Arm {
    pub(super) entry: Entry,
    pub(super) kind: Kind,
    /// The data that it is run on. Default: all.
    pub(super) on: Option<Vec<String>>,
    /// Settings that differ on some data, by the name of the data.
    pub(super) at: BTreeMap<String, Flags>,
    /// It is run with so many of the first seeds. Default: all.
    pub(super) seeds: Option<usize>,
}

/// What an arm shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A strategy, step by step.
    Curve,
    /// One training on the labels of the whole pool, drawn as a horizontal line (Fig. 5 and 6).
    Line,
}

/// One of several, with the settings that make it.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub(super) name: String,
    pub(super) flags: Flags,
}

/// Settings that the experiment makes itself, so that the file must not have them.
const OF_THE_GRID: [&str; 2] = ["seed", "out"];

/// Settings that describe the data. Arms and networks are compared on the same data, so they must not have these.
const OF_ALL_ARMS: [&str; 8] = [
    "data",
    "manifest",
    "path-column",
    "label-column",
    "group-column",
    "split-column",
    "box-columns",
    "classes",
];

/// The keys of a `[[data]]` that are no settings of a run.
const OF_DATA: [&str; 3] = ["name", "contrast", "seconds-per-label"];

/// The keys of an `[[arm]]` and a `[[line]]` that are no settings of a run.
const OF_AN_ARM: [&str; 4] = ["name", "on", "at", "seeds"];

/// Reads the file.
///
/// # Errors
/// The file cannot be read, or a key or value is wrong. The message names the line, and a key that was probably meant.
pub fn read(path: &Path) -> anyhow::Result<Experiment> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| bad_input!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|error| bad_input!("{}: {error:#}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Experiment> {
    let file = table(text)?;
    let known = [
        "name", "seeds", "settings", "data", "network", "arm", "line",
    ];
    require_known(text, &file, known.into_iter())?;
    let name: String = required(text, &file, "name")?;
    require_plain(text, &name)?;
    let settings = match file.get("settings") {
        None => Flags::default(),
        Some(Value::Table(settings)) => flags(text, settings.clone(), &[])?,
        Some(_) => {
            return Err(bad_input!(
                "line {}: settings is a table: write [settings]",
                line_of(text, "settings")
            ));
        }
    };
    let data = entries(text, &file, "data", &OF_DATA, |table, entry| {
        Ok(Data {
            contrast: take(table, "contrast")?,
            seconds_per_label: take(table, "seconds-per-label")?,
            entry: entry(table)?,
        })
    })?;
    let mut arms = Vec::new();
    for (what, kind) in [("arm", Kind::Curve), ("line", Kind::Line)] {
        arms.extend(entries(text, &file, what, &OF_AN_ARM, |table, entry| {
            let at: BTreeMap<String, Table> = take(table, "at")?.unwrap_or_default();
            let at = at
                .into_iter()
                .map(|(data, table)| {
                    refuse_other_data(&table)?;
                    Ok((data, flags(text, table, &[])?))
                })
                .collect::<anyhow::Result<_>>()?;
            refuse_other_data(table)?;
            Ok(Arm {
                kind,
                at,
                on: take(table, "on")?,
                seeds: take(table, "seeds")?,
                entry: entry(table)?,
            })
        })?);
    }
    let mut networks = entries(text, &file, "network", &[], |table, entry| {
        refuse_other_data(table)?;
        entry(table)
    })?;
    if networks.is_empty() {
        networks.push(Entry::default());
    }
    let curves = arms.iter().filter(|arm| arm.kind == Kind::Curve).count();
    for (found, what) in [(data.len(), "data"), (curves, "arm")] {
        if found == 0 {
            return Err(bad_input!(
                "there is no {what}: write [[{what}]] on a line of its own, and below it name = and what makes it"
            ));
        }
    }
    require_names(&data, &networks, &arms)?;
    Ok(Experiment {
        name,
        seeds: seeds(text, &file)?,
        settings,
        data,
        networks,
        arms,
    })
}

/// A count, from 0 on, or a list.
fn seeds(text: &str, file: &Table) -> anyhow::Result<Vec<u64>> {
    let wrong = || {
        bad_input!(
            "line {}: seeds is a number of seeds, or a list of different ones: seeds = 10, or seeds = [3, 7]",
            line_of(text, "seeds")
        )
    };
    let seeds: Vec<u64> = match file.get("seeds") {
        Some(Value::Integer(count)) if (1..=100_000).contains(count) => {
            (0..*count as u64).collect()
        }
        Some(Value::Array(list)) => list
            .iter()
            .map(|seed| {
                let number = seed.as_integer().map(|seed| u64::try_from(seed).ok());
                // TOML has no numbers of 64 bits: the upper half is in quotes.
                let text = || seed.as_str().map(acft_run::seed::parse);
                number.or_else(text).flatten().ok_or_else(wrong)
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong()),
    };
    let different: BTreeSet<&u64> = seeds.iter().collect();
    if seeds.is_empty() || different.len() < seeds.len() {
        return Err(wrong());
    }
    Ok(seeds)
}

/// Checks that names are unique, and that every name that is referred to exists.
fn require_names(data: &[Data], networks: &[Entry], arms: &[Arm]) -> anyhow::Result<()> {
    let of_data: Vec<&str> = data.iter().map(|data| data.entry.name.as_str()).collect();
    let of_arms: Vec<&str> = arms.iter().map(|arm| arm.entry.name.as_str()).collect();
    let of_networks: Vec<&str> = networks.iter().map(|entry| entry.name.as_str()).collect();
    for (names, what) in [
        (&of_data, "data"),
        (&of_arms, "arm"),
        (&of_networks, "network"),
    ] {
        let mut seen = BTreeSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(bad_input!(
                "there are two [[{what}]] of the name {name:?}: give them different ones"
            ));
        }
    }
    for arm in arms {
        if arm.seeds == Some(0) || arm.on.as_ref().is_some_and(Vec::is_empty) {
            return Err(bad_input!(
                "arm {:?} makes no run: give it at least one of the seeds, and of the data (or leave seeds and on out)",
                arm.entry.name
            ));
        }
        let elsewhere = |name: &&String| arm.on.as_ref().is_some_and(|on| !on.contains(name));
        if let Some(name) = arm.at.keys().find(elsewhere) {
            return Err(bad_input!(
                "arm {:?} has settings at {name:?}, but is not run on it",
                arm.entry.name
            ));
        }
        for name in arm.on.iter().flatten().chain(arm.at.keys()) {
            if !of_data.contains(&name.as_str()) {
                return Err(bad_input!(
                    "arm {:?} names {name:?}, but the data are {}",
                    arm.entry.name,
                    of_data.join(", ")
                ));
            }
        }
    }
    for data in data {
        let name = &data.entry.name;
        let curves: Vec<&str> = arms
            .iter()
            .filter(|arm| arm.kind == Kind::Curve)
            .filter(|arm| arm.on.as_ref().is_none_or(|on| on.contains(name)))
            .map(|arm| arm.entry.name.as_str())
            .collect();
        if let Some((ours, reference)) = &data.contrast {
            let missing = [ours, reference]
                .into_iter()
                .find(|arm| !curves.contains(&arm.as_str()));
            if let Some(arm) = missing {
                return Err(bad_input!(
                    "the contrast of data {name:?} names {arm:?}, which is none of the arms on it: {}",
                    curves.join(", ")
                ));
            }
            if ours == reference {
                return Err(bad_input!(
                    "the contrast of data {name:?} compares {ours:?} with itself: name two arms"
                ));
            }
        }
        if let Some(seconds) = data.seconds_per_label
            && !(seconds.is_finite() && seconds > 0.0)
        {
            return Err(bad_input!(
                "seconds-per-label of data {name:?} is {seconds}: a label takes more than 0 seconds"
            ));
        }
    }
    Ok(())
}

/// The entries of one kind. `make` takes the `own` keys out of each table; the rest are settings.
fn entries<T>(
    text: &str,
    file: &Table,
    what: &str,
    own: &[&str],
    make: impl Fn(&mut Table, &dyn Fn(&mut Table) -> anyhow::Result<Entry>) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let tables = match file.get(what) {
        None => return Ok(Vec::new()),
        Some(Value::Array(tables)) => tables,
        Some(_) => {
            return Err(bad_input!(
                "line {}: write [[{what}]], in two brackets: there may be several",
                line_of(text, what)
            ));
        }
    };
    let mut found = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        // Entries have keys in common: a line is looked for in this one alone.
        let text = &only(text, what, at);
        let Value::Table(table) = table else {
            return Err(bad_input!(
                "line {}: {what} is not a list of values: write [[{what}]] for each",
                line_of(text, what)
            ));
        };
        let mut table = table.clone();
        let name: String = required(text, &table, "name")
            .map_err(|error| bad_input!("in a [[{what}]]: {error:#}"))?;
        require_plain(text, &name)?;
        table.remove("name");
        let entry = |table: &mut Table| -> anyhow::Result<Entry> {
            Ok(Entry {
                name: name.clone(),
                flags: flags(text, std::mem::take(table), own)?,
            })
        };
        let made =
            make(&mut table, &entry).map_err(|error| bad_input!("{what} {name:?}: {error:#}"))?;
        found.push(made);
    }
    Ok(found)
}

/// The text with all lines empty but those of entry `at`, so that line numbers stay right.
fn only(text: &str, what: &str, at: usize) -> String {
    let header = format!("[[{what}]]");
    let mut seen = 0;
    let mut inside = false;
    let mut own = String::new();
    for line in text.lines() {
        let start = line.trim_start();
        if start.starts_with('[') && !start.starts_with(&format!("[{what}.")) {
            let is_header = start.starts_with(&header);
            inside = is_header && seen == at;
            seen += usize::from(is_header);
        }
        own += if inside { line } else { "" };
        own.push('\n');
    }
    own
}

/// Takes a key that is no setting of a simulation out of an entry.
fn take<T: DeserializeOwned>(table: &mut Table, name: &str) -> anyhow::Result<Option<T>> {
    let value = table.remove(name);
    value
        .map(|value| {
            // Other entries may have the same key, so the line is not known.
            value
                .try_into()
                .map_err(|error: toml::de::Error| bad_input!("{name}: {}", error.message()))
        })
        .transpose()
}

/// Reads settings of a simulation. `others` are keys that are allowed beside them, for the suggestion after a typing error.
fn flags(text: &str, table: Table, others: &[&str]) -> anyhow::Result<Flags> {
    let known: Vec<String> = Flags::described()
        .into_iter()
        .map(|setting| setting.name)
        .filter(|name| !OF_THE_GRID.contains(&name.as_str()))
        .collect();
    if let Some(name) = table
        .keys()
        .find(|name| OF_THE_GRID.contains(&name.as_str()))
    {
        let or = match others.contains(&"seeds") && name == "seed" {
            true => ", or write seeds for how many of them it is run with",
            false => "",
        };
        return Err(bad_input!(
            "line {}: {name} follows from the grid: leave it out{or}",
            line_of(text, name)
        ));
    }
    let known = known.iter().map(String::as_str);
    require_known(text, &table, known.chain(others.iter().copied()))?;
    table.try_into().map_err(|error| with_line(text, &error))
}

/// Refuses an arm or a network that has a setting of the data.
fn refuse_other_data(table: &Table) -> anyhow::Result<()> {
    let own = table
        .keys()
        .find(|name| OF_ALL_ARMS.contains(&name.as_str()));
    own.map_or(Ok(()), |name| {
        Err(bad_input!(
            "{name} is a setting of the data, and all arms use the same data: write it in a [[data]]. There may be several \
             of them; on = […] names those of an arm"
        ))
    })
}

fn required<T: DeserializeOwned>(text: &str, table: &Table, name: &str) -> anyhow::Result<T> {
    let value = table
        .get(name)
        .ok_or_else(|| bad_input!("{name} is missing: write {name} = … first"))?;
    value
        .clone()
        .try_into()
        .map_err(|error| with_line(text, &error))
}

/// Checks that a name can be the name of a folder.
fn require_plain(text: &str, name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.()+".contains(c);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        return Ok(());
    }
    let line = text
        .lines()
        .position(|line| line.contains(name))
        .map_or(1, |at| at + 1);
    Err(bad_input!(
        "line {line}: {name:?} becomes the name of a folder: use letters, digits, and any of - _ . ( ) +"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = "name = 'e'\nseeds = 2\n[settings]\nbatch = 5\n[[data]]\nname = 'lung'\ndata = 'l'\n\
                        [[arm]]\nname = 'rft'\nstrategy = 'rft'\non = ['lung']\n";

    #[test]
    fn a_file_says_what_is_compared() {
        let experiment = parse(GOOD).unwrap();
        assert_eq!(experiment.seeds, [0, 1]);
        assert_eq!(experiment.settings.batch, Some(5));
        assert_eq!(experiment.data[0].entry.flags.data, Some("l".into()));
        assert_eq!(
            experiment.arms[0].entry.flags.strategy.as_deref(),
            Some("rft")
        );
        assert_eq!(experiment.arms[0].on, Some(vec!["lung".to_owned()]));
        assert_eq!(experiment.networks.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (from, to, expected) in [
            ("seeds = 2", "seeds = 0", "line 2: seeds is a number"),
            ("seeds = 2", "seeds = [1, 1]", "different"),
            (
                "seeds",
                "sedes",
                "line 2: there is no setting \"sedes\"; did you mean \"seeds\"?",
            ),
            (
                "batch",
                "bach",
                "line 4: there is no setting \"bach\"; did you mean \"batch\"?",
            ),
            ("batch = 5", "batch = 'five'", "line 4: "),
            (
                "batch = 5",
                "seed = 5",
                "line 4: seed follows from the grid",
            ),
            ("[[data]]", "[data]", "in two brackets"),
            (
                "name = 'rft'",
                "nam = 'rft'",
                "in a [[arm]]: name is missing",
            ),
            ("name = 'rft'", "name = 'a/b'", "name of a folder"),
            ("['lung']", "['lungs']", "\"lungs\", but the data are lung"),
            ("on = ['lung']", "on = []", "arm \"rft\" makes no run"),
            (
                "on = ['lung']",
                "batch = 'five'",
                "arm \"rft\": line 11: invalid type",
            ),
            (
                "on = ['lung']",
                "seeds = 'three'",
                "arm \"rft\": seeds: invalid type",
            ),
            (
                "on = ['lung']",
                "on = ['lung']\nat.other.lr = 1e-4",
                "has settings at \"other\", but is not run on it",
            ),
            (
                "on = ['lung']",
                "at.lungs.lr = 1e-4",
                "\"lungs\", but the data are lung",
            ),
            (
                "on = ['lung']",
                "at.lung.rate = 1e-4",
                "line 11: there is no setting \"rate\"",
            ),
            (
                "on = ['lung']",
                "at.lung = { rate = 1e-4 }",
                "line 11: there is no setting \"rate\"",
            ),
            (
                "data = 'l'",
                "contrasts = ['rft', 'rft']",
                "line 7: there is no setting \"contrasts\"; did you mean \"contrast\"?",
            ),
            (
                "data = 'l'",
                "second-per-label = 4",
                "did you mean \"seconds-per-label\"?",
            ),
            (
                "on = ['lung']",
                "one = ['lung']",
                "there is no setting \"one\"; did you mean \"on\"?",
            ),
            (
                "on = ['lung']",
                "seed = 3",
                "line 11: seed follows from the grid: leave it out, or write seeds",
            ),
            (
                "on = ['lung']",
                "label-column = 'second'",
                "arm \"rft\": label-column is a setting of the data",
            ),
            (
                "on = ['lung']",
                "at.lung.classes = ['a', 'b']",
                "arm \"rft\": classes is a setting of the data",
            ),
            (
                "[[arm]]",
                "[[network]]\nname = 'n'\ndata = 'm'\n[[arm]]",
                "network \"n\": data is a setting of the data",
            ),
            (
                "[[arm]]",
                "[[network]]",
                "network \"rft\": line 11: there is no setting \"on\"",
            ),
            (
                "strategy",
                "strategie",
                "arm \"rft\": line 10: there is no setting \"strategie\"; did you mean \"strategy\"?",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = format!("{:#}", parse(&text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
