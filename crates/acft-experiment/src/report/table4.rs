//! The paper's Table 4: the area under the curve of each arm on each data, and which are the best.

use acft::saving::FEWEST_SEEDS;
use acft::seeds::Spread;

use super::curves::{alcs, count_seeds, mean_sd, paired};
use super::document::{Table, Value, plain};
use super::panel::Panel;

/// The level of significance for a difference from the best.
const LEVEL: f64 = 0.05;

/// A row for each arm and a column for each data; `None` without curves.
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
    let named = columns.iter().map(Column::head);
    let mut table = Table {
        name: "table-4".to_owned(),
        caption: "Area under the learning curve (ALC, linear axis), mean ± sd over the seeds that all arms of a column have, whose \
                  number stands in its head, as in the paper's Table 4, but for all arms at once. Bold is not the paper's: the best mean of a column, and from 5 seeds on those \
                  that a paired t test does not tell from it at p = 0.05, uncorrected for how many there are; with one seed none. \
                  A column whose arms have no seed in common has each arm's own seeds, and no bold. Only declared contrasts are \
                  confirmatory; this table explores."
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
    /// The number of seeds that all arms have.
    shared: usize,
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
        let all: Vec<Vec<(u64, f64)>> = panel.curves.iter().map(|arm| alcs(arm, range)).collect();
        let shared = shared(&all);
        let bold = bold(&shared);
        let count = shared.first().map_or(0, Vec::len);
        let areas = if count > 0 { shared } else { all };
        let entries = panel.curves.iter().zip(areas).zip(bold);
        let entries = entries.filter_map(|((arm, areas), bold)| {
            Some(Entry {
                arm: &arm.name,
                spread: spread(&areas)?,
                bold,
            })
        });
        Some(Self {
            panel,
            shared: count,
            entries: entries.collect(),
        })
    }

    fn head(&self) -> String {
        match self.shared {
            0 => format!("{} (no seed in common)", self.panel.title()),
            seeds => format!("{} ({})", self.panel.title(), count_seeds(seeds)),
        }
    }
}

fn spread(areas: &[(u64, f64)]) -> Option<Spread> {
    let values: Vec<f64> = areas.iter().map(|area| area.1).collect();
    Spread::of(&values)
}

/// The areas for the seeds that all arms have. Otherwise an arm that lacks difficult seeds would look better than it is.
fn shared(arms: &[Vec<(u64, f64)>]) -> Vec<Vec<(u64, f64)>> {
    let in_all = |seed: u64| {
        arms.iter()
            .all(|areas| areas.iter().any(|area| area.0 == seed))
    };
    arms.iter()
        .map(|areas| {
            areas
                .iter()
                .copied()
                .filter(|area| in_all(area.0))
                .collect()
        })
        .collect()
}

/// The best arm and, from [`FEWEST_SEEDS`] seeds on, the arms that do not differ from it significantly; with fewer seeds
/// the test finds no differences. No arm if there are fewer than two seeds.
fn bold(arms: &[Vec<(u64, f64)>]) -> Vec<bool> {
    let mean = |areas: &[(u64, f64)]| spread(areas).map_or(f64::NEG_INFINITY, |spread| spread.mean);
    let best = arms.iter().max_by(|a, b| mean(a).total_cmp(&mean(b)));
    let Some(best) = best.filter(|best| best.len() > 1) else {
        return vec![false; arms.len()];
    };
    arms.iter()
        .map(|areas| {
            if best.len() < FEWEST_SEEDS {
                return mean(areas) >= mean(best);
            }
            let interval = paired(best, areas).and_then(|spread| spread.interval(1.0 - LEVEL));
            interval.is_none_or(|(low, _)| low <= 0.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, panel};
    use super::*;

    fn seeds(values: &[f64]) -> Vec<(u64, f64)> {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn bold_is_what_is_not_told_from_the_best() {
        let areas = [
            seeds(&[0.90, 0.92, 0.91, 0.95, 0.92]),
            // Lower at each seed by nearly the same: told apart, though their spreads overlap.
            seeds(&[0.88, 0.90, 0.89, 0.931, 0.90]),
            seeds(&[0.95, 0.89, 0.92, 0.90, 0.92]),
        ];
        assert_eq!(bold(&areas), [true, false, true]);
        assert_eq!(bold(&[Vec::new()]), [false]);
        // One seed tells nothing, however high it is.
        assert_eq!(bold(&[seeds(&[0.9]), seeds(&[0.99])]), [false, false]);
    }

    #[test]
    fn with_few_seeds_the_best_alone_is_bold() {
        // Three pairs whose interval holds 0: no test could tell them apart.
        let areas = [seeds(&[0.965, 0.96, 0.97]), seeds(&[0.945, 0.84, 0.77])];
        let interval = paired(&areas[1], &areas[0]).unwrap().interval(0.95);
        assert!(interval.unwrap().1 > 0.0);
        assert_eq!(bold(&areas), [true, false]);
    }

    #[test]
    fn means_are_over_the_seeds_that_all_arms_have_and_their_number_is_told() {
        let two: &[&[(usize, f64)]] = &[&[(25, 0.6), (50, 0.6)], &[(25, 0.8), (50, 0.8)]];
        let of = |curves| panel(curves, vec![]);
        let uneven = of(vec![arm("RFT", two), arm("ACFT(HQ)", &two[..1])]);
        let table = table(&[uneven]).unwrap();
        assert_eq!(table.head[1], "lung (1 seed)");
        assert_eq!(table.rows[0][1].text, "0.600");
        let mut other = arm("ACFT(HQ)", &two[..1]);
        other.runs[0].curve = arm("", two).runs[1].curve.clone();
        let apart = of(vec![arm("RFT", &two[..1]), other]);
        assert_eq!(
            super::table(&[apart]).unwrap().head[1],
            "lung (no seed in common)"
        );
    }
}
