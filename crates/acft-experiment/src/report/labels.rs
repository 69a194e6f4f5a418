//! The labels of each step: their classes (Fig. 8), and how many were used again (Fig. A.9).

use acft::seeds::Spread;
use acft_figure::bars::{BarPlot, Panel as Bars};
use acft_figure::curve::{CurvePlot, Series};
use acft_run::record::StepRecord;

use super::curves::{UNKNOWN, bands, edges};
use super::document::Figure;
use super::panel::{Arm, Panel, Run};

/// The largest number of classes that are shown.
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
pub(super) fn labels_of(arm: &Arm) -> Vec<(usize, f64)> {
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

/// The labels of each step: new, used again, or not used. `None` without curves.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sample::{arm, line, panel};
    use super::*;

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
