//! What the labels of each step were: their classes (Fig. 8), how many were used again (Fig. A.9), and what a step cost.

use std::collections::BTreeMap;

use acft::seeds::Spread;

use super::curves::{bands, edges};
use super::document::{Figure, Table, Value, plain};
use super::panel::{Arm, Panel, Run};
use crate::figure::bars::{BarPlot, Panel as Bars};
use crate::figure::curve::{CurvePlot, Series};
use crate::simulate::record::StepRecord;

/// The share of one class among the labels queried so far, by arm: what active querying prefers.
pub(super) fn class_ratio(panel: &Panel) -> Option<Figure> {
    let class = class_of_interest(panel)?;
    let share = |run: &Run, at: usize| -> Option<f64> {
        let so_far = run.steps.get(..=at)?.iter();
        let (mut of_class, mut all) = (0, 0);
        for step in so_far {
            of_class += step.batch_classes.get(&class).copied().unwrap_or(0);
            all += step.batch_classes.values().sum::<usize>();
        }
        (all > 0).then(|| of_class as f64 / all as f64)
    };
    let seeds = panel.curves.iter().map(|arm| arm.runs.len()).max()?;
    let series = panel.curves.iter().map(|arm| {
        let (mut points, mut band) = (Vec::new(), Vec::new());
        for (at, labels) in labels_of(arm) {
            let shares: Vec<f64> = arm.runs.iter().filter_map(|run| share(run, at)).collect();
            if let Some(spread) = Spread::of(&shares) {
                points.push((labels, spread.mean));
                band.extend(edges(&shares));
            }
        }
        Series {
            name: arm.name.clone(),
            band: (band.len() == points.len()).then_some(band),
            points,
        }
    });
    let plot = CurvePlot {
        title: format!("{}: the classes of what was queried", panel.title()),
        subtitle: bands(seeds),
        x_label: "labels queried".to_owned(),
        y_label: format!("share of \"{class}\""),
        series: series.collect(),
        reference_lines: Vec::new(),
    };
    Some(Figure {
        name: format!("{}-classes", panel.slug()),
        svg: plot.svg(),
        caption: format!(
            "The share of \"{class}\" among all labels queried so far. An arm that queries at random shows the pool's own share (the \
             paper's Fig. 8)."
        ),
    })
}

