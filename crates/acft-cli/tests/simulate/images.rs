//! Small images of two classes, and the command to run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder of drawn images with a labels.csv, and room for runs.
pub(crate) struct Images {
    home: TempDir,
}

/// Candidates in the pool; a quarter as many for each of the other splits.
pub(crate) const POOL: u32 = 40;

impl Images {
    /// Bright or dark noise: easy to tell apart, never twice the same.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let images = Self { home };
        fs::create_dir_all(images.data().join("images")).unwrap();
        let mut rows = String::from("file,label,patient,split\n");
        for (split, count) in [("train", POOL), ("val", POOL / 4), ("test", POOL / 4)] {
            for i in 0..count {
                let label = if i % 3 == 0 { "bright" } else { "dark" };
                let name = format!("{split}-{i:03}.png");
                images.draw(&name, label == "bright", seed(split, i));
                rows.push_str(&format!("{name},{label},{split}-{},{split}\n", i / 2));
            }
        }
        fs::write(images.manifest(), rows).unwrap();
        images
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("blobs")
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.data().join("labels.csv")
    }

    pub(crate) fn image(&self, name: &str) -> PathBuf {
        self.data().join("images").join(name)
    }

    /// Appends a row to the manifest.
    pub(crate) fn list(&self, row: &str) {
        let text = fs::read_to_string(self.manifest()).unwrap();
        fs::write(self.manifest(), format!("{text}{row}\n")).unwrap();
    }

    fn draw(&self, name: &str, bright: bool, seed: u32) {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        let base = if bright { 120 } else { 40 };
        let mut image = RgbImage::new(20, 20);
        for pixel in image.pixels_mut() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let value = base + (state % 90) as u8;
            *pixel = Rgb([value, value, value / 2]);
        }
        image.save(self.image(name)).unwrap();
    }

    /// `acft simulate` with a network that is quick to train.
    pub(crate) fn simulate(&self, run: &str, arguments: &[&str]) -> Command {
        let mut command = acft();
        command
            .current_dir(self.home())
            .args([
                "simulate",
                "--data",
                "blobs",
                "--out",
                run,
                "--strategy",
                "acft-hq",
            ])
            .args([
                "--from-scratch",
                "--model",
                "demo",
                "--input",
                "16",
                "--patches",
                "crop:8",
                "--alpha",
                "0.5",
            ])
            .args([
                "--batch",
                "4",
                "--steps",
                "3",
                "--epochs",
                "2",
                "--minibatch",
                "16",
            ])
            .args(arguments);
        command
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.home().join(file)).unwrap()
    }

    /// `steps.jsonl` without what differs from run to run: the clock.
    pub(crate) fn steps(&self, run: &str) -> Vec<serde_json::Value> {
        self.read(&format!("{run}/steps.jsonl"))
            .lines()
            .map(|line| {
                let mut step: serde_json::Value = serde_json::from_str(line).unwrap();
                let fields = step.as_object_mut().unwrap();
                assert!(fields.remove("seconds").is_some());
                assert!(fields.remove("patches_per_second").is_some());
                step
            })
            .collect()
    }
}

fn seed(split: &str, i: u32) -> u32 {
    let split = split.bytes().fold(7u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    split.wrapping_add(i + 1)
}

pub(crate) fn acft() -> Command {
    Command::new(env!("CARGO_BIN_EXE_acft"))
}

/// Runs a command that must fail with bad input, and gives its stderr.
pub(crate) fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    output
}
