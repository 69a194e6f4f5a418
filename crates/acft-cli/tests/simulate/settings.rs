//! Settings that contradict each other or the data: named, before anything is
//! written.

use std::fs;

use crate::images::{Images, acft, refused};

#[test]
fn what_cannot_be_meant_is_named() {
    let images = Images::new();
    let check = |arguments: &[&str], expected: &str| {
        let message = refused(&mut images.simulate("run", arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(
            !images.home().join("run").exists(),
            "{arguments:?} left a folder behind"
        );
    };
    check(&["--strategy", "acft"], "Known are rft, aft-lq");
    check(&["--positive", "grey"], "the classes are bright, dark");
    check(&["--patches", "volume"], "volume");
    check(
        &["--patches", "none"],
        "diversity compares patches in pairs",
    );
    check(&["--patches", "crop:2"], "alpha = 0.5 keeps 1 of 2");
    check(&["--input", "2"], "demo");
    check(&["--label-column", "lable"], "label");
    check(&["--classes", "bright"], "dark");
    check(&["--weights", "none.safetensors"], "contradict");
    check(&["--config", "none.toml"], "none.toml");
    check(&["--plateau", "0"], "--plateau 0");
    check(&["--max-labels", "0"], "--max-labels 0");
}

#[test]
fn weights_are_checked_against_the_network() {
    let images = Images::new();
    let run = |arguments: &[&str]| {
        let mut command = acft();
        command
            .current_dir(images.home())
            .args(["simulate", "--data", "blobs", "--out", "run"])
            .args(arguments);
        command
    };
    assert!(refused(&mut run(&[])).contains("--weights"));
    assert!(refused(&mut run(&["--weights", "absent.safetensors"])).contains("absent.safetensors"));
    fs::write(images.home().join("text.safetensors"), "not weights").unwrap();
    assert!(refused(&mut run(&["--weights", "text.safetensors"])).contains("text.safetensors"));

    // The weights of a network, called another's: the first tensors that
    // differ are named.
    assert!(
        images
            .simulate("source", &["--steps", "1"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let weights = "source/models/last.safetensors";
    let message = refused(&mut run(&[
        "--weights",
        weights,
        "--model",
        "squeezenet1_1",
    ]));
    assert!(message.contains("features.0.weight"), "{message}");
    // And told by themselves, they are what they are.
    let told = run(&[
        "--weights",
        weights,
        "--input",
        "16",
        "--steps",
        "1",
        "--epochs",
        "1",
    ])
    .output()
    .unwrap();
    assert!(told.status.success());
    assert!(images.read("run/config.toml").contains("model = \"demo\""));
}

#[test]
fn a_configuration_file_with_an_unknown_key_names_it() {
    let images = Images::new();
    fs::write(images.home().join("run.toml"), "bach = 3\n").unwrap();
    let message = refused(&mut images.simulate("run", &["--config", "run.toml"]));
    assert!(
        message.contains("run.toml") && message.contains("bach"),
        "{message}"
    );
}

#[test]
fn queries_that_compare_patches_are_refused_where_there_are_none_to_compare() {
    let images = Images::new();
    let check = |queries: &[&str], expected: &str| {
        let mut command = acft();
        command
            .current_dir(images.home())
            .args(["simulate", "--data", "blobs", "--out", "run"])
            .args(["--from-scratch", "--model", "demo", "--input", "16"])
            .args(["--patches", "none", "--learn", "lq"])
            .args(queries);
        let message = refused(&mut command);
        assert!(message.contains(expected), "{queries:?}: {message}");
        assert!(!images.home().join("run").exists());
    };
    // They would be random ones under another name.
    let told = "compares the patches of a candidate, and there is one of each";
    check(&["--query", "bald"], told);
    check(&["--query", "variation-ratio"], told);
    check(&["--query", "margin", "--first-query", "bald"], told);
    check(
        &["--query", "margin", "--first-query", "active"],
        "diversity compares patches in pairs",
    );
}
