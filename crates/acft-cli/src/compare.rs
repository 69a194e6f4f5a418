//! `acft compare`: several runs in one picture and one table, grouped by data
//! and strategy, with the spread over their seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft::curve::LearningCurve;
use acft::saving::{LabelSaving, SavingOptions, SeedCurve, label_saving};
use acft_figure::curve::{CurvePlot, Series};
use acft_figure::png;
use acft_run::files::write_atomically;
use acft_run::folder::{read_json, read_steps, require_run};
use acft_run::record::{DataRecord, learning_curve};
use acft_run::settings::Flags;
use acft_run::{bad_input, digest};
use anyhow::Context;
use serde::Serialize;

use crate::output::Out;

const EXAMPLE: &str = "\
Example:
  acft compare runs/lung-* --out lung.png

Runs of the same data and strategy are one curve: the mean over their seeds,
with a band from the lowest to the highest. Where random fine-tuning (rft) of
the same seeds is among the runs, the label saving of each strategy against it
is printed: the share of rft's labels that it does without on the way to 95 %
of rft's gain, with a 95 % interval over seeds.";

/// Draw and tabulate the learning curves of several runs.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The folders of the runs.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The picture, .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the picture that --out names.
    #[arg(long, requires = "out")]
    force: bool,
    /// The picture's title [default: the data].
    #[arg(long)]
    title: Option<String>,
    /// Print the table as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let out = Out {
        out: args.out.clone(),
        force: args.force,
    };
    out.check()?;
    let mut groups: BTreeMap<String, Vec<SeedCurve>> = BTreeMap::new();
    let mut data = BTreeSet::new();
    let mut firsts: BTreeMap<String, OneRun> = BTreeMap::new();
    let mut digests: BTreeMap<u64, String> = BTreeMap::new();
    for run in &args.runs {
        digest::require_whole(run)?;
        let one = OneRun::read(run)?;
        if !run.join("finished.json").is_file() {
            eprintln!(
                "note: {} is not finished: beyond its {} labels its curve is carried on flat",
                run.display(),
                one.curve.curve().last().labels
            );
        }
        // Random splits depend on the seed, so only runs of the same seed must have equal splits.
        let digest = digests
            .entry(one.curve.seed())
            .or_insert_with(|| one.digest.clone());
        if *digest != one.digest {
            return Err(bad_input!(
                "{} is on other data, or other splits, than the runs before it",
                run.display()
            ));
        }
        let group = groups.entry(one.strategy.clone()).or_default();
        if group.iter().any(|other| other.seed() == one.curve.seed()) {
            return Err(bad_input!(
                "{} is a second run of {} with seed {}: compare runs that differ in seed or strategy",
                run.display(),
                one.strategy,
                one.curve.seed()
            ));
        }
        group.push(one.curve.clone());
        data.insert(one.data.clone());
        match firsts.get(&one.strategy) {
            Some(first) => one.require_same(run, first)?,
            None => drop(firsts.insert(one.strategy.clone(), one)),
        }
    }
    if data.len() > 1 {
        let names: Vec<&str> = data.iter().map(String::as_str).collect();
        return Err(bad_input!(
            "the runs are on different data ({}): compare those of one",
            names.join(", ")
        ));
    }
    let curves = groups
        .into_iter()
        .map(|(name, seeds)| Curves::new(name, seeds))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let rows = rows(&curves);
    if let Some(out) = &args.out {
        let title = args
            .title
            .clone()
            .or_else(|| data.into_iter().next())
            .unwrap_or_default();
        draw(&plot(&curves, title, ""), out)?;
    }
    if args.json {
        println!("{}", acft_terminal::json(&serde_json::to_string(&rows)?));
    } else {
        print!("{}{}", table(&curves), savings(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the folder of a run says about it.
struct OneRun {
    data: String,
    /// The digest of all candidates, labels and splits.
    digest: String,
    /// The settings that must be equal in two runs of one strategy.
    settings: toml::Table,
    strategy: String,
    curve: SeedCurve,
}

impl OneRun {
    fn read(run: &Path) -> anyhow::Result<Self> {
        require_run(run)?;
        let resolved = Flags::read(&run.join("config.toml"))?.resolve()?;
        let data = resolved
            .flags
            .data
            .as_deref()
            .and_then(Path::file_stem)
            .unwrap_or_default();
        let mut settings = resolved.flags.table()?;
        for free in [
            "seed",
            "data",
            "manifest",
            "weights",
            "cache",
            "no-validation",
        ] {
            settings.remove(free);
        }
        let record: DataRecord = read_json(&run.join("data.json"))?;
        Ok(Self {
            data: data.to_string_lossy().into_owned(),
            digest: record.digest,
            settings,
            curve: SeedCurve::new(resolved.seed, read_curve(run)?),
            strategy: resolved.preset,
        })
    }

    /// Refuses to average runs that differ in more than the seed.
    fn require_same(&self, run: &Path, first: &Self) -> anyhow::Result<()> {
        let names: BTreeSet<&String> = self.settings.keys().chain(first.settings.keys()).collect();
        let differ = names
            .into_iter()
            .find(|name| self.settings.get(*name) != first.settings.get(*name));
        match differ {
            None => Ok(()),
            Some(name) => Err(bad_input!(
                "{} differs from another run of {} in {name}: only runs that differ in the seed are averaged",
                run.display(),
                self.strategy
            )),
        }
    }
}

/// The test AUC after each step of a run.
pub(crate) fn read_curve(run: &Path) -> anyhow::Result<LearningCurve> {
    learning_curve(&read_steps(run)?)
        .with_context(|| format!("{} has no learning curve yet", run.display()))
}

/// The curves of a strategy, one for each seed.
pub(crate) struct Curves {
    name: String,
    seeds: Vec<SeedCurve>,
    mean: LearningCurve,
}

impl Curves {
    /// # Errors
    /// The curves have no range in common.
    pub(crate) fn new(name: String, mut seeds: Vec<SeedCurve>) -> anyhow::Result<Self> {
        seeds.sort_by_key(SeedCurve::seed);
        let curves: Vec<LearningCurve> = seeds.iter().map(|seed| seed.curve().clone()).collect();
        let mean = LearningCurve::mean(&curves)
            .with_context(|| format!("the runs of {name} cannot be averaged"))?;
        Ok(Self { name, seeds, mean })
    }

    /// The lowest and the highest AUC of the seeds.
    fn spread(&self, labels: usize) -> (f64, f64) {
        self.seeds
            .iter()
            .filter_map(|seed| seed.curve().extended_to(labels).at(labels))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    }

    fn series(&self) -> Series {
        let points = self.mean.points();
        let band = points
            .iter()
            .map(|point| self.spread(point.labels))
            .collect();
        Series {
            name: self.name.clone(),
            points: points
                .iter()
                .map(|point| (point.labels as f64, point.value))
                .collect(),
            band: (self.seeds.len() > 1).then_some(band),
            ..Series::default()
        }
    }
}

/// Draws all curves in one picture. `note` stands before the sentence about the bands.
pub(crate) fn plot(curves: &[Curves], title: String, note: &str) -> CurvePlot {
    let most = curves
        .iter()
        .map(|curve| curve.seeds.len())
        .max()
        .unwrap_or(0);
    let band = match most {
        0 | 1 => "one seed each: an anecdote".to_owned(),
        seeds => format!("mean of up to {seeds} seeds; the bands reach from the worst to the best"),
    };
    CurvePlot {
        title,
        subtitle: format!("{note}{band}"),
        x_label: "labels queried".to_owned(),
        y_label: "test AUC".to_owned(),
        series: curves.iter().map(Curves::series).collect(),
        ..CurvePlot::default()
    }
}

/// Writes a picture in the format of its ending.
pub(crate) fn draw(plot: &CurvePlot, out: &Path) -> anyhow::Result<()> {
    let svg = plot.svg();
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => write_atomically(out, svg.as_bytes()),
        Some("png") => write_atomically(out, &png(&svg, 2.0)?),
        _ => Err(bad_input!(
            "--out {}: a picture is an .svg or a .png",
            out.display()
        )),
    }
}

/// The table: a row for each number of labels, with the mean of each strategy.
pub(crate) fn table(curves: &[Curves]) -> String {
    let width = |curve: &Curves| curve.name.chars().count().max(6);
    let mut text = String::from("labels");
    for curve in curves {
        let _ = write!(text, "  {:>1$}", curve.name, width(curve));
    }
    text.push('\n');
    let labels: BTreeSet<usize> = curves
        .iter()
        .flat_map(|curve| curve.mean.points())
        .map(|point| point.labels)
        .collect();
    for labels in labels {
        let _ = write!(text, "{labels:>6}");
        for curve in curves {
            let auc = curve
                .mean
                .at(labels)
                .map_or_else(|| "-".to_owned(), |auc| format!("{auc:.3}"));
            let _ = write!(text, "  {auc:>0$}", width(curve));
        }
        text.push('\n');
    }
    text
}

/// The summary of a strategy.
#[derive(Serialize)]
struct Row<'a> {
    strategy: &'a str,
    seeds: Vec<u64>,
    last_auc: f64,
    lowest_last_auc: f64,
    highest_last_auc: f64,
    /// Over the range of labels that all strategies have.
    alc: Option<f64>,
    alc_log2: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_saving: Option<LabelSaving>,
    /// Why there is no saving, although there is a reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_label_saving: Option<String>,
}

fn rows(curves: &[Curves]) -> Vec<Row<'_>> {
    let reference = curves.iter().find(|curve| curve.name == "rft");
    let from = curves
        .iter()
        .map(|curve| curve.mean.first().labels)
        .max()
        .unwrap_or(0);
    let to = curves
        .iter()
        .map(|curve| curve.mean.last().labels)
        .min()
        .unwrap_or(0);
    curves
        .iter()
        .map(|curve| {
            let last = curve.mean.last();
            let shared = curve.mean.between(from, to);
            let (lowest_last_auc, highest_last_auc) = curve.spread(last.labels);
            let (label_saving, no_label_saving) = match reference {
                Some(reference) if reference.name != curve.name => match saving(reference, curve) {
                    Ok(saving) => (Some(saving), None),
                    Err(why) => (None, Some(why)),
                },
                _ => (None, None),
            };
            Row {
                strategy: &curve.name,
                seeds: curve.seeds.iter().map(SeedCurve::seed).collect(),
                last_auc: last.value,
                lowest_last_auc,
                highest_last_auc,
                alc: shared.as_ref().map(LearningCurve::alc),
                alc_log2: shared.as_ref().map(LearningCurve::alc_log2),
                label_saving,
                no_label_saving,
            }
        })
        .collect()
}

