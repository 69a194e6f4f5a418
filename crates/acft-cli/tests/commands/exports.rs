//! `acft export`: whole files, never over others, that other commands read.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::{Home, truth};

fn labeled() -> Home {
    let home = Home::with_project();
    let mut rows = String::from("candidate,label,annotator,seconds\n");
    for number in 0..8 {
        let name = format!("{number:02}.png");
        rows += &format!("{name},{},ada,1.5\n", truth(&name));
    }
    home.write("labels.csv", &rows);
    home.told(&["label", "import", "labels.csv", "lungs"]);
    home
}

#[test]
fn labels_go_round() {
    let home = labeled();
    home.told(&["export", "labels", "lungs", "--out", "out.jsonl"]);
    home.init(&["other", "--images", "scans", "--classes", "dark,bright"])
        .assert()
        .success();
    assert_eq!(
        home.told(&["label", "import", "out.jsonl", "other"]),
        "8 labels imported\n"
    );
    let plain = |project: &str| {
        let table = home.told(&["export", "labels", project]);
        let rows: Vec<Vec<String>> = csv::Reader::from_reader(table.as_bytes())
            .records()
            .map(|row| row.unwrap().iter().take(5).map(str::to_owned).collect())
            .collect();
        rows
    };
    assert_eq!(plain("lungs"), plain("other"));
    assert_eq!(plain("lungs")[0][2..], ["bright", "ada", "1.5"]);
}

#[test]
fn files_are_not_written_over_unless_asked() {
    let home = labeled();
    home.write("out.csv", "mine");
    let told = home.refused(&["export", "labels", "lungs", "--out", "out.csv"]);
    assert!(told.contains("out.csv already exists"), "{told}");
    assert_eq!(home.read("out.csv"), "mine");
    home.told(&["export", "labels", "lungs", "--out", "out.csv", "--force"]);
    assert_eq!(home.read("out.csv").lines().count(), 9);
    for (arguments, expected) in [
        (
            &["export", "labels", "lungs", "--out", "scans"][..],
            "scans is a folder",
        ),
        (
            &["export", "labels", "lungs", "--out", "no/x.csv"],
            "there is no folder no",
        ),
        (&["export", "model", "lungs"], "name a file with --out"),
        (
            &["export", "model", "lungs", "--model", "xyz", "--out", "m"],
            "\"xyz\"",
        ),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_manifest_is_read_by_init_and_the_model_as_weights() {
    let home = labeled();
    home.told(&["export", "manifest", "lungs", "--out", "manifest.csv"]);
    home.init(&["copy", "--manifest", "manifest.csv"])
        .assert()
        .success();
    let (one, other) = (
        home.json(&["classes", "list", "lungs", "--json"]),
        home.json(&["classes", "list", "copy", "--json"]),
    );
    let labels = |classes: &serde_json::Value, name: &str| {
        let classes = classes.as_array().unwrap();
        classes.iter().find(|class| class["name"] == name).unwrap()["labels"].clone()
    };
    for name in ["dark", "bright"] {
        assert_eq!(labels(&one, name), labels(&other, name), "{name}");
    }
    home.told(&["export", "model", "lungs", "--out", "m.safetensors"]);
    let models = home.json(&["model", "list", "lungs", "--json"]);
    let kept = home.path(&format!(
        "lungs/models/{}.safetensors",
        models[0]["hash"].as_str().unwrap()
    ));
    assert_eq!(
        std::fs::read(home.path("m.safetensors")).unwrap(),
        std::fs::read(kept).unwrap()
    );
}

#[test]
fn a_project_with_groups_is_exported_with_each_in_one_split() {
    let home = Home::new();
    // Patients of three images each.
    let mut manifest = "file,patient\n".to_owned();
    for number in 0..crate::project::IMAGES {
        manifest += &format!("scans/{number:02}.png,p{}\n", number / 3);
    }
    home.write("patients.csv", &manifest);
    let data = ["--manifest", "patients.csv", "--group-column", "patient"];
    let arguments = [&["lungs"][..], &data, &["--classes", "dark,bright"]].concat();
    home.init(&arguments).assert().success();
    let toml = home.read("lungs/acft.toml");
    let toml = toml.replace("holdout-one-in = 10", "holdout-one-in = 3");
    home.write("lungs/acft.toml", &toml);
    for batch in ["one.csv", "two.csv"] {
        home.told(&["query", "lungs", "--batch", "4", "--out", batch]);
        home.fill_in(batch, "labels.csv");
        home.told(&["label", "import", "labels.csv", "lungs"]);
    }

    for (flags, file) in [(&["--labeled"][..], "labeled.csv"), (&[], "all.csv")] {
        let export = ["export", "manifest", "lungs", "--out", file];
        home.told(&[&export[..], flags].concat());
        let mut splits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in csv::Reader::from_path(home.path(file)).unwrap().records() {
            let row = row.unwrap();
            let of = splits.entry(row[2].to_owned()).or_default();
            of.insert(row[3].to_owned());
        }
        assert!(splits.values().all(|of| of.len() == 1), "{splits:?}");
        let all: BTreeSet<&str> = splits.values().flatten().map(String::as_str).collect();
        assert_eq!(all, BTreeSet::from(["train", "val"]));
        let copy = file.trim_end_matches(".csv");
        home.init(&[copy, "--manifest", file]).assert().success();
    }
}

#[test]
fn predictions_of_the_project_and_of_other_images() {
    let home = labeled();
    let table = home.told(&["export", "predictions", "lungs"]);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let columns: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(columns[4..7], ["dominant", "p_dark", "p_bright"]);
    let mut count = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let sum: f64 = row[5].parse::<f64>().unwrap() + row[6].parse::<f64>().unwrap();
        assert!((sum - 1.0).abs() < 1e-4, "{row:?}");
        count += 1;
    }
    assert_eq!(count, crate::project::IMAGES);

    home.write("scans/broken.png", "no image");
    let predicted = home.json(&["predict", "--project", "lungs", "scans", "--json"]);
    assert_eq!(
        predicted["predictions"].as_array().unwrap().len() as u32,
        count
    );
    assert_eq!(predicted["unreadable"].as_array().unwrap().len(), 1);
    let one = home.told(&["predict", "scans/00.png", "--project", "lungs"]);
    let same = table.lines().find(|row| row.starts_with("00.png")).unwrap();
    let p = |row: &str, at: usize| row.split(',').nth(at).unwrap().to_owned();
    assert_eq!(p(one.lines().nth(1).unwrap(), 2), p(same, 5));

    for (arguments, expected) in [
        (
            &["predict", "nowhere.png", "--project", "lungs"][..],
            "nowhere.png: no such file",
        ),
        (
            &["predict", "scans/broken.png", "--project", "lungs"],
            "broken.png",
        ),
        (
            &["predict", "lungs/reports", "--project", "lungs"],
            "no images in it",
        ),
        (&["predict", "scans/00.png"], "there is no project here"),
    ] {
        let told = home.refused(arguments);
        assert!(told.contains(expected), "{told}");
    }
}
