//! The real data sets open as they are; skipped where they are not at hand.
#![allow(clippy::unwrap_used)]

use std::{
    env,
    path::{Path, PathBuf},
};

use acft_images::{
    patches::{PatchPolicy, load_region, patches},
    source::{Dataset, SourceOptions, Split, open},
};

/// The folder of a data set, or a printed reason to skip the test.
fn folder(name: &str) -> Option<PathBuf> {
    let shared = env::var_os("ACFT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data").join(name);
    if !folder.is_dir() {
        println!(
            "skipped: no {}; set ACFT_SHARED to the folder that has it",
            folder.display()
        );
        return None;
    }
    Some(folder)
}

fn dataset(name: &str) -> Option<Dataset> {
    let options = SourceOptions {
        data: folder(name)?,
        ..SourceOptions::default()
    };
    Some(open(&options, &|_, _| ()).unwrap())
}

/// Candidates in train, validation and test.
fn counts(dataset: &Dataset) -> [usize; 3] {
    [Split::Train, Split::Validation, Split::Test].map(|split| {
        dataset
            .candidates
            .iter()
            .filter(|c| c.split == split)
            .count()
    })
}

/// Every `step`-th candidate decodes, and gives patches.
fn decode_some(dataset: &Dataset, step: usize, policy: &str) {
    let policy: PatchPolicy = policy.parse().unwrap();
    let mut out = vec![0; policy.len() * 32 * 32 * 3];
    for candidate in dataset.candidates.iter().step_by(step) {
        let region = load_region(candidate, &policy, 32).unwrap();
        patches(&region, &policy, 32, &mut out);
        assert!(
            out.iter().any(|v| *v != out[0]),
            "{} is blank",
            candidate.name
        );
    }
}

#[test]
fn lung_nodule_candidates() {
    let Some(dataset) = dataset("lung_nodule_candidates") else {
        return;
    };
    assert_eq!(dataset.classes, ["0", "1"]);
    assert_eq!(dataset.candidates.len(), 8106);
    assert_eq!(counts(&dataset), [5187, 1297, 1622]);
    assert!(
        dataset.left_out.is_empty() && dataset.duplicates.is_empty() && dataset.held_out.is_empty()
    );
    let nodules = dataset
        .candidates
        .iter()
        .filter(|c| c.label.unwrap().0 == 1)
        .count();
    assert_eq!(nodules, 1351);
    decode_some(&dataset, 50, "crop:12");
}

#[test]
fn chest_xray_pneumonia() {
    let Some(dataset) = dataset("chest_xray_pneumonia") else {
        return;
    };
    assert_eq!(dataset.classes, ["NORMAL", "PNEUMONIA"]);
    assert_eq!(dataset.candidates.len() + dataset.duplicates.len(), 5856);
    assert_eq!(dataset.duplicates.len(), 32);
    assert!(dataset.candidates.iter().all(|c| c.group.is_some()));
    assert!(dataset.left_out.is_empty() && dataset.held_out.is_empty());
    decode_some(&dataset, 200, "crop:12");
}

#[test]
fn rooms3_places365() {
    let Some(dataset) = dataset("rooms3_places365") else {
        return;
    };
    assert_eq!(dataset.classes, ["bedroom", "kitchen", "living_room"]);
    assert_eq!(dataset.candidates.len() + dataset.duplicates.len(), 4800);
    let [train, validation, test] = counts(&dataset);
    assert_eq!(
        validation,
        (train + validation + 5) / 10,
        "10 % of train, test {test}"
    );
    assert_eq!(dataset.held_out.len(), 1, "{:?}", dataset.held_out);
    decode_some(&dataset, 200, "frame");
}

#[test]
fn bccd() {
    let Some(dataset) = dataset("bccd") else {
        return;
    };
    assert_eq!(dataset.classes, ["Platelets", "RBC", "WBC"]);
    let names: Vec<_> = dataset
        .left_out
        .iter()
        .map(|out| (out.name.as_str(), out.row))
        .collect();
    assert_eq!(names.len(), 2, "{:?}", dataset.left_out);
    assert!(
        names
            .iter()
            .any(|(name, _)| *name == "BloodImage_00338.jpg#504,337,504,337")
    );
    assert!(
        names
            .iter()
            .any(|(name, _)| *name == "BloodImage_00343.jpg#181,329,181,329")
    );
    assert!(
        dataset
            .left_out
            .iter()
            .all(|out| out.reason.contains("degenerate"))
    );
    assert_eq!(dataset.candidates.len() + dataset.duplicates.len(), 4886);
    decode_some(&dataset, 100, "box:120");
}

#[test]
fn breastmnist() {
    let Some(dataset) = dataset("breastmnist") else {
        return;
    };
    assert_eq!(dataset.candidates.len() + dataset.duplicates.len(), 780);
    assert_eq!(dataset.classes, ["0", "1"]);
    decode_some(&dataset, 10, "crop");
}
