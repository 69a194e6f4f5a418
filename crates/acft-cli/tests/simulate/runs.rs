//! What a run leaves behind, and that its seed decides all of it.

use std::collections::BTreeSet;

use crate::images::{Images, POOL, acft, refused, succeeds};

#[test]
fn a_run_leaves_its_settings_steps_queries_curve_and_models() {
    let images = Images::new();
    let output = succeeds(&mut images.simulate("run", &["--positive", "bright", "--json"]));
    let finished: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(finished["reason"], "steps");
    assert_eq!(finished["labels"], 12);
    let mut kept: serde_json::Value =
        serde_json::from_str(&images.read("run/finished.json")).unwrap();
    // The file says beside it where the hashes of the record are.
    let digest = kept.as_object_mut().unwrap().remove("digest");
    assert_eq!(digest, Some("digest.json".into()));
    assert_eq!(finished, kept);

    let steps = images.steps("run");
    assert_eq!(steps.len(), 3);
    for (at, step) in steps.iter().enumerate() {
        assert_eq!(step["labels"], 4 * (at + 1));
        for auc in ["test_auc", "val_auc", "test_auprc"] {
            let auc = step[auc].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&auc));
        }
        assert_eq!(step["batch_classes"].as_object().unwrap().len(), 2);
        assert_eq!(step["loss"].as_array().unwrap().len(), 2);
    }
    let queries = images.read("run/queries.csv");
    let names: Vec<&str> = queries
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap())
        .collect();
    assert_eq!(names.len(), 12);
    assert_eq!(
        names.iter().collect::<BTreeSet<_>>().len(),
        12,
        "no candidate twice"
    );
    assert!(
        names.iter().all(|name| name.starts_with("train-")),
        "only the pool is asked about"
    );

    let config = images.read("run/config.toml");
    for setting in [
        "model = \"demo\"",
        "patches = \"crop:8\"",
        "learn = \"hq\"",
        "omega = 5.0",
        "seed = 0",
    ] {
        assert!(config.contains(setting), "{setting} is not in\n{config}");
    }
    for file in [
        "curve.svg",
        "curve.png",
        "models/last.safetensors",
        "models/best.safetensors",
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
    let data: serde_json::Value = serde_json::from_str(&images.read("run/data.json")).unwrap();
    assert_eq!(data["pool"], POOL);
}

#[test]
fn the_seed_decides_everything_and_the_kept_settings_repeat_the_run() {
    let images = Images::new();
    succeeds(&mut images.simulate("a", &["--seed", "3"]));
    succeeds(&mut images.simulate("b", &["--seed", "4"]));
    succeeds(acft().current_dir(images.home()).args([
        "simulate",
        "--config",
        "a/config.toml",
        "--out",
        "c",
    ]));
    assert_eq!(images.steps("a"), images.steps("c"));
    assert_eq!(images.read("a/queries.csv"), images.read("c/queries.csv"));
    assert_ne!(images.read("a/queries.csv"), images.read("b/queries.csv"));
}

#[test]
fn every_strategy_runs_to_the_end() {
    let images = Images::new();
    for code in [
        "rft",
        "aft-lq",
        "acft-q",
        "acft-lq",
        "acft-hq",
        "acft-hq-balanced",
        "rcft-hq",
    ] {
        succeeds(&mut images.simulate(
            code,
            &["--strategy", code, "--steps", "2", "--no-validation"],
        ));
        let steps = images.steps(code);
        assert_eq!(steps.len(), 2, "{code}");
        let lesson = steps[1]["trained_on"].as_u64().unwrap();
        let h = steps[1]["h"].as_u64();
        match code {
            "acft-q" => assert_eq!((lesson, h), (4, None)),
            "rft" | "aft-lq" | "acft-lq" => assert_eq!((lesson, h), (8, None)),
            "acft-hq" | "rcft-hq" => assert_eq!(lesson, h.unwrap() + 4),
            // All of L is 8: what is not in H is replayed to even the classes.
            _ => assert_eq!(lesson, 8.min(2 * (h.unwrap() + 4))),
        }
    }
}

#[test]
fn a_noisy_expert_and_the_end_of_the_pool() {
    let images = Images::new();
    let arguments = [
        "--noise", "0.5", "--batch", "15", "--steps", "9", "--epochs", "1",
    ];
    let output = succeeds(&mut images.simulate("noisy", &arguments));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("the pool is exhausted")
    );
    let wrong = images
        .read("noisy/queries.csv")
        .lines()
        .skip(1)
        .filter(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let i: u32 = fields[2]["train-".len()..][..3].parse().unwrap();
            fields[4]
                != if i.is_multiple_of(3) {
                    "bright"
                } else {
                    "dark"
                }
        })
        .count();
    // 40 labels flipped with probability 1/2: fewer than 6 or more than 34 has
    // a chance below one in a million.
    assert!((6..=34).contains(&wrong), "{wrong}");
}