/// The positive class, or else the one that is queried least.
fn class_of_interest(panel: &Panel) -> Option<String> {
    if let Some(positive) = &panel.any_run()?.settings.positive {
        return Some(positive.clone());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let steps = panel
        .curves
        .iter()
        .flat_map(|arm| &arm.runs)
        .flat_map(|run| &run.steps);
    for (class, count) in steps.flat_map(|step| &step.batch_classes) {
        *counts.entry(class).or_default() += count;
    }
    let rarest = counts.into_iter().min_by_key(|(_, count)| *count)?;
    Some(rarest.0.to_owned())
}

/// Each step of an arm, from 0, and its labels in the run that went furthest.
fn labels_of(arm: &Arm) -> Vec<(usize, f64)> {
    let longest = arm.runs.iter().max_by_key(|run| run.steps.len());
    longest
        .into_iter()
        .flat_map(|run| run.steps.iter().enumerate())
        .map(|(at, step)| (at, step.labels as f64))
        .collect()
}

/// Of the labels that a step learned from again, those that the network had got wrong.
fn hard(step: &StepRecord) -> usize {
    let again = step.trained_on.saturating_sub(step.q);
    step.h.map_or(0, |hard| hard.min(again))
}

/// The labels of each step: new, used again, left alone.
pub(super) fn reuse(panel: &Panel) -> Figure {
    let mean = |arm: &Arm, at: usize, of: fn(&StepRecord) -> f64| {
        let values: Vec<f64> = arm
            .runs
            .iter()
            .filter_map(|run| run.steps.get(at))
            .map(of)
            .collect();
        Spread::of(&values).map_or(0.0, |spread| spread.mean)
    };
    let panels = panel.curves.iter().map(|arm| Bars {
        name: arm.name.clone(),
        bars: labels_of(arm)
            .into_iter()
            .map(|(at, _)| {
                let heights = vec![
                    mean(arm, at, |step| step.q as f64),
                    mean(arm, at, |step| hard(step) as f64),
                    mean(arm, at, |step| {
                        step.trained_on.saturating_sub(step.q + hard(step)) as f64
                    }),
                    mean(arm, at, |step| {
                        step.labels.saturating_sub(step.trained_on) as f64
                    }),
                ];
                ((at + 1).to_string(), heights)
            })
            .collect(),
    });
    let plot = BarPlot {
        title: format!("{}: labels learned from in each step", panel.title()),
        subtitle: "mean over seeds".to_owned(),
        x_label: "step".to_owned(),
        y_label: "labels".to_owned(),
        parts: [
            "Q, newly labeled",
            "H, of L, got wrong",
            "others of L, learned from again",
            "of L, left alone",
        ]
        .map(str::to_owned)
        .to_vec(),
        marks: Vec::new(),
        last_is_rest: true,
        panels: panels.collect(),
    };
    Figure {
        name: format!("{}-reuse", panel.slug()),
        svg: plot.svg(),
        caption: "How many labels each fine-tuning learned from: the new ones, Q; of the old ones, L, those that the network got \
                  wrong, H, where the strategy looks for them; and what else it replays (the paper's Fig. A.9)."
            .to_owned(),
    }
}

/// What a step costs in time.
pub(super) fn cost(panel: &Panel) -> Table {
    let mut table = Table {
        name: format!("{}-cost", panel.slug()),
        caption: "Seconds and patches a step (means over steps and seeds), and patches a second, as the runs were made: side by side, and with \
                  whatever else the machine was doing. They say what costs how much, not how fast this program is."
            .to_owned(),
        head: [
            "arm", "query, s", "fine-tune, s", "judge, s", "patches scored", "trained", "scored /s", "trained /s",
            "minutes a run",
        ]
            .map(str::to_owned)
            .to_vec(),
        csv_head: [
            "arm", "query_seconds", "train_seconds", "evaluate_seconds", "patches_scored", "patches_trained",
            "scored_per_second", "trained_per_second", "minutes_a_run",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    for arm in panel.curves.iter().chain(&panel.lines) {
        let mean = |of: fn(&StepRecord) -> Option<f64>| {
            let values: Vec<f64> = arm
                .runs
                .iter()
                .flat_map(|run| &run.steps)
                .filter_map(of)
                .collect();
            Spread::of(&values).map(|spread| spread.mean)
        };
        let minutes: Vec<f64> =
            arm.runs
                .iter()
                .map(|run| {
                    let seconds = run.steps.iter().map(|step| {
                        step.seconds.query + step.seconds.train + step.seconds.evaluate
                    });
                    seconds.sum::<f64>() / 60.0
                })
                .collect();
        let numbers = [
            (mean(|step| Some(step.seconds.query)), 1),
            (mean(|step| Some(step.seconds.train)), 1),
            (mean(|step| Some(step.seconds.evaluate)), 1),
            (
                mean(|step| Some(step.patches_per_second.query? * step.seconds.query)),
                0,
            ),
            (
                mean(|step| Some(step.patches_per_second.train? * step.seconds.train)),
                0,
            ),
            // A query that looks at its batch alone has no rate worth the name.
            (
                mean(|step| {
                    step.patches_per_second
                        .query
                        .filter(|_| step.scored > step.q)
                }),
                0,
            ),
            (mean(|step| step.patches_per_second.train), 0),
            (Spread::of(&minutes).map(|spread| spread.mean), 1),
        ];
        let told = |(value, digits): &(Option<f64>, usize)| {
            Value::number(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}")))
        };
        let mut row = vec![Value::name(&arm.name)];
        row.extend(numbers.iter().map(told));
        table.rows.push(row);
        let mut csv = vec![arm.name.clone()];
        csv.extend(numbers.iter().map(|(value, _)| plain(*value)));
        table.csv_rows.push(csv);
    }
    table
}
