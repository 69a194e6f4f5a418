//! `acft demo` as a process: what it leaves, how it goes on, what it refuses.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

fn demo(home: &Path, flags: &[&str]) -> Output {
    let mut command = Command::cargo_bin("acft").unwrap();
    command
        .current_dir(home)
        .args(["demo", "--out", "here"])
        .args(flags)
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a run's steps came to; the seconds that they took are left out.
fn steps(run: &Path) -> Vec<(serde_json::Value, serde_json::Value)> {
    let text = fs::read_to_string(run.join("steps.jsonl")).unwrap();
    let step = |line: &str| {
        let step: serde_json::Value = serde_json::from_str(line).unwrap();
        (step["test_auc"].clone(), step["model"].clone())
    };
    text.lines().map(step).collect()
}

#[test]
fn it_goes_from_nothing_to_curves_and_on_after_an_interruption() {
    let home = tempfile::tempdir().unwrap();
    let flags = ["--seeds", "1", "--steps", "2"];
    let output = demo(home.path(), &flags);
    assert!(output.status.success(), "{}", said(&output.stderr));
    let text = said(&output.stdout);
    for part in [
        "RFT(LQ)",
        "ACFT(HQ)",
        "no evidence about medical images",
        "curve.png",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let here = home.path().join("here");
    for name in [
        "curve.svg",
        "curve.png",
        "frames.png",
        "pretrained.safetensors",
        "runs/rft-0/curve.png",
    ] {
        assert!(here.join(name).is_file(), "{name}");
    }

    // As a kill during the second step of one run leaves it: with the model of
    // the first step, which the whole run has dropped where the second was
    // better. A demo of one step has the same.
    let run = here.join("runs/acft-hq-0");
    let whole = steps(&run);
    assert_eq!(whole.len(), 2);
    let shorter = tempfile::tempdir().unwrap();
    let output = demo(shorter.path(), &["--seeds", "1", "--steps", "1"]);
    assert!(output.status.success(), "{}", said(&output.stderr));
    let first = shorter.path().join("here/runs/acft-hq-0");
    assert_eq!(steps(&first), whole[..1]);
    let model = "models/step-0001.safetensors";
    fs::copy(first.join(model), run.join(model)).unwrap();
    let lines = fs::read_to_string(run.join("steps.jsonl")).unwrap();
    let first = lines.find('\n').unwrap() + 1;
    fs::write(run.join("steps.jsonl"), &lines[..first + 20]).unwrap();
    fs::remove_file(run.join("finished.json")).unwrap();
    fs::remove_file(here.join("curve.png")).unwrap();

    let refused = demo(home.path(), &flags);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused.stderr).contains("--resume"),
        "{}",
        said(&refused.stderr)
    );
    let resumed = demo(home.path(), &["--seeds", "1", "--steps", "2", "--resume"]);
    assert!(resumed.status.success(), "{}", said(&resumed.stderr));
    assert_eq!(said(&resumed.stdout), text);
    assert_eq!(steps(&run), whole);
    assert!(here.join("curve.png").is_file());
}

#[test]
fn what_is_not_its_own_is_left_alone() {
    let refuses = |files: &[(&str, &str)], flags: &[&str], says: &str| {
        let home = tempfile::tempdir().unwrap();
        let here = home.path().join("here");
        fs::create_dir(&here).unwrap();
        for (name, text) in files {
            fs::write(here.join(name), text).unwrap();
        }
        let output = demo(home.path(), flags);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output.stderr));
        assert!(
            said(&output.stderr).contains(says),
            "{}",
            said(&output.stderr)
        );
        assert_eq!(fs::read_dir(&here).unwrap().count(), files.len());
    };
    let recipe = concat!(
        "version = \"",
        env!("CARGO_PKG_VERSION"),
        "\"\nseeds = 2\nsteps = 4\n"
    );
    refuses(&[("thesis.tex", "")], &[], "thesis.tex");
    refuses(&[("demo.toml", recipe)], &[], "already has a demo");
    refuses(
        &[("demo.toml", recipe)],
        &["--resume"],
        "--seeds 2 --steps 4",
    );
    refuses(&[("demo.toml", "seeds =")], &["--resume"], "damaged");
    refuses(&[], &["--resume"], "no demo to go on with");
    refuses(&[], &["--steps", "5000"], "the pool of the demo lasts for");
    refuses(&[], &["--seeds", "0"], "--seeds");
}
