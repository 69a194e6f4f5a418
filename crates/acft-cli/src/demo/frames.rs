//! The drawn images on disk: a folder as `acft simulate --data` takes it.

use std::fs;
use std::path::PathBuf;

use acft_run::files::write_atomically;
use anyhow::Context;
use rayon::prelude::*;

use super::draw::frame::Frame;
use super::folder::DemoFolder;
use super::{race, sheet};

/// The set that is drawn; the runs' seeds choose other things.
const SEED: u64 = 2021;

/// How many frames each split has, in the order of their drawing.
const SPLITS: [(&str, usize); 3] = [("train", 500), ("val", 60), ("test", 240)];

/// Examples of each class in the contact sheet.
const SHOWN: usize = 24;

/// Steps for which the pool lasts.
pub(super) fn most_steps() -> u16 {
    let (_, pool) = SPLITS[0];
    u16::try_from(pool / race::BATCH).unwrap_or(u16::MAX)
}

/// Draws every frame, unless that was done before. The list of labels comes
/// last: a set that has it is whole.
pub(super) fn draw(folder: &DemoFolder) -> anyhow::Result<()> {
    let labels = folder.frames().join("labels.csv");
    if labels.is_file() {
        return Ok(());
    }
    let images = folder.frames().join("images");
    fs::create_dir_all(&images).with_context(|| format!("cannot make {}", images.display()))?;
    let frames: Vec<Frame> = (0..SPLITS.iter().map(|(_, count)| count).sum())
        .map(|index| Frame::of(SEED, index))
        .collect();
    let lesions = frames.iter().filter(|frame| frame.lesion).count();
    eprintln!(
        "drawing {} frames, {lesions} of them with a spot",
        frames.len()
    );

    frames
        .par_iter()
        .try_for_each(|frame| frame.draw(SEED).save(&images.join(file_name(frame))))?;
    folder.write("frames.png", &sheet::png(&examples(&frames), SHOWN / 2)?)?;
    write_atomically(&labels, list(&frames)?.as_slice())
}

/// Lists the drawn frames for someone who labels them: those of the pool
/// without their labels, those that judge models with them. Written last, so
/// that a list that is there is whole.
pub(super) fn list_unlabeled(folder: &DemoFolder) -> anyhow::Result<PathBuf> {
    let path = folder.frames().join("unlabeled.csv");
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["file", "label", "split"])?;
    for (frame, split) in (0..).map(|index| Frame::of(SEED, index)).zip(splits()) {
        let label = if split == "train" { "" } else { frame.label() };
        csv.write_record([file_name(&frame).as_str(), label, split])?;
    }
    write_atomically(&path, &csv.into_inner()?)?;
    Ok(path)
}

/// The split of each frame, in the order of their drawing.
fn splits() -> impl Iterator<Item = &'static str> {
    SPLITS
        .iter()
        .flat_map(|&(split, count)| std::iter::repeat_n(split, count))
}

fn file_name(frame: &Frame) -> String {
    format!("frame-{:04}.png", frame.index)
}

/// `labels.csv`: file, label, split, difficulty (of seeing the spot).
fn list(frames: &[Frame]) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["file", "label", "split", "difficulty"])?;
    for (frame, split) in frames.iter().zip(splits()) {
        let difficulty = if frame.lesion {
            format!("{:.2}", frame.difficulty)
        } else {
            String::new()
        };
        csv.write_record([&file_name(frame), frame.label(), split, &difficulty])?;
    }
    Ok(csv.into_inner()?)
}

/// The first lesions by rising difficulty, then the first frames without.
fn examples(frames: &[Frame]) -> Vec<super::draw::Canvas> {
    let first = |lesion| {
        frames
            .iter()
            .filter(move |frame| frame.lesion == lesion)
            .take(SHOWN)
            .copied()
    };
    let mut lesions: Vec<Frame> = first(true).collect();
    lesions.sort_by(|a, b| a.difficulty.total_cmp(&b.difficulty));
    lesions
        .into_iter()
        .chain(first(false))
        .map(|frame| frame.draw(SEED))
        .collect()
}
