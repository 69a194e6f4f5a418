//! A project on drawn images, and the commands to run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder with images in it, in which `acft` runs.
pub(crate) struct Home(TempDir);

/// How many images there are.
pub(crate) const IMAGES: u32 = 24;

/// The flags of a network that is quick to train.
pub(crate) const QUICK: [&str; 17] = [
    "--from-scratch",
    "--model",
    "demo",
    "--input",
    "16",
    "--patches",
    "crop:8",
    "--alpha",
    "0.5",
    "--batch",
    "4",
    "--epochs",
    "2",
    "--minibatch",
    "16",
    "--seed",
    "3",
];

impl Home {
    /// Unlabeled images, `scans/00.png` and so on: every third is bright, the
    /// others are dark.
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.path("scans")).unwrap();
        for number in 0..IMAGES {
            home.draw(&format!("scans/{number:02}.png"), number);
        }
        home
    }

    /// The same, with a project `lungs` that has no labels.
    pub(crate) fn with_project() -> Self {
        let home = Self::new();
        home.init(&["lungs", "--images", "scans", "--classes", "dark,bright"])
            .assert()
            .success();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// What is in a folder, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    /// An image whose pixels are a function of its number.
    pub(crate) fn draw(&self, name: &str, number: u32) {
        let mut state = (number + 1).wrapping_mul(2_654_435_761).max(1);
        let base = if is_bright(number) { 150 } else { 30 };
        let mut image = RgbImage::new(20, 20);
        for pixel in image.pixels_mut() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let value = base + (state % 90) as u8;
            *pixel = Rgb([value, value, value / 2]);
        }
        image.save(self.path(name)).unwrap();
    }

    /// `acft` with these arguments.
    pub(crate) fn acft(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acft"));
        command
            .current_dir(self.0.path())
            .args(arguments)
            // Help is wrapped to it.
            .env_remove("COLUMNS");
        command
    }

    /// `acft init` with these arguments and a quick network.
    pub(crate) fn init(&self, arguments: &[&str]) -> Command {
        let mut command = self.acft(&["init"]);
        command.args(arguments).args(QUICK);
        command
    }

    /// The stdout of a command that succeeds.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let output = self.acft(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that succeeds prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.told(arguments)).unwrap()
    }

    /// The stderr of a command that succeeds.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.acft(arguments).output().unwrap();
        let told = stderr(&output);
        assert!(output.status.success(), "{arguments:?}: {told}");
        told
    }

    /// The stdout of a command that finds something wrong.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.acft(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The stderr of a command that finds its input at fault.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        refused(&mut self.acft(arguments))
    }

    /// A file of labels for rows of `acft query`, as an honest expert fills it in.
    pub(crate) fn fill_in(&self, batch: &str, labels: &str) {
        let mut text = String::from("candidate,label\n");
        let mut rows = csv::Reader::from_path(self.path(batch)).unwrap();
        for row in rows.records() {
            let name = row.unwrap()[0].to_owned();
            text += &format!("{name},{}\n", truth(&name));
        }
        self.write(labels, &text);
    }
}

/// What an honest expert says of an image.
pub(crate) fn truth(name: &str) -> &'static str {
    let number = Path::new(name).file_stem().unwrap().to_str().unwrap();
    if is_bright(number.parse().unwrap()) {
        "bright"
    } else {
        "dark"
    }
}

fn is_bright(number: u32) -> bool {
    number.is_multiple_of(3)
}

/// Runs a command that must find its input at fault, and gives its stderr.
pub(crate) fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(output.stdout.is_empty());
    told
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Text without what differs from run to run: moments, process ids.
pub(crate) fn steady(text: &str) -> String {
    let mut steady = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(steady_word).collect();
        steady += &words.join(" ");
        steady.push('\n');
    }
    steady
}

fn steady_word(word: &str) -> String {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = word.len() == 10 && word.split('-').count() == 3;
    let is_time = word.len() == 5 && word.split(':').all(digits) && word.contains(':');
    match word {
        _ if is_date => "[date]".to_owned(),
        _ if is_time => "[time]".to_owned(),
        _ => word.to_owned(),
    }
}
