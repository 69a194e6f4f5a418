//! What the labels of each step were: their classes (Fig. 8), how many were used again (Fig. A.9), and what a step cost.

use acft::seeds::Spread;

use super::curves::{UNKNOWN, bands, edges};
use super::document::{Figure, Table, Value, plain};
use super::panel::{Arm, Panel, Run};
use crate::figure::bars::{BarPlot, Panel as Bars};
use crate::figure::curve::{CurvePlot, Series};
use crate::simulate::record::StepRecord;

/// More classes than these are not shown.
const MOST_CLASSES: usize = 8;

/// The share of a class among the labels queried so far, by arm: what active querying prefers. Of two classes the positive
/// one is shown, of more each in a figure of its own.
pub(super) fn class_ratio(panel: &Panel) -> Vec<Figure> {
    let shown = shown(panel);
    let name = |at: usize| match shown.len() {
        1 => format!("{}-classes", panel.slug()),
        _ => format!("{}-classes-{}", panel.slug(), at + 1),
    };
    let figures = shown.iter().enumerate();
    figures
        .filter_map(|(at, class)| of_class(panel, class, name(at)))
        .collect()
}

fn of_class(panel: &Panel, class: &str, name: String) -> Option<Figure> {
    let share = |run: &Run, at: usize| -> Option<f64> {
        // What a run that stopped early has asked for stays as it is.
        let so_far = run.steps.iter().take(at + 1);
        let (mut of_class, mut all) = (0, 0);
        for step in so_far {
            of_class += step.batch_classes.get(class).copied().unwrap_or(0);
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
                band.push(edges(&shares).unwrap_or(UNKNOWN));
            }
        }
        Series {
            name: arm.name.clone(),
            band: Some(band),
            points,
            ..Series::default()
        }
    });
    // A line labels the whole pool.
    let whole: Vec<f64> = panel
        .lines
        .iter()
        .flat_map(|line| &line.runs)
        .filter_map(|run| share(run, usize::MAX - 1))
        .collect();
    let whole = Spread::of(&whole).map(|spread| spread.mean);
    let plot = CurvePlot {
        title: format!(
            "{}: share of \"{class}\" in what was queried",
            panel.title()
        ),
        subtitle: bands(seeds),
        x_label: "labels queried".to_owned(),
        y_label: format!("share of \"{class}\""),
        series: series.collect(),
        reference_lines: whole
            .map(|share| ("in the whole pool".to_owned(), share))
            .into_iter()
            .collect(),
        names: panel.names.clone(),
        ..CurvePlot::default()
    };
    Some(Figure {
        name,
        svg: plot.svg(),
        caption: format!(
            "The share of \"{class}\" among all labels queried so far{} (the paper's Fig. 8). An arm that queries at random \
             tends to the share in the pool. A run that stopped early goes on flat.{}",
            match whole {
                Some(_) => "; the line is its share in the whole pool",
                None => "",
            },
            match panel.classes().len() {
                more if more > MOST_CLASSES => format!(
                    " Of {more} classes the {MOST_CLASSES} that are queried least are shown."
                ),
                _ => String::new(),
            }
        ),
    })
}

/// The positive class of two, or else the one that is queried less; of more classes all, or those that are queried least.
fn shown(panel: &Panel) -> Vec<String> {
    let classes = panel.classes();
    let settings = panel.any_run().map(|run| &run.settings);
    if let (2, Some(positive)) = (classes.len(), settings.and_then(|s| s.positive.as_ref())) {
        return vec![positive.clone()];
    }
    let arms = panel.curves.iter().flat_map(|arm| &arm.runs);
    let steps: Vec<&StepRecord> = arms.flat_map(|run| &run.steps).collect();
    let queried = |class: &String| -> usize {
        let counts = steps
            .iter()
            .filter_map(|step| step.batch_classes.get(class));
        counts.sum()
    };
    let mut rarest: Vec<&String> = classes.iter().collect();
    rarest.sort_by_key(|class| queried(class));
    rarest.truncate(if classes.len() == 2 { 1 } else { MOST_CLASSES });
    let mut shown = classes.to_vec();
    shown.retain(|class| rarest.contains(&class));
    shown
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

/// The labels of each step: new, used again, left alone. None without curves.
pub(super) fn reuse(panel: &Panel) -> Option<Figure> {
    if panel.curves.is_empty() {
        return None;
    }
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
        subtitle: "mean over the seeds that made the step".to_owned(),
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
        marks: ["Q", "H", "L", ""].map(str::to_owned).to_vec(),
        last_is_rest: true,
        panels: panels.collect(),
    };
    Some(Figure {
        name: format!("{}-reuse", panel.slug()),
        svg: plot.svg(),
        caption: "How many labels each fine-tuning learned from: the new ones, Q; of the old ones, L, those that the network got \
                  wrong, H, where the strategy looks for them; and what else it replays (the paper's Fig. A.9). A run that \
                  stopped early counts in the steps that it made."
            .to_owned(),
    })
}

