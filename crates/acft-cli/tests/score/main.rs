//! `acft score` as a whole process: what it prints, writes and refuses.
#![allow(clippy::unwrap_used)]

mod errors;
mod formats;
mod queries;
mod stream;
mod tables;

use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use assert_cmd::cargo::cargo_bin;

/// A folder of its own in which `acft score` runs, so that messages name files
/// without a path that differs from one machine to the next.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with one of the fixtures in it.
    fn with_fixture(name: &str) -> Self {
        let folder = Self::new();
        std::fs::copy(fixture(name), folder.path(name)).unwrap();
        folder
    }

    /// A folder with a text file in it.
    fn with_file(name: &str, text: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        std::fs::write(folder.path(name), text).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// What is in the folder, sorted.
    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        files
    }

    /// Runs `acft score` with arguments separated by spaces.
    fn score(&self, arguments: &str) -> Assert {
        assert_cmd::Command::new(cargo_bin!("acft"))
            .arg("score")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .assert()
    }

    /// The stdout of a run that succeeds.
    fn table(&self, arguments: &str) -> String {
        text(&self.score(arguments).success().get_output().stdout)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/score/fixtures")
        .join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The cells of a table without quoted cells, header included.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split(',').collect())
        .collect()
}