/// The saving over the seeds that both have.
fn saving(reference: &Curves, curve: &Curves) -> Result<LabelSaving, String> {
    let seeds =
        |curves: &Curves| -> BTreeSet<u64> { curves.seeds.iter().map(SeedCurve::seed).collect() };
    let shared: BTreeSet<u64> = seeds(reference)
        .intersection(&seeds(curve))
        .copied()
        .collect();
    if shared.is_empty() {
        return Err("no seed in common".to_owned());
    }
    let of = |curves: &Curves| -> Vec<SeedCurve> {
        curves
            .seeds
            .iter()
            .filter(|seed| shared.contains(&seed.seed()))
            .cloned()
            .collect()
    };
    label_saving(&of(reference), &of(curve), &SavingOptions::default())
        .map_err(|error| error.to_string())
}

fn savings(rows: &[Row<'_>]) -> String {
    let mut text = String::from(
        "\nstrategy           seeds  last AUC (spread)       ALC  label saving against rft\n",
    );
    for row in rows {
        let saving = row
            .label_saving
            .as_ref()
            .map_or_else(String::new, |saving| {
                let interval = saving
                    .interval
                    .as_ref()
                    .map_or_else(String::new, |interval| {
                        format!(", 95 % interval {} to {}", interval.low, interval.high)
                    });
                let word = if saving.is_anecdotal() {
                    " (anecdotal: fewer than 5 seeds)"
                } else {
                    ""
                };
                format!("{}{interval}{word}", saving.saving)
            });
        let saving = row.no_label_saving.clone().unwrap_or(saving);
        let _ = writeln!(
            text,
            "{:<18} {:>5}  {:.3} ({:.3}–{:.3})  {:>8}  {saving}",
            row.strategy,
            row.seeds.len(),
            row.last_auc,
            row.lowest_last_auc,
            row.highest_last_auc,
            row.alc
                .map_or_else(|| "-".to_owned(), |alc| format!("{alc:.3}"))
        );
    }
    text
}
