//! What came of it: both learning curves in one picture, and a table.

use std::fmt::Write;

use acft::curve::{LearningCurve, Point};
use anyhow::Context;

use super::folder::{DemoFolder, Recipe};
use super::race::{PlannedRun, STRATEGIES};
use crate::figure::curve::{CurvePlot, Series};
use crate::figure::png;
use crate::simulate::folder::read_steps;

const NOTICE: &str = "\
The images are synthetic, drawn by this program: the numbers show the machine at
work, and are no evidence about medical images.";

/// A strategy's curves, a seed each, all over the same labels.
struct Outcome {
    strategy: &'static str,
    curves: Vec<LearningCurve>,
    mean: LearningCurve,
}

/// Draws `curve.svg` and `curve.png`; returns what to tell the user.
pub(super) fn report(folder: &DemoFolder, recipe: &Recipe, runs: &[PlannedRun]) -> anyhow::Result<String> {
    let outcomes = STRATEGIES
        .iter()
        .map(|&(_, strategy)| outcome(strategy, runs))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let svg = plot(&outcomes, recipe).svg();
    folder.write("curve.svg", svg.as_bytes())?;
    folder.write("curve.png", &png(&svg, 2.0)?)?;
    let mut text = table(&outcomes)?;
    write!(
        text,
        "\nmean test AUC of {} seed{}\nthe curves  {}\nthe images  {}\nthe runs    {}\n\n{NOTICE}",
        recipe.seeds,
        if recipe.seeds == 1 { "" } else { "s" },
        folder.path("curve.png").display(),
        folder.path("frames.png").display(),
        folder.path("runs").display(),
    )?;
    Ok(text)
}

fn outcome(strategy: &'static str, runs: &[PlannedRun]) -> anyhow::Result<Outcome> {
    let curves = runs
        .iter()
        .filter(|run| run.strategy == strategy)
        .map(|run| {
            let out = &run.settings.out;
            let steps = read_steps(out)?;
            let point = |labels, auc: Option<f64>| auc.map(|value| Point { labels, value });
            let points = steps.iter().filter_map(|step| point(step.labels, step.test_auc));
            LearningCurve::new(points.collect()).with_context(|| format!("{} has no learning curve", out.display()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mean = LearningCurve::mean(&curves)?;
    Ok(Outcome { strategy, curves, mean })
}

fn plot(outcomes: &[Outcome], recipe: &Recipe) -> CurvePlot {
    let band = match recipe.seeds {
        1 => "one seed".to_owned(),
        seeds => format!("mean of {seeds} seeds; the bands reach from the worst to the best"),
    };
    CurvePlot {
        title: "Random and active fine-tuning on drawn frames".to_owned(),
        subtitle: format!("synthetic images, no evidence about medical ones; {band}"),
        x_label: "labels queried".to_owned(),
        y_label: "test AUC".to_owned(),
        series: outcomes.iter().map(series).collect(),
        reference_lines: Vec::new(),
    }
}

fn series(outcome: &Outcome) -> Series {
    let points = outcome.mean.points();
    let band = points.iter().map(|point| spread(outcome, point.labels)).collect();
    Series {
        name: outcome.strategy.to_owned(),
        points: points.iter().map(|point| (point.labels as f64, point.value)).collect(),
        band: (outcome.curves.len() > 1).then_some(band),
    }
}

/// The lowest and the highest AUC of the seeds.
fn spread(outcome: &Outcome, labels: usize) -> (f64, f64) {
    let values = outcome.curves.iter().filter_map(|curve| curve.at(labels));
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// A row a step: labels, and each strategy's mean.
fn table(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let mut text = String::from("labels");
    for outcome in outcomes {
        write!(text, "  {:>8}", outcome.strategy)?;
    }
    text.push('\n');
    let labels = outcomes.iter().flat_map(|outcome| outcome.mean.points()).map(|point| point.labels);
    let labels: std::collections::BTreeSet<usize> = labels.collect();
    for labels in labels {
        write!(text, "{labels:>6}")?;
        for outcome in outcomes {
            match outcome.mean.at(labels) {
                Some(auc) => write!(text, "  {auc:>8.3}")?,
                None => write!(text, "  {:>8}", "-")?,
            }
        }
        text.push('\n');
    }
    Ok(text)
}