/// What some steps took, all together.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    steps: usize,
    query: f64,
    train: f64,
    evaluate: f64,
    scored: f64,
    trained: f64,
    /// Whether some query looked at more than the batch that it drew.
    is_scored: bool,
}

impl Sum {
    fn of<'a>(steps: impl Iterator<Item = &'a StepRecord>) -> Self {
        steps.fold(Self::default(), |sum, step| {
            let (seconds, rates) = (step.seconds, step.patches_per_second);
            Self {
                steps: sum.steps + 1,
                query: sum.query + seconds.query,
                train: sum.train + seconds.train,
                evaluate: sum.evaluate + seconds.evaluate,
                scored: sum.scored + rates.query.unwrap_or(0.0) * seconds.query,
                trained: sum.trained + rates.train.unwrap_or(0.0) * seconds.train,
                is_scored: sum.is_scored || step.scored > step.q,
            }
        })
    }

    /// Seconds and patches of a step.
    fn of_a_step(&self) -> [f64; 5] {
        let all = [
            self.query,
            self.train,
            self.evaluate,
            self.scored,
            self.trained,
        ];
        all.map(|sum| sum / self.steps.max(1) as f64)
    }

    /// Patches a second, of all of them over all the time: a mean of rates would weigh a short step as much as a long one.
    fn rates(&self) -> [Option<f64>; 2] {
        let rate = |patches: f64, seconds: f64| {
            (patches > 0.0 && seconds > 0.0).then(|| patches / seconds)
        };
        [
            // A query that looks at its batch alone has no rate worth the name.
            rate(self.scored, self.query).filter(|_| self.is_scored),
            rate(self.trained, self.train),
        ]
    }
}

/// What a step costs in time and patches; none without a finished run.
pub(super) fn cost(panel: &Panel) -> Option<Table> {
    panel.any_run()?;
    let mut table = Table {
        name: format!("{}-cost", panel.slug()),
        caption: "Seconds and patches a step (means over steps and seeds), and patches a second (all patches over all seconds). \
                  Patches are what arms can be compared by. Times hold for the machine, the build and the load that each run was \
                  made with: where arms were made by other builds, or beside other work, their times say little of the arms, and \
                  none of them says how fast this program is."
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
        let sum = Sum::of(arm.runs.iter().flat_map(|run| &run.steps));
        let minutes = (sum.query + sum.train + sum.evaluate) / 60.0 / arm.runs.len().max(1) as f64;
        let mut numbers: Vec<Option<f64>> = sum.of_a_step().map(Some).to_vec();
        numbers.extend(sum.rates());
        numbers.push(Some(minutes));
        let told = |(value, digits): (&Option<f64>, usize)| {
            Value::number(value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}")))
        };
        let mut row = vec![Value::name(&arm.name)];
        row.extend(numbers.iter().zip([1, 1, 1, 0, 0, 0, 0, 1]).map(told));
        table.rows.push(row);
        let mut csv = vec![arm.name.clone()];
        csv.extend(numbers.into_iter().map(plain));
        table.csv_rows.push(csv);
    }
    Some(table)
}

