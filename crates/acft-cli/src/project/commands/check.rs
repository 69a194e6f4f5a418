//! `acft check`: a project against its files and hashes.

mod images;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use acft_project::{Finding, Ledger, Project, accept_loss, check_database, database_note};
use acft_run::network;
use acft_worker::open::into_bad_input;
use acft_worker::settings::ProjectSettings;
use acft_worker::words::count;
use serde::Serialize;

use super::at::At;
use crate::output::{print, print_json};

const EXAMPLE: &str = "\
Examples:
  acft check lungs
  acft check --deep --json
  acft check --accept-loss lungs

Reads only, also while a server has the project. Exits with 1 where something is
wrong. A file whose size or time is not as it was is read, and named where its
content is not what joined the project; --deep reads all of them. Labels that
were accepted and are gone from the end of the database are reported;
--accept-loss goes on without them, where nothing else is wrong, and keeps a
copy of the files as they were.";

/// Check a project: its database, its models, its images.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Read every image, and hold its content against what joined the project.
    #[arg(long)]
    deep: bool,
    /// Go on without the events that are gone from the end of the database.
    #[arg(long)]
    accept_loss: bool,
    /// Print what is wrong as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Checked {
    ok: bool,
    findings: Vec<Finding>,
    /// What is worth knowing, and does no harm.
    notes: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = args.at.root()?;
    if args.accept_loss {
        accept(&root)?;
    }
    let checked = check(&root, args.deep)?;
    if args.json {
        print_json(&checked)?;
    } else {
        print(text(&checked).as_bytes())?;
    }
    Ok(if checked.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Accepts what is lost; what is well then is told as always.
fn accept(root: &Path) -> anyhow::Result<()> {
    match accept_loss(root).map_err(into_bad_input)? {
        Some(accepted) => eprintln!(
            "{}: this is accepted; the files as they were are in {}",
            accepted.lost,
            accepted.kept.display()
        ),
        None => eprintln!("nothing is gone from the end of the database: nothing was changed"),
    }
    Ok(())
}

fn check(root: &Path, deep: bool) -> anyhow::Result<Checked> {
    let mut findings = Vec::new();
    let settings = ProjectSettings::read(root);
    if let Err(error) = &settings {
        findings.push(Finding {
            about: root.join(acft_worker::SETTINGS).display().to_string(),
            wrong: format!("{error:#}"),
            mend: "correct that line; `acft init` of another folder writes one to look at"
                .to_owned(),
        });
    }
    let database = check_database(root).map_err(into_bad_input)?;
    let is_whole = database.is_empty();
    findings.extend(database);
    let rules = settings
        .map(|settings| settings.rules())
        .unwrap_or_default();
    let mut notes = Vec::new();
    // What can be read of a damaged database may be without a model or a candidate: nothing is held against it.
    match Project::read(root, rules) {
        Ok(_) if !is_whole => {}
        Ok(project) => {
            findings.extend(project.check_files());
            findings.extend(weights(&project));
            let images = images::check(&project, deep);
            findings.extend(images.findings);
            notes = unknown_models(&project);
            notes.extend(database_note(root).map_err(into_bad_input)?);
            notes.extend(images.notes);
        }
        Err(error) if findings.is_empty() => return Err(into_bad_input(error)),
        Err(_) => {}
    }
    Ok(Checked {
        ok: findings.is_empty(),
        findings,
        notes,
    })
}

/// Files in models/ that no event speaks of: of fine-tunings that were cut short.
fn unknown_models(project: &Project) -> Vec<String> {
    let known: BTreeSet<String> = known_models(project.ledger());
    let Ok(entries) = std::fs::read_dir(project.root().join("models")) else {
        return Vec::new();
    };
    let mut unknown: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !known.contains(name))
        .map(|name| format!("models/{name} belongs to no model of the project, and can be deleted"))
        .collect();
    unknown.sort();
    unknown
}

/// The model in use, where its file is as it was kept and holds weights that no
/// network can compute with.
fn weights(project: &Project) -> Option<Finding> {
    let made = project.ledger().models().current()?;
    let path = project.model_path(&made.model.hash);
    let bytes = std::fs::read(&path).ok()?;
    // Another content has been named already.
    if blake3::hash(&bytes).to_hex().as_str() != made.model.hash {
        return None;
    }
    let error = network::load_hashed(&path, &made.model.hash).err()?;
    Some(Finding {
        about: path.display().to_string(),
        wrong: format!("{error:#}"),
        mend: "it is the model in use: go back to another with `acft model use`".to_owned(),
    })
}

fn known_models(ledger: &Ledger) -> BTreeSet<String> {
    ledger
        .models()
        .all()
        .iter()
        .map(|made| format!("{}.safetensors", made.model.hash))
        .collect()
}

fn text(checked: &Checked) -> String {
    let mut text = String::new();
    for finding in &checked.findings {
        text += &format!(
            "{}: {}\n  to mend it: {}\n",
            finding.about, finding.wrong, finding.mend
        );
    }
    for note in &checked.notes {
        text += &format!("note: {note}\n");
    }
    text += &match checked.findings.len() {
        0 => "all is well\n".to_owned(),
        wrong => format!("{} wrong\n", count(wrong, "thing")),
    };
    text
}