#[test]
fn a_candidate_is_explained_in_numbers_and_in_a_picture() {
    let images = Images::new();
    succeeds(&mut images.simulate("run", &["--no-validation", "--steps", "1"]));
    let explain = |candidate: &str| {
        let mut command = acft();
        command
            .current_dir(images.home())
            .args(["explain", "run", candidate]);
        command
    };
    let output = succeeds(explain("train-007").arg("--json"));
    let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(numbers["candidate"], "train-007.png");
    assert_eq!(numbers["kept"], 4);
    assert_eq!(numbers["probabilities"].as_array().unwrap().len(), 8);
    let picture = images.home().join(numbers["picture"].as_str().unwrap());
    assert!(image::open(picture).is_ok());

    let text = String::from_utf8(succeeds(&mut explain("train-007.png")).stdout).unwrap();
    assert!(
        text.contains("kept  4 of 8") && text.contains("entropy"),
        "{text}"
    );
    assert!(refused(&mut explain("train-9")).contains("no candidate is called"));
    assert!(refused(&mut explain("train-")).contains("give more of the name"));
    // Where nobody names a file it is that of the candidate; one that is named may be someone else's.
    succeeds(&mut explain("train-007.png"));
    std::fs::write(images.home().join("mine.png"), "mine").unwrap();
    let named = ["--out", "mine.png"];
    let taken = refused(explain("train-007.png").args(named));
    assert!(taken.contains("--force"), "{taken}");
    assert_eq!(images.read("mine.png"), "mine");
    succeeds(explain("train-007.png").args(named).arg("--force"));
    assert!(image::open(images.home().join("mine.png")).is_ok());
    succeeds(explain("train-007.png").args(["--out", "new/folder/p.svg"]));
    let other = acft().args(["explain", "nowhere", "x"]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
}

#[test]
fn runs_are_compared_where_they_can_be() {
    let images = Images::new();
    for (run, arguments) in [
        ("rft-0", ["--strategy", "rft", "--seed", "0"]),
        ("rft-1", ["--strategy", "rft", "--seed", "1"]),
        ("hq-0", ["--strategy", "acft-hq", "--seed", "0"]),
        ("other-2", ["--seed", "2", "--lr", "0.01"]),
    ] {
        succeeds(&mut images.simulate(run, &arguments));
    }
    let compare = |arguments: &[&str]| {
        let mut command = acft();
        command
            .current_dir(images.home())
            .arg("compare")
            .args(arguments);
        command
    };
    // A bare file name is a file in the working folder.
    let output = succeeds(&mut compare(&[
        "rft-0",
        "rft-1",
        "hq-0",
        "--out",
        "curves.png",
    ]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("acft-hq") && text.contains("rft"), "{text}");
    assert!(image::open(images.home().join("curves.png")).is_ok());

    // And one that is there is not replaced unasked.
    let onto = ["rft-0", "--out", "curves.png"];
    let taken = refused(&mut compare(&onto));
    assert!(taken.contains("--force"), "{taken}");
    succeeds(compare(&onto).arg("--force"));

    let noted = |output: &std::process::Output| {
        String::from_utf8_lossy(&output.stderr).contains("rft-1 is not finished")
    };
    assert!(!noted(&succeeds(&mut compare(&["rft-0", "rft-1"]))));
    std::fs::remove_file(images.home().join("rft-1/finished.json")).unwrap();
    assert!(noted(&succeeds(&mut compare(&["rft-0", "rft-1"]))));

    let again = refused(&mut compare(&["rft-0", "rft-0"]));
    assert!(again.contains("second run of rft with seed 0"), "{again}");
    let differ = refused(&mut compare(&["hq-0", "other-2"]));
    assert!(differ.contains("in lr"), "{differ}");
    assert!(refused(&mut compare(&["nowhere"])).contains("nowhere is no run"));
}

/// torchvision's SqueezeNet has a ReLU behind its last layer, which a large step kills: all answers are the same then, and
/// stay so.
#[test]
fn a_last_layer_that_dies_is_told_of_with_the_network_in_which_it_cannot() {
    let images = Images::new();
    let run = |model: &str| {
        let mut command = acft();
        command.current_dir(images.home()).args([
            "simulate",
            "--data",
            "blobs",
            "--from-scratch",
            "--model",
            model,
            "--input",
            "32",
            "--patches",
            "none",
            "--strategy",
            "rft",
            "--batch",
            "10",
            "--steps",
            "2",
            "--epochs",
            "6",
            "--minibatch",
            "8",
            "--lr",
            "0.01",
            "--out",
            model,
        ]);
        let output = succeeds(&mut command);
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run("squeezenet1_1");
    let hint = "the last layer is dead, or as good as dead, and learns no more; try a lower --lr, or --model squeezenet1_1_linear";
    assert!(said.contains(hint), "{said}");
    let said = run("squeezenet1_1_linear");
    assert!(!said.contains("is dead"), "{said}");
}

#[test]
fn a_label_budget_alone_is_what_ends_a_run() {
    let images = Images::new();
    let mut command = acft();
    command
        .current_dir(images.home())
        .args([
            "simulate",
            "--data",
            "blobs",
            "--from-scratch",
            "--model",
            "demo",
            "--input",
            "16",
        ])
        .args([
            "--patches",
            "crop:8",
            "--alpha",
            "0.5",
            "--epochs",
            "1",
            "--batch",
            "8",
        ])
        .args(["--max-labels", "30", "--out", "budget", "--json"]);
    let output = succeeds(&mut command);
    let finished: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(finished["reason"], "labels");
    assert_eq!(finished["labels"], 30);
}