/// The same step by step, for machines.
pub(super) fn cost_by_step(panel: &Panel) -> Option<Table> {
    panel.any_run()?;
    let mut table = Table {
        name: format!("{}-cost-steps", panel.slug()),
        caption:
            "Seconds and patches of each step of each arm, as means over the seeds that made it."
                .to_owned(),
        csv_head: [
            "arm",
            "step",
            "seeds",
            "query_seconds",
            "train_seconds",
            "evaluate_seconds",
            "patches_scored",
            "patches_trained",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Table::default()
    };
    for arm in panel.curves.iter().chain(&panel.lines) {
        for (at, _) in labels_of(arm) {
            let sum = Sum::of(arm.runs.iter().filter_map(|run| run.steps.get(at)));
            let mut row = vec![
                arm.name.clone(),
                (at + 1).to_string(),
                sum.steps.to_string(),
            ];
            row.extend(sum.of_a_step().map(|number| plain(Some(number))));
            table.csv_rows.push(row);
        }
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, line, panel};
    use super::*;
    use crate::simulate::record::{Rates, Seconds};

    fn timed(step: &mut StepRecord, patches: f64, seconds: f64) {
        step.seconds = Seconds {
            train: seconds,
            ..Seconds::default()
        };
        step.patches_per_second = Rates {
            train: Some(patches / seconds),
            query: None,
        };
    }

    #[test]
    fn the_rate_is_that_of_the_patches_and_seconds_beside_it() {
        let mut rft = arm("RFT", &[&[(25, 0.6), (50, 0.7)]]);
        // A quick step and one that waited for others: the mean of their rates would be 505.
        timed(&mut rft.runs[0].steps[0], 1000.0, 1.0);
        timed(&mut rft.runs[0].steps[1], 1000.0, 99.0);
        let table = cost(&panel(vec![rft], vec![])).unwrap();
        let told: Vec<&str> = table.rows[0]
            .iter()
            .map(|value| value.text.as_str())
            .collect();
        assert_eq!(
            told,
            ["RFT", "0.0", "50.0", "0.0", "0", "1000", "–", "20", "1.7"]
        );
        assert!(cost(&panel(vec![], vec![])).is_none());
    }

    #[test]
    fn seconds_and_patches_are_told_step_by_step() {
        let mut rft = arm("RFT", &[&[(25, 0.6), (50, 0.7)], &[(25, 0.6)]]);
        timed(&mut rft.runs[0].steps[0], 100.0, 1.0);
        timed(&mut rft.runs[1].steps[0], 300.0, 2.0);
        timed(&mut rft.runs[0].steps[1], 500.0, 4.0);
        let table = cost_by_step(&panel(vec![rft], vec![])).unwrap();
        let zero = "0.000000";
        let rows = [
            ["RFT", "1", "2", zero, "1.500000", zero, zero, "200.000000"],
            ["RFT", "2", "1", zero, "4.000000", zero, zero, "500.000000"],
        ];
        assert_eq!(table.csv_rows, rows);
        assert!(table.rows.is_empty());
    }

    fn asked(arm: &mut Arm, counts: &[(&str, usize)]) {
        for step in arm.runs.iter_mut().flat_map(|run| &mut run.steps) {
            let counts = counts
                .iter()
                .map(|(class, count)| ((*class).to_owned(), *count));
            step.batch_classes = counts.collect();
        }
    }

    #[test]
    fn of_three_classes_each_is_shown_beside_its_share_in_the_pool() {
        let mut rft = arm("RFT", &[&[(25, 0.6), (50, 0.7)], &[(25, 0.6)]]);
        asked(&mut rft, &[("a", 5), ("b", 3), ("c", 2)]);
        let mut all = line("full-training", &[&[(100, 0.9)]]);
        asked(&mut all, &[("a", 50), ("b", 25), ("c", 25)]);
        let mut panel = panel(vec![rft], vec![all]);
        let record = panel.record.as_mut().unwrap();
        record.classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let figures = class_ratio(&panel);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(
            names,
            ["lung-classes-1", "lung-classes-2", "lung-classes-3"]
        );
        assert!(figures[1].svg.contains(">in the whole pool<"));
        assert!(figures[1].svg.contains(">0.250<"), "{}", figures[1].svg);
        // The run that stopped early goes on flat, so that the band does.
        assert_eq!(figures[0].svg.matches("fill-opacity").count(), 1);
    }
}
