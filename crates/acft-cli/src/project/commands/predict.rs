//! `acft predict`: what the project's network makes of images.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use acft_images::source;
use acft_run::bad_input;
use acft_worker::Opened;
use acft_worker::words::count;
use anyhow::Context;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::at::AtFlag;
use super::scoring::{Asked, Seen, rounded};
use crate::machine::Machine;
use crate::output::{Format, Out, Table, list, print_json};
use crate::progress;

const EXAMPLE: &str = "\
Examples:
  acft predict scan-17.png
  acft predict march/ --out march.csv
  acft predict *.png --json --model 3fa91c

Columns p_CLASS are the mean over an image's patches. A server answers the same
on POST /api/predict, also for a box within an image.";

/// Predict the classes of images.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Image files, and folders of them.
    #[arg(required = true, value_name = "IMAGES")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    at: AtFlag,
    /// Which model, by its hash or the start of it [default: the one in use].
    #[arg(long, value_name = "HASH")]
    model: Option<String>,
    #[command(flatten)]
    out: Out,
    /// How rows are written [default: told from --out, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Print everything as one JSON object.
    #[arg(long, conflicts_with_all = ["format", "out"])]
    json: bool,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary {
    model: String,
    classes: Vec<String>,
    predictions: Vec<Value>,
    unreadable: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.out.check()?;
    let images = images(&args.images)?;
    let total = images.len();
    let names: Vec<String> = images.iter().map(|image| image.name.clone()).collect();
    let opened = Opened::read(args.at.root()?)?;
    let asked = Asked::open(&opened, args.model.as_deref())?;
    if let Some(caveat) = asked.caveat() {
        eprintln!("note: {caveat}");
    }
    let mut seen = Vec::with_capacity(total);
    let mut unreadable = Vec::new();
    asked.about(
        images,
        &progress::counter("predicting"),
        &mut |at, outcome| match outcome {
            Ok(one) => seen.push((at, one)),
            Err(reason) => unreadable.push(format!("{}: {reason}", names[at])),
        },
    )?;
    let exit = if seen.is_empty() {
        return Err(bad_input!(
            "none of the {} can be read; the first, {}",
            count(total, "image"),
            unreadable.first().map_or("?", String::as_str)
        ));
    } else {
        ExitCode::SUCCESS
    };
    if args.json {
        print_json(&Summary {
            predictions: seen
                .iter()
                .map(|(at, one)| object(&names[*at], one, &asked.classes))
                .collect(),
            model: asked.hash().to_owned(),
            classes: asked.classes,
            unreadable,
        })?;
        return Ok(exit);
    }
    let table = rows(&names, &seen, &asked.classes);
    let format = Format::of(args.format, &args.out);
    args.out
        .write(&table.to_bytes(format)?, &count(seen.len(), "prediction"))?;
    list("not readable, and left out", &unreadable);
    Ok(exit)
}

fn rows(names: &[String], seen: &[(usize, Seen)], classes: &[String]) -> Table {
    let mut columns = ["image", "dominant"].map(str::to_owned).to_vec();
    columns.extend(classes.iter().map(|class| format!("p_{class}")));
    columns.extend(["score", "entropy", "diversity"].map(str::to_owned));
    let mut table = Table::new(columns);
    for (at, one) in seen {
        let mut row = vec![json!(names[*at]), json!(classes[one.score.dominant])];
        row.extend(one.mean.iter().map(|p| json!(rounded(*p))));
        row.extend([one.score.value, one.score.entropy, one.score.diversity].map(|x| json!(x)));
        table.push(row);
    }
    table
}

fn object(name: &str, one: &Seen, classes: &[String]) -> Value {
    let probabilities: Map<String, Value> = classes
        .iter()
        .zip(&one.mean)
        .map(|(class, p)| (class.clone(), json!(rounded(*p))))
        .collect();
    json!({
        "image": name,
        "dominant": classes[one.score.dominant],
        "probabilities": probabilities,
        "score": one.score.value,
        "entropy": one.score.entropy,
        "diversity": one.score.diversity,
    })
}

/// Files that are taken for images in a folder, in any case.
const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// The images of files and folders, those of a folder sorted by name.
fn images(given: &[PathBuf]) -> anyhow::Result<Vec<source::Candidate>> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let before = files.len();
            walk(path, &mut files)?;
            if files.len() == before {
                return Err(bad_input!("{} has no images in it", path.display()));
            }
        } else if path.is_file() {
            files.push(path.clone());
        } else {
            return Err(bad_input!("{}: no such file or folder", path.display()));
        }
    }
    Ok(files
        .into_iter()
        .map(|path| source::Candidate {
            // It joins no project: its content is of no interest.
            key: acft::CandidateKey([0; 32]),
            name: path.display().to_string(),
            path,
            region: None,
            label: None,
            group: None,
            split: source::Split::Train,
            row: None,
        })
        .collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        // Links to folders are not followed: they may lead in circles.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !hidden {
            walk(&path, files)?;
        } else if !hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            files.push(path);
        }
    }
    Ok(())
}
