//! `--learn head`: a head on a network that stays as it is.

use std::fs;

use assert_cmd::Command;

use crate::images::{Images, acft, refused, stderr, succeeds};

/// A run of a head, four labels a step.
fn head(images: &Images, run: &str, arguments: &[&str]) -> Command {
    images.simulate(
        run,
        &[&["--strategy", "head", "--axes", "16"], arguments].concat(),
    )
}

fn features(images: &Images) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(images.home().join("features"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

/// `steps.jsonl` and `queries.csv`: what a run was, without the clock.
fn told(images: &Images, run: &str) -> (Vec<serde_json::Value>, String) {
    (
        images.steps(run),
        images.read(&format!("{run}/queries.csv")),
    )
}

#[test]
fn a_head_learns_what_is_easy_and_keeps_what_a_network_keeps() {
    let images = Images::new();
    let output = succeeds(&mut head(&images, "run", &["--positive", "bright"]));
    let steps = images.steps("run");
    assert_eq!(steps.len(), 3, "{}", stderr(&output));
    // Bright and dark images are told apart by any network's features.
    assert!(steps[2]["test_auc"].as_f64().unwrap() > 0.95, "{steps:?}");
    assert!(steps[2]["val_auc"].as_f64().unwrap() > 0.95);
    for (at, step) in steps.iter().enumerate() {
        // A head learns from all labels.
        assert_eq!(step["trained_on"], 4 * (at + 1));
        assert!(step["loss"].as_array().unwrap().len() <= 1);
    }
    let config = images.read("run/config.toml");
    for setting in [
        "learn = \"head\"",
        "query = \"active\"",
        "criterion = \"entropy\"",
        "first-query = \"typiclust\"",
        "first-steps = 2",
        "gamma = 10.0",
        "axes = 16",
        "neighbors = 10",
    ] {
        assert!(config.contains(setting), "{setting} is not in\n{config}");
    }
    for file in [
        "models/last.head",
        "models/best.head",
        "curve.png",
        "finished.json",
    ] {
        assert!(
            images
                .home()
                .join("run")
                .join(file)
                .metadata()
                .unwrap()
                .len()
                > 100,
            "{file}"
        );
    }
    // The first two batches are typical ones, which no criterion ranks; then the query asks.
    let queries = images.read("run/queries.csv");
    for row in queries.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let typical = fields[0] == "1" || fields[0] == "2";
        assert_eq!(fields[5].is_empty(), typical, "{row}");
    }
    // What data.json names is the file that is there.
    let data: serde_json::Value = serde_json::from_str(&images.read("run/data.json")).unwrap();
    let named = format!("{}.features", data["features"].as_str().unwrap());
    let there = features(&images);
    assert!(there.contains(&named), "{there:?}");
    assert!(there.iter().any(|name| name.ends_with(".map")), "{there:?}");
}

#[test]
fn runs_share_features_and_a_damaged_map_is_made_anew() {
    let images = Images::new();
    succeeds(&mut head(&images, "a", &["--seed", "1"]));
    let made = features(&images);
    assert_eq!(made.len(), 2, "{made:?}");
    let when = |name: &str| {
        let path = images.home().join("features").join(name);
        path.metadata().unwrap().modified().unwrap()
    };
    let before: Vec<_> = made.iter().map(|name| when(name)).collect();
    // Another query, other patches to judge by: the same features and the same map.
    let other = [
        "--seed",
        "1",
        "--strategy",
        "head-random",
        "--test-patches",
        "2",
    ];
    succeeds(&mut head(&images, "b", &other));
    assert_eq!(features(&images), made);
    assert_eq!(
        before,
        made.iter().map(|name| when(name)).collect::<Vec<_>>()
    );
    assert_ne!(images.read("a/queries.csv"), images.read("b/queries.csv"));

    let map = made.iter().find(|name| name.ends_with(".map")).unwrap();
    let map = images.home().join("features").join(map);
    let whole = fs::read(&map).unwrap();
    fs::write(&map, &whole[..whole.len() / 2]).unwrap();
    let output = succeeds(&mut head(&images, "c", &["--seed", "1"]));
    assert!(stderr(&output).contains("made anew"), "{}", stderr(&output));
    assert_eq!(fs::read(&map).unwrap(), whole);
    assert_eq!(told(&images, "a"), told(&images, "c"));
}

#[test]
fn a_resumed_run_is_the_unbroken_one_on_any_number_of_threads() {
    let images = Images::new();
    succeeds(&mut head(
        &images,
        "whole",
        &["--steps", "4", "--threads", "1"],
    ));
    succeeds(&mut head(
        &images,
        "broken",
        &["--steps", "4", "--threads", "2"],
    ));
    assert_eq!(told(&images, "whole"), told(&images, "broken"));
    // As a kill in the fourth step leaves it, before its line is written; and the features are gone as well.
    let steps = images.read("broken/steps.jsonl");
    let three: String = steps
        .lines()
        .take(3)
        .map(|line| format!("{line}\n"))
        .collect();
    let broken = images.home().join("broken");
    fs::write(broken.join("steps.jsonl"), three).unwrap();
    fs::remove_file(broken.join("finished.json")).unwrap();
    let models = broken.join("models");
    let third = fs::read_dir(&models)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let third: Vec<_> = third.collect();
    if !third.iter().any(|name| name == "step-0003.head") {
        // Only the last and the best are kept: the run is made again up to the third step for its model.
        succeeds(&mut head(&images, "three", &["--steps", "3"]));
        fs::copy(
            images.home().join("three/models/step-0003.head"),
            models.join("step-0003.head"),
        )
        .unwrap();
    }
    fs::remove_dir_all(images.home().join("features")).unwrap();
    succeeds(&mut head(&images, "broken", &["--steps", "4", "--resume"]));
    assert_eq!(told(&images, "whole"), told(&images, "broken"));
    for name in ["last.head", "best.head"] {
        let of = |run: &str| fs::read(images.home().join(run).join("models").join(name)).unwrap();
        assert_eq!(of("whole"), of("broken"), "{name}");
    }
}

#[test]
fn all_queries_work_with_a_head_and_patches_may_be_one() {
    let images = Images::new();
    for query in [
        "margin",
        "least-confidence",
        "predictive-entropy",
        "bald",
        "variation-ratio",
        "core-set",
        "badge",
        "typiclust",
        "cluster-margin",
        "random",
    ] {
        let mut run = acft();
        run.current_dir(images.home())
            .args([
                "simulate",
                "--data",
                "blobs",
                "--from-scratch",
                "--model",
                "demo",
            ])
            .args([
                "--input",
                "16",
                "--patches",
                "crop:8",
                "--batch",
                "4",
                "--steps",
                "3",
            ])
            .args(["--learn", "head", "--query", query, "--out", query]);
        succeeds(&mut run);
        assert_eq!(images.steps(query).len(), 3, "{query}");
    }
    let one = ["--patches", "none", "--criterion", "entropy"];
    succeeds(&mut head(&images, "one", &one));
    assert!(images.read("one/config.toml").contains("gamma = 0.0"));
}

#[test]
fn what_a_head_cannot_do_is_said() {
    let images = Images::new();
    let told = refused(&mut head(
        &images,
        "r",
        &["--patches", "none", "--gamma", "3"],
    ));
    assert!(told.contains("--gamma 3"), "{told}");
    let mut dropout = acft();
    dropout
        .current_dir(images.home())
        .args([
            "simulate",
            "--data",
            "blobs",
            "--from-scratch",
            "--model",
            "squeezenet1_1",
        ])
        .args(["--learn", "head", "--query", "dropout-bald"]);
    assert!(refused(&mut dropout).contains("no dropout"));
    let told = refused(&mut head(&images, "r", &["--axes", "0"]));
    assert!(told.contains("--axes 0"), "{told}");
    let mut typo = acft();
    typo.current_dir(images.home()).args([
        "simulate",
        "--data",
        "blobs",
        "--from-scratch",
        "--model",
        "demo",
        "--learn",
        "haed",
    ]);
    let told = refused(&mut typo);
    assert!(told.contains("did you mean \"head\""), "{told}");
}

#[test]
fn labels_of_one_class_are_waited_out_and_a_missing_class_is_named() {
    let images = Images::new();
    // One label a step: the first cannot be of two classes.
    let arguments = ["--batch", "1", "--steps", "2", "--first-query", "random"];
    let output = succeeds(&mut head(&images, "one", &arguments));
    let said = stderr(&output);
    assert!(
        said.contains("a head needs labels of two classes"),
        "{said}"
    );
    let steps = images.steps("one");
    assert_eq!(steps[0]["val_auc"], 0.5);
    let warnings = steps[0]["warnings"].as_array().unwrap();
    assert!(
        warnings[0]
            .as_str()
            .unwrap()
            .contains("all 1 labels so far are"),
        "{warnings:?}"
    );

    // Of three classes one has a single candidate.
    images.list("grey.png,grey,train-x,train");
    fs::copy(images.image("train-001.png"), images.image("grey.png")).unwrap();
    let mut image = image::open(images.image("grey.png")).unwrap().to_rgb8();
    image.put_pixel(0, 0, image::Rgb([0, 255, 0]));
    image.save(images.image("grey.png")).unwrap();
    let three = ["--batch", "5", "--steps", "3", "--first-query", "random"];
    succeeds(&mut head(&images, "three", &three));
    let steps = images.steps("three");
    for step in &steps {
        let labeled = images.read("three/queries.csv");
        let until = |row: &&str| {
            row.split(',').next().and_then(|at| at.parse::<u64>().ok()) <= step["step"].as_u64()
        };
        let so_far: Vec<&str> = labeled.lines().skip(1).filter(until).collect();
        let has = |class: &str| {
            so_far
                .iter()
                .any(|row| row.split(',').nth(4) == Some(class))
        };
        let missing: Vec<&str> = ["bright", "dark", "grey"]
            .into_iter()
            .filter(|class| !has(class))
            .collect();
        let told = step["warnings"].to_string();
        match missing.len() {
            0 => assert!(!told.contains("no label yet"), "{told}"),
            1 => assert!(
                told.contains(&format!("no label yet of \\\"{}\\\"", missing[0])),
                "{told}"
            ),
            _ => assert!(
                told.contains("a head needs labels of two classes"),
                "{told}"
            ),
        }
    }
}

#[test]
fn runs_of_all_seeds_share_the_features_of_a_file_of_weights() {
    let images = Images::new();
    succeeds(&mut images.simulate("network", &["--steps", "1"]));
    for seed in ["1", "2"] {
        let mut run = acft();
        run.current_dir(images.home())
            .args(["simulate", "--data", "blobs", "--strategy", "head"])
            .args(["--weights", "network/models/last.safetensors"])
            .args(["--input", "16", "--patches", "crop:8", "--axes", "16"])
            .args([
                "--batch", "4", "--steps", "2", "--seed", seed, "--out", seed,
            ]);
        succeeds(&mut run);
    }
    assert_eq!(features(&images).len(), 2, "{:?}", features(&images));
    assert_ne!(images.read("1/queries.csv"), images.read("2/queries.csv"));
}

#[test]
fn a_candidate_is_explained_by_a_head_and_a_damaged_head_is_refused() {
    let images = Images::new();
    succeeds(&mut head(&images, "run", &[]));
    let queries = images.read("run/queries.csv");
    let name = queries.lines().nth(1).unwrap().split(',').nth(2).unwrap();
    let explain = |arguments: &[&str]| {
        let mut command = acft();
        command
            .current_dir(images.home())
            .args(["explain", "run", name, "--json"]);
        command.args(arguments);
        command
    };
    let output = succeeds(&mut explain(&[]));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["patches"], 8);
    assert_eq!(told["kept"], 4);
    for row in told["probabilities"].as_array().unwrap() {
        let sum: f64 = row
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_f64().unwrap())
            .sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
    let file = images.home().join("run/models/last.head");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let output = explain(&["--out", "again.png"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is damaged"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_image_that_is_cut_off_is_left_out_and_the_run_goes_on() {
    let images = Images::new();
    let image = images.image("train-003.png");
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    let output = succeeds(&mut head(
        &images,
        "run",
        &["--batch", "20", "--steps", "2"],
    ));
    let said = stderr(&output);
    assert!(said.contains("train-003.png"), "{said}");
    assert!(!images.read("run/queries.csv").contains("train-003.png"));
}
