//! What was done, in a paragraph that a reader can paste, and as a table of settings.

use std::collections::BTreeSet;

use super::document::{Table, Value};
use super::panel::{Arm, Metric, Panel, Run};
use crate::experiment::grid::VERSION;
use crate::simulate::settings::Flags;

/// Data, split, groups, network, seeds, machine, versions, command.
pub(super) fn paragraph(panel: &Panel, command: &str) -> Option<String> {
    let run = panel.any_run()?;
    let settings = &run.settings;
    let record = &panel.record;
    let data = settings.data.as_deref()?;
    let name = data.file_stem().unwrap_or_default().to_string_lossy();
    let pool = match settings.pool {
        Some(pool) if pool < record.pool => format!(
            "a pool of {pool} candidates drawn anew for each seed from {}",
            record.pool
        ),
        _ => format!("a pool of {} candidates", record.pool),
    };
    let judged = match panel.metric {
        Metric::Test => format!("judged on {} test candidates", record.test),
        Metric::Validation => format!(
            "judged on {} validation candidates, no test label read",
            record.validation
        ),
    };
    let views = settings.test_patches.map_or_else(String::new, |patches| {
        format!(" by the mean over {patches} patches of each")
    });
    let groups = match &settings.group_column {
        Some(column) => format!("groups by the column {column}"),
        None => "no groups named beyond what the data itself says".to_owned(),
    };
    let splits = match record.held_out.as_slice() {
        [] => "the splits are those of the data".to_owned(),
        made => made.join(" "),
    };
    let seeds: BTreeSet<u64> = panel.curves.iter().flat_map(Arm::seeds).collect();
    let arms: Vec<&str> = panel.curves.iter().map(|arm| arm.name.as_str()).collect();
    let start = match &settings.weights {
        Some(weights) => format!(
            "pre-trained ({}, M_0 has BLAKE3 {})",
            weights.file_name().unwrap_or_default().to_string_lossy(),
            record.pretrained.get(..16).unwrap_or_default()
        ),
        None => "randomly initialised".to_owned(),
    };
    let machines: BTreeSet<&str> = panel
        .curves
        .iter()
        .chain(&panel.lines)
        .flat_map(|arm| &arm.runs)
        .filter_map(|run| run.machine.as_deref())
        .collect();
    let machines: Vec<&str> = machines.into_iter().collect();
    let machine = match machines.as_slice() {
        [] => "a machine that was not noted".to_owned(),
        known => known.join("; "),
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
    Some(format!(
        "{} compared on {name}: {pool}, {judged}{views}; {splits}; {groups}; classes {}. Network {} at {} pixels, {start}, its last \
         layer drawn from the seed; {} patches a candidate ({}). {} labels a step, {} steps, {} epochs a step, {}, mini-batch {}; \
         the last layer learns at 10 times the rate of the rest, both decay by 0.95 an epoch. {} ({}). Made with acft {VERSION} on {machine}: {command}",
        arms.join(", "),
        record.classes.join(", "),
        text(settings.model.map(|model| model.to_string())),
        text(settings.input.map(|side| side.to_string())),
        text(settings.patches.map(|patches| patches.len().to_string())),
        text(settings.patches.map(|patches| patches.to_string())),
        text(settings.batch.map(|batch| batch.to_string())),
        text(settings.steps.map(|steps| steps.to_string())),
        text(settings.epochs.map(|epochs| epochs.to_string())),
        text(settings.optimizer.clone()),
        text(settings.minibatch.map(|patches| patches.to_string())),
        match seeds.len() {
            1 => "One seed".to_owned(),
            count => format!("{count} seeds"),
        },
        ranges(&seeds),
    ))
}

/// 0–9, 12.
fn ranges(seeds: &BTreeSet<u64>) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for &seed in seeds {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == seed => *end = seed,
            _ => parts.push((seed, seed)),
        }
    }
    let told: Vec<String> = parts
        .iter()
        .map(|(from, to)| match to - from {
            0 => from.to_string(),
            1 => format!("{from}, {to}"),
            _ => format!("{from}–{to}"),
        })
        .collect();
    told.join(", ")
}

/// A setting's name, and how it is told.
type Column = (&'static str, fn(&Flags) -> Option<String>);

/// What the arms differ in.
pub(super) fn settings(panel: &Panel) -> Table {
    let columns: [Column; 9] = [
        ("query", |flags| flags.query.clone()),
        ("first query", |flags| flags.first_query.clone()),
        ("criterion", |flags| flags.criterion.clone()),
        ("alpha", |flags| flags.alpha.map(|value| value.to_string())),
        ("omega", |flags| flags.omega.map(|value| value.to_string())),
        ("learn", |flags| flags.learn.clone()),
        ("lr", |flags| flags.lr.map(|value| value.to_string())),
        ("lr ratio", |flags| {
            flags.lr_ratio.map(|value| value.to_string())
        }),
        ("epochs", |flags| {
            flags.epochs.map(|value| value.to_string())
        }),
    ];
    let arms: Vec<(&str, &Run)> = panel
        .curves
        .iter()
        .chain(&panel.lines)
        .filter_map(|arm| Some((arm.name.as_str(), arm.runs.first()?)))
        .collect();
    let used: Vec<_> = columns
        .into_iter()
        .filter(|(_, of)| arms.iter().any(|(_, run)| of(&run.settings).is_some()))
        .collect();
    let mut table = Table {
        name: format!("{}-settings", panel.slug()),
        caption: "What the arms are. The ratio divides the learning rate of continual steps after the first.".to_owned(),
        head: std::iter::once("arm")
            .chain(used.iter().map(|(name, _)| *name))
            .map(str::to_owned)
            .collect(),
        ..Table::default()
    };
    table.csv_head.clone_from(&table.head);
    for (name, run) in arms {
        let values: Vec<String> = std::iter::once(name.to_owned())
            .chain(
                used.iter()
                    .map(|(_, of)| of(&run.settings).unwrap_or_default()),
            )
            .collect();
        table.rows.push(values.iter().map(Value::name).collect());
        table.csv_rows.push(values);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_told_as_ranges() {
        for (seeds, told) in [
            (vec![0, 1, 2, 3], "0–3"),
            (vec![0, 1, 5, 7, 8, 9], "0, 1, 5, 7–9"),
            (vec![4], "4"),
        ] {
            assert_eq!(ranges(&seeds.into_iter().collect()), told);
        }
    }
}
