//! What a run draws its pool from, what it is judged by, and what it keeps of the network's predictions.

use std::collections::BTreeSet;

use npyz::NpyFile;

use crate::images::{Images, POOL, refused, succeeds};

fn queried(images: &Images, run: &str) -> BTreeSet<String> {
    let text = images.read(&format!("{run}/queries.csv"));
    text.lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().to_owned())
        .collect()
}

#[test]
fn a_pool_is_drawn_by_the_seed() {
    let images = Images::new();
    // As many labels as the pool has, so that what is queried is the pool.
    let all = ["--strategy", "rft", "--pool", "12", "--epochs", "1"];
    let drawn = |run: &str, more: &[&str]| {
        let arguments: Vec<&str> = all.iter().chain(more).copied().collect();
        let output = succeeds(&mut images.simulate(run, &arguments));
        let told = String::from_utf8(output.stderr).unwrap();
        let expected = format!("12 candidates in the pool (drawn from {POOL})");
        assert!(told.contains(&expected), "{told}");
        queried(&images, run)
    };
    let zero = drawn("zero", &[]);
    assert_eq!(zero.len(), 12);
    // Another batch size asks for the same candidates.
    assert_eq!(drawn("again", &["--batch", "6", "--steps", "2"]), zero);
    assert_ne!(drawn("one", &["--seed", "1"]), zero);
}

#[test]
fn no_test_label_is_read_where_none_shall_be() {
    let images = Images::new();
    let output = succeeds(&mut images.simulate("run", &["--no-test", "--json"]));
    let finished: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(finished["last_test_auc"].is_null());
    assert!(finished["last_val_auc"].is_number());
    for step in images.steps("run") {
        assert!(step["test_auc"].is_null() && step["test_ece"].is_null());
        assert!(step["val_auc"].is_number());
    }
    assert_eq!(images.read("run/test.csv"), "");
    let error = refused(&mut images.simulate("none", &["--no-test", "--no-validation"]));
    assert!(error.contains("nothing to judge a model by"), "{error}");
}

#[test]
fn the_predictions_that_judge_a_model_are_kept_and_give_its_auc() {
    let images = Images::new();
    let arguments = ["--positive", "bright", "--test-patches", "3"];
    succeeds(&mut images.simulate("run", &arguments));
    let rows: Vec<String> = images
        .read("run/test.csv")
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect();
    assert_eq!(rows.len(), POOL as usize / 4);
    let first = rows.iter().find(|row| row.starts_with("test-000.png,"));
    assert!(first.unwrap().ends_with(",test-0,bright"), "{first:?}");
    for step in images.steps("run") {
        let name = format!(
            "run/predictions/test-{:04}.npy",
            step["step"].as_u64().unwrap()
        );
        let bytes = std::fs::read(images.home().join(name)).unwrap();
        let file = NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(file.shape(), [rows.len() as u64, 2]);
        let values: Vec<f64> = file.into_vec().unwrap();
        // Classes are bright and dark, in this order. The AUC by its definition: pairs in the right order.
        let of = |bright: bool| -> Vec<f64> {
            (0..rows.len())
                .filter(|row| rows[*row].ends_with("bright") == bright)
                .map(|row| values[2 * row])
                .collect()
        };
        let (bright, dark) = (of(true), of(false));
        let mut right = 0.0;
        for a in &bright {
            for b in &dark {
                right += if a > b { 1.0 } else { 0.5 * f64::from(a == b) };
            }
        }
        let auc = right / (bright.len() * dark.len()) as f64;
        assert!((step["test_auc"].as_f64().unwrap() - auc).abs() < 1e-12);
    }
    // Other patches judge otherwise.
    succeeds(&mut images.simulate("all", &["--positive", "bright"]));
    let kept = |run: &str| {
        std::fs::read(images.home().join(run).join("predictions/test-0001.npy")).unwrap()
    };
    assert_ne!(kept("run"), kept("all"));
    let error = refused(&mut images.simulate("many", &["--test-patches", "9"]));
    assert!(error.contains("crop:8 makes only 8 of each"), "{error}");
}

#[test]
fn what_the_network_made_of_a_query_is_kept() {
    let images = Images::new();
    succeeds(&mut images.simulate("active", &[]));
    succeeds(&mut images.simulate("random", &["--strategy", "rft"]));
    let kept = |run: &str| -> serde_json::Value {
        serde_json::from_str(&images.read(&format!("{run}/predictions/step-0002.json"))).unwrap()
    };
    let active = kept("active");
    let drawn = active["drawn"].as_array().unwrap();
    assert_eq!(drawn.len(), 4);
    let rows = drawn[0]["patches"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    let sum: f64 = rows[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-5);
    let queries = images.read("active/queries.csv");
    let of_step_2 = queries.lines().filter(|line| line.starts_with("2,"));
    for (line, seen) in of_step_2.zip(drawn) {
        assert!(line.contains(seen["key"].as_str().unwrap()), "{line}");
        let score: f64 = line.split(',').nth(6).unwrap().parse().unwrap();
        assert_eq!(seen["score"].as_f64().unwrap(), score);
    }
    let favoured = active["favoured"].as_array().unwrap();
    let criteria: Vec<String> = favoured
        .iter()
        .map(|of| format!("{} {}", of["criterion"].as_str().unwrap(), of["alpha"]))
        .collect();
    assert_eq!(
        criteria,
        [
            "entropy 1.0",
            "diversity 1.0",
            "entropy 0.5",
            "diversity 0.5"
        ]
    );
    for of in favoured {
        assert_eq!(of["most"].as_array().unwrap().len(), 10);
        assert_eq!(of["least"].as_array().unwrap().len(), 5);
    }
    // The first of the ranking is the most favoured by the criterion of the query.
    let first = queries
        .lines()
        .find(|line| line.starts_with("2,") && line.split(',').nth(5) == Some("1"));
    if let Some(first) = first {
        assert!(first.contains(favoured[3]["most"][0]["key"].as_str().unwrap()));
    }
    // A random query has seen no more of the pool than it drew.
    let random = kept("random");
    assert_eq!(random["drawn"].as_array().unwrap().len(), 4);
    assert!(random.get("favoured").is_none());
}
