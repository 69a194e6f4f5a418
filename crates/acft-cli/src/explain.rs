//! `acft explain`: shows why a candidate has its score, as in Fig. 1 of the paper.

mod picture;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use acft::criterion::{diversity, entropy};
use acft::prediction::Predictions;
use acft::{CandidateId, Criterion, Scorer};
use acft_figure::png;
use acft_images::source::Dataset;
use acft_images::{ImagePatches, PatchSource};
use acft_run::files::write_atomically;
use acft_run::folder::{read_steps, require_run};
use acft_run::settings::{Flags, Settings};
use acft_run::{Learns, Teller, bad_input, best_step, data, digest, head, network};
use anyhow::Context;
use serde::Serialize;

use crate::machine::Machine;
use crate::output::Out;
use crate::progress::{self, Progress};
use picture::{Explanation, PatchView};

const EXAMPLE: &str = "\
Example:
  acft explain runs/lung-hq-0 image_378371.jpg

Names are those of the candidate column of the run's queries.csv; a part of a
name will do where only one candidate has it, and so will the start of a key.";

/// Show a candidate's patches, what the network says of each, and its score.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The folder of a run.
    run: PathBuf,
    /// The candidate's name, a part of it, or the start of its key.
    candidate: String,
    /// Which of the run's models to ask: last or best.
    #[arg(long, value_name = "MODEL", default_value = "last", value_parser = ["last", "best"])]
    model: String,
    /// The share of patches that majority selection keeps [default: the run's].
    #[arg(long, value_name = "SHARE")]
    alpha: Option<f64>,
    /// The picture, .svg or .png [default: RUN/explain/CANDIDATE.png].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the picture that --out names.
    #[arg(long, requires = "out")]
    force: bool,
    /// Print the numbers as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// The numbers behind the picture.
#[derive(Serialize)]
struct Numbers<'a> {
    candidate: &'a str,
    key: String,
    /// The step of the model. If the candidate was labeled by then, the model has learned from
    /// it; queries.csv has the scores for which it was drawn.
    model_of_step: u32,
    label: Option<&'a str>,
    dominant: &'a str,
    alpha: f64,
    kept: usize,
    patches: usize,
    /// Over the kept patches, and over all.
    entropy: [f64; 2],
    diversity: [f64; 2],
    /// Each patch's probabilities, sorted by the dominant class's.
    probabilities: Vec<&'a [f64]>,
    order: Vec<usize>,
    picture: &'a Path,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    require_run(&args.run)?;
    // A missing folder is made, so only an existing file can be in the way.
    if args.out.as_ref().is_some_and(|out| out.exists()) {
        let out = Out {
            out: args.out.clone(),
            force: args.force,
        };
        out.check()?;
    }
    digest::require_whole(&args.run)?;
    let mut flags = Flags::read(&args.run.join("config.toml"))?;
    flags.out = Some(args.run.clone());
    let settings = flags.resolve()?;
    let steps = read_steps(&args.run)?;
    let step = match args.model.as_str() {
        "best" => best_step(&steps).or(steps.last().map(|step| step.step)),
        _ => steps.last().map(|step| step.step),
    };
    let Some(step) = step else {
        return Err(bad_input!(
            "{} has no finished step, and so no model yet",
            args.run.display()
        ));
    };
    let alpha = alpha(args, &settings)?;
    let data = data::open(&settings.flags, &progress::counter("reading images"))?;
    let id = find(&data, &args.candidate)?;
    let candidate = &data.candidates[id.index()];

    let policy = settings
        .flags
        .patches
        .context("the run's config.toml names no patches: it is damaged")?;
    let patches = policy.len();
    let source = Arc::new(ImagePatches::new(
        data.candidates.clone(),
        policy,
        settings.input,
        0,
    ));
    let rows = match settings.learns {
        Learns::Network => predict(args, &settings, source.clone(), id)?,
        Learns::Head => {
            let file = model_file(args, head::EXTENSION);
            let progress = Progress::new(1, 0);
            let rows = head::patches_of(&settings, &data, &file, id, &progress);
            progress.end();
            rows?
        }
    };
    let predictions = Predictions::new(&rows, data.classes.len())?;

    let order = predictions.majority(1.0);
    let kept = predictions.majority(alpha);
    let scores = |score: fn(&Predictions<'_>, &[usize]) -> f64| {
        (score(&predictions, &kept), score(&predictions, &order))
    };
    let side = source.input();
    let mut pixels = vec![0; patches * side * side * 3];
    source.write(id, &mut pixels)?;
    let explanation = Explanation {
        candidate: candidate.name.clone(),
        classes: data.classes.clone(),
        dominant: predictions.dominant(),
        alpha,
        patches: order
            .iter()
            .enumerate()
            .map(|(place, &index)| PatchView {
                rgb: pixels[index * side * side * 3..][..side * side * 3].to_vec(),
                side,
                probabilities: predictions.row(index).to_vec(),
                kept: place < kept.len(),
                index,
            })
            .collect(),
        entropy: scores(entropy),
        diversity: scores(diversity),
        label: candidate
            .label
            .map(|label| data.classes[label.index()].clone()),
    };
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| default_picture(&args.run, &candidate.name));
    write_picture(&explanation, &out)?;

    let numbers = Numbers {
        candidate: &explanation.candidate,
        key: candidate.key.to_string(),
        model_of_step: step,
        label: explanation.label.as_deref(),
        dominant: &data.classes[explanation.dominant],
        alpha,
        kept: kept.len(),
        patches,
        entropy: explanation.entropy.into(),
        diversity: explanation.diversity.into(),
        probabilities: order.iter().map(|&index| predictions.row(index)).collect(),
        order: order.clone(),
        picture: &out,
    };
    if args.json {
        println!("{}", acft_terminal::json(&serde_json::to_string(&numbers)?));
    } else {
        print!("{}", text(&numbers));
    }
    Ok(ExitCode::SUCCESS)
}

