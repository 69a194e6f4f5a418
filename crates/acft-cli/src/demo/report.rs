//! The outcome: the learning curves in one picture, and a table.

use std::fmt::Write;

use acft::saving::SeedCurve;
use acft_figure::png;

use super::folder::{DemoFolder, Recipe};
use super::race::{PlannedRun, STRATEGIES};
use crate::compare::{Curves, plot, read_curve, table};

const NOTICE: &str = "\
RFT(LQ) asks at random and starts over at each step; ACFT asks actively and goes
on from the last network, by the paper's rule on what that got wrong and the new
labels (HQ). The default of acft simulate learns from all labels instead.
The images are synthetic, drawn by this program: the numbers show the machine at
work, and are no evidence about medical images.";

/// Draws `curve.svg` and `curve.png`; returns what to tell the user.
pub(super) fn report(
    folder: &DemoFolder,
    recipe: &Recipe,
    runs: &[PlannedRun],
) -> anyhow::Result<String> {
    let curves = STRATEGIES
        .iter()
        .map(|&(_, strategy)| curves(strategy, runs))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let title = "Random and active fine-tuning on drawn frames".to_owned();
    let svg = plot(
        &curves,
        title,
        "synthetic images, no evidence about medical ones: ",
    )
    .svg();
    folder.write("curve.svg", svg.as_bytes())?;
    folder.write("curve.png", &png(&svg, 2.0)?)?;
    let mut text = table(&curves);
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

fn curves(strategy: &str, runs: &[PlannedRun]) -> anyhow::Result<Curves> {
    let seeds = runs
        .iter()
        .filter(|run| run.strategy == strategy)
        .map(|run| {
            Ok(SeedCurve::new(
                run.settings.seed,
                read_curve(&run.settings.out)?,
            ))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Curves::new(strategy.to_owned(), seeds)
}
