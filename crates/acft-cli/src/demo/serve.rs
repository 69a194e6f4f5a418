//! `acft demo --serve`: the drawn frames as a project, to be labeled on the page.

use std::path::Path;
use std::process::ExitCode;

use acft_run::settings::Flags;
use acft_vision::models::Architecture;
use acft_worker::create::{Draft, KnownLabels};

use super::folder::{DemoFolder, Recipe};
use super::{frames, pretrain, race};
use crate::progress;
use crate::project::commands::serve;

/// Makes the project, unless that was done before, and serves it.
pub(super) fn serve(out: &Path, recipe: &Recipe, port: Option<u16>) -> anyhow::Result<ExitCode> {
    let folder = DemoFolder::open_or_create(out, recipe)?;
    eprintln!("everything goes into {}", out.display());
    frames::draw(&folder)?;
    pretrain::pretrain(&folder)?;
    let project = folder.path("drawn-frames");
    if !project.join("acft.toml").is_file() {
        let reading = progress::counter("reading images");
        Draft::new(&project, &flags(&folder)?, KnownLabels::Take, &reading)?.make(&project)?;
    }
    eprintln!(
        "label each frame: is there a dark, reddish spot (lesion), or only vessels and glints \
         (normal)? The images are synthetic, drawn by this program: they show the page at work"
    );
    serve::run(&serve::Args::of(project, port))
}

fn flags(folder: &DemoFolder) -> anyhow::Result<Flags> {
    Ok(Flags {
        data: Some(folder.frames()),
        manifest: Some(frames::list_unlabeled(folder)?),
        positive: Some("lesion".to_owned()),
        model: Some(Architecture::Demo),
        weights: Some(folder.weights()),
        input: Some(pretrain::INPUT),
        patches: Some("frame".parse()?),
        batch: Some(race::BATCH),
        lr: Some(1e-3),
        lr_ratio: Some(3.0),
        epochs: Some(5),
        minibatch: Some(64),
        cache: Some(64),
        ..Flags::default()
    })
}
