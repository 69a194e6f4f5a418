//! `acft report`: a project's state on one page, to keep or to send.

mod html;

use std::path::PathBuf;
use std::process::ExitCode;

use acft_figure::curve::{CurvePlot, Series};
use acft_figure::png;
use acft_project::Ledger;
use acft_run::files::write_atomically;
use acft_server::now;
use acft_worker::moment::minute;
use anyhow::Context;

use super::at::At;
use super::summary::Summary;
use crate::output::print_json;

const EXAMPLE: &str = "\
Example:
  acft report lungs

Writes report.html (one file, its picture within), curve.svg and curve.png into
the project's reports/, in place of those of the last report.";

/// Write a page on the project: learning curve, labels, annotators, models.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Write into this folder [default: the project's reports/].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the files' names and the numbers as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Written {
    report: PathBuf,
    curve: [PathBuf; 2],
    summary: Summary,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let opened = args.at.read()?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| opened.root.join("reports"));
    std::fs::create_dir_all(&out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let summary = Summary::of(&opened);
    let curve = curve(&summary, opened.project.ledger());
    let has_points = curve.series.iter().any(|series| !series.points.is_empty());
    let svg = curve.svg();
    let page = html::page(&html::Content {
        summary: &summary,
        curve: has_points.then_some(&svg),
        models: opened.project.ledger().models().all(),
        agreement: &opened.project.agreement(),
        at: &format!("{} UTC", minute(now())),
    });
    let written = Written {
        report: out.join("report.html"),
        curve: [out.join("curve.svg"), out.join("curve.png")],
        summary,
    };
    let [as_svg, as_png] = &written.curve;
    write_atomically(as_svg, svg.as_bytes())?;
    write_atomically(as_png, &png(&svg, 2.0)?)?;
    write_atomically(&written.report, page.as_bytes())?;
    if args.json {
        print_json(&written)?;
    } else {
        println!("{}", written.report.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// AUC on held-out candidates of each model that was adopted.
fn curve(summary: &Summary, ledger: &Ledger) -> CurvePlot {
    let points = ledger
        .models()
        .all()
        .iter()
        .filter(|made| made.model.adopted)
        .filter_map(|made| {
            let auc = made.model.verdict?.after?;
            Some((made.model.labels as f64, auc))
        })
        .collect();
    let held: usize = summary.classes.iter().map(|class| class.holdout).sum();
    CurvePlot {
        title: summary.project.clone(),
        subtitle: format!("each adopted model, on {held} held-out candidates as of today"),
        x_label: "labels".to_owned(),
        y_label: "AUC".to_owned(),
        series: vec![Series {
            name: "adopted".to_owned(),
            points,
            ..Series::default()
        }],
        ..CurvePlot::default()
    }
}
