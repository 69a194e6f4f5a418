//! The paper's Table 4: the area under each arm's curve on each data, with its bolding.

use acft::seeds::Spread;

use super::curves::{alcs, mean_sd, paired};
use super::document::{Table, Value, plain};
use super::panel::Panel;

/// The significance at which a number is no longer told from the best.
const LEVEL: f64 = 0.05;

/// A row an arm, a column a data; none without curves.
pub(super) fn table(panels: &[Panel]) -> Option<Table> {
    let mut arms: Vec<&str> = Vec::new();
    for arm in panels.iter().flat_map(|panel| &panel.curves) {
        if !arms.contains(&arm.name.as_str()) {
            arms.push(&arm.name);
        }
    }
    let columns: Vec<Column<'_>> = panels.iter().filter_map(Column::of).collect();
    if columns.is_empty() {
        return None;
    }
    let named = columns.iter().map(|column| column.panel.title());
    let mut table = Table {
        name: "table-4".to_owned(),
        caption: "Area under the learning curve (ALC, linear axis), mean ± sd over seeds, as in the paper's Table 4. Bold: the \
                  best of a column, and those that a paired t test does not tell from it at p = 0.05, uncorrected for how many \
                  there are, over the seeds that all arms have (with fewer than two none). Only declared contrasts are confirmatory; this table explores."
            .to_owned(),
        head: std::iter::once("arm".to_owned()).chain(named).collect(),
        csv_head: ["data", "arm", "seeds", "alc_mean", "alc_sd", "bold"].map(str::to_owned).to_vec(),
        ..Table::default()
    };
    for arm in &arms {
        let mut row = vec![Value::name(*arm)];
        for column in &columns {
            let entry = column.entries.iter().find(|entry| entry.arm == *arm);
            row.push(entry.map_or_else(
                || Value::number(""),
                |entry| Value {
                    bold: entry.bold,
                    ..Value::number(mean_sd(&entry.spread))
                },
            ));
            if let Some(entry) = entry {
                table.csv_rows.push(vec![
                    column.panel.title(),
                    (*arm).to_owned(),
                    entry.spread.seeds.to_string(),
                    plain(Some(entry.spread.mean)),
                    plain(entry.spread.sd),
                    entry.bold.to_string(),
                ]);
            }
        }
        table.rows.push(row);
    }
    Some(table)
}

struct Column<'a> {
    panel: &'a Panel,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    arm: &'a str,
    spread: Spread,
    bold: bool,
}

impl<'a> Column<'a> {
    fn of(panel: &'a Panel) -> Option<Self> {
        let range = panel.range()?;
        let areas: Vec<(&str, Vec<(u64, f64)>)> = panel
            .curves
            .iter()
            .map(|arm| (arm.name.as_str(), alcs(arm, range)))
            .collect();
        let bold = bold(&areas);
        let entries = areas.iter().zip(bold).filter_map(|((arm, areas), bold)| {
            let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
            Some(Entry {
                arm,
                spread: Spread::of(&values)?,
                bold,
            })
        });
        Some(Self {
            panel,
            entries: entries.collect(),
        })
    }
}

/// Which arms are the best over the seeds that all have, or not told from it; none where all have fewer than two.
fn bold(areas: &[(&str, Vec<(u64, f64)>)]) -> Vec<bool> {
    let has = |areas: &[(u64, f64)], seed: u64| areas.iter().any(|area| area.0 == seed);
    let shared: Vec<Vec<(u64, f64)>> = areas
        .iter()
        .map(|(_, of_arm)| {
            let in_all = |seed: u64| areas.iter().all(|(_, other)| has(other, seed));
            of_arm
                .iter()
                .copied()
                .filter(|area| in_all(area.0))
                .collect()
        })
        .collect();
    let mean = |areas: &Vec<(u64, f64)>| {
        let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
        Spread::of(&values).map_or(f64::NEG_INFINITY, |spread| spread.mean)
    };
    let best = shared.iter().max_by(|a, b| mean(a).total_cmp(&mean(b)));
    let Some(best) = best.filter(|best| best.len() > 1) else {
        return vec![false; areas.len()];
    };
    shared
        .iter()
        .map(|areas| {
            let interval = paired(best, areas).and_then(|spread| spread.interval(1.0 - LEVEL));
            interval.is_none_or(|(low, _)| low <= 0.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_is_what_is_not_told_from_the_best() {
        let seeds = |values: [f64; 4]| (0..).zip(values).collect::<Vec<(u64, f64)>>();
        let areas = [
            ("best", seeds([0.90, 0.92, 0.91, 0.95])),
            // Lower at each seed by nearly the same: told apart, though their spreads overlap.
            ("lower", seeds([0.88, 0.90, 0.89, 0.931])),
            ("as good", seeds([0.95, 0.89, 0.92, 0.90])),
        ];
        assert_eq!(bold(&areas), [true, false, true]);
        assert_eq!(bold(&[("none", Vec::new())]), [false]);
        // One seed tells nothing, however high it is.
        assert_eq!(
            bold(&[areas[0].clone(), ("one seed", vec![(1, 0.99)])]),
            [false, false]
        );
    }
}