fn alpha(args: &Args, settings: &Settings) -> anyhow::Result<f64> {
    let criterion = settings.plan.query.criterion();
    let of_run = criterion.map_or(0.25, |criterion| criterion.alpha);
    let alpha = args.alpha.unwrap_or(of_run);
    Criterion::entropy(alpha)
        .check()
        .map_err(|error| bad_input!("--{error}"))?;
    Ok(alpha)
}

/// Finds a candidate by its name, else by a part of the name or the start of the key, if only one
/// candidate fits.
fn find(data: &Dataset, wanted: &str) -> anyhow::Result<CandidateId> {
    let exact = |name: &str| name == wanted;
    let part = |name: &str| name.contains(wanted);
    let by_name = |test: &dyn Fn(&str) -> bool| -> Vec<CandidateId> {
        (0..)
            .zip(&data.candidates)
            .filter(|(_, c)| test(&c.name))
            .map(|(id, _)| CandidateId(id))
            .collect()
    };
    let mut found = by_name(&exact);
    if found.is_empty() {
        found = by_name(&part);
    }
    if found.is_empty() && wanted.len() >= 6 {
        found = (0..)
            .zip(&data.candidates)
            .filter(|(_, candidate)| candidate.key.to_string().starts_with(wanted))
            .map(|(id, _)| CandidateId(id))
            .collect();
    }
    match found.as_slice() {
        [id] => Ok(*id),
        [] => Err(bad_input!(
            "no candidate is called {wanted:?}; the names are in the run's queries.csv"
        )),
        [first, second, ..] => Err(bad_input!(
            "{} candidates have {wanted:?} in their name, such as {} and {}: give more of the name",
            found.len(),
            data.candidates[first.index()].name,
            data.candidates[second.index()].name
        )),
    }
}

fn model_file(args: &Args, extension: &str) -> PathBuf {
    let name = format!("{}.{extension}", args.model);
    args.run.join("models").join(name)
}

fn predict(
    args: &Args,
    settings: &Settings,
    source: Arc<ImagePatches>,
    id: CandidateId,
) -> anyhow::Result<Vec<f64>> {
    let model = &network::load(&model_file(args, "safetensors"))?;
    let learner = network::learner(&settings.flags, model, source)?;
    let mut outcome = None;
    learner
        .predict(model, &[id], &mut |_, rows| {
            outcome = Some(rows.map(<[f64]>::to_vec));
            ControlFlow::Continue(())
        })
        .map_err(anyhow::Error::from_boxed)?;
    Ok(outcome.context("the network gave no prediction")??)
}

fn default_picture(run: &Path, name: &str) -> PathBuf {
    // The ending stays in the name, because two images may differ in it alone.
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    run.join("explain").join(format!("{plain}.png"))
}

fn write_picture(explanation: &Explanation, out: &Path) -> anyhow::Result<()> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let svg = explanation.svg();
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => write_atomically(out, svg.as_bytes()),
        Some("png") => write_atomically(out, &png(&svg, 2.0)?),
        _ => Err(bad_input!(
            "--out {}: a picture is an .svg or a .png",
            out.display()
        )),
    }
}

fn text(numbers: &Numbers<'_>) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let label = numbers
        .label
        .map_or_else(|| "none".to_owned(), ToOwned::to_owned);
    let _ = writeln!(
        text,
        "{}  label {label}, dominant class {} by the model of step {}",
        numbers.candidate, numbers.dominant, numbers.model_of_step
    );
    let _ = writeln!(
        text,
        "\n            kept {:>2} of {:<2}   all patches",
        numbers.kept, numbers.patches
    );
    for (name, [kept, all]) in [
        ("entropy", numbers.entropy),
        ("diversity", numbers.diversity),
    ] {
        let _ = writeln!(text, "{name:<10} {kept:>13.6} {all:>13.6}");
    }
    let _ = writeln!(text, "\npatch  probabilities, sorted by the dominant class");
    for (place, (index, row)) in numbers.order.iter().zip(&numbers.probabilities).enumerate() {
        let row: Vec<String> = row.iter().map(|p| format!("{p:.4}")).collect();
        let mark = if place < numbers.kept { " kept" } else { "" };
        let _ = writeln!(text, "{index:>5}  {}{mark}", row.join("  "));
    }
    let _ = writeln!(text, "\nthe picture is {}", numbers.picture.display());
    text
}
