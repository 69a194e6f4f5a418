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
                  best of a column, and those that a paired t test over seeds does not tell from it at p = 0.05, uncorrected \
                  for how many there are. Only declared contrasts are confirmatory; this table explores."
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

/// Which arms are the best, or not told from it. With one seed nothing can be told, and the best alone is bold.
fn bold(areas: &[(&str, Vec<(u64, f64)>)]) -> Vec<bool> {
    let mean = |areas: &[(u64, f64)]| {
        let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
        Spread::of(&values).map(|spread| spread.mean)
    };
    let best = areas
        .iter()
        .filter_map(|(_, areas)| Some((mean(areas)?, areas)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, best)) = best else {
        return vec![false; areas.len()];
    };
    areas
        .iter()
        .map(|(_, areas)| {
            if areas == best {
                return true;
            }
            let interval = paired(best, areas).and_then(|spread| spread.interval(1.0 - LEVEL));
            interval.is_some_and(|(low, _)| low <= 0.0)
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
            ("one seed", vec![(0, 0.80)]),
        ];
        assert_eq!(bold(&areas), [true, false, true, false]);
        assert_eq!(bold(&[("none", Vec::new())]), [false]);
    }
}
