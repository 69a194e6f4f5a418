//! Small drawn data under the names that the pages use.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::project::{Home, truth};

/// A folder to follow a page in.
pub(super) struct Sample {
    pub(super) home: Home,
}

/// Images of each split of the labeled data.
const SPLITS: [(&str, u32); 3] = [("train", 18), ("val", 6), ("test", 6)];

impl Sample {
    /// Weights of a network that is quick to train, as `acft` writes them.
    pub(super) fn weights() -> Vec<u8> {
        let home = Home::with_project();
        home.told(&["export", "model", "lungs", "--out", "model.safetensors"]);
        fs::read(home.path("model.safetensors")).unwrap()
    }

    /// `scans/`, `images/` with its `labels.csv`, `probabilities.csv`, and weights.
    pub(super) fn new(weights: &[u8]) -> Self {
        let sample = Self { home: Home::new() };
        sample.draw_labeled();
        sample.home.write("probabilities.csv", &probabilities());
        fs::write(sample.home.path("squeezenet1_1.safetensors"), weights).unwrap();
        sample
    }

    /// Images in folders of splits and classes, and a table of them.
    fn draw_labeled(&self) {
        let mut rows = String::from("file,label,patient,split\n");
        let mut number = 300;
        for (split, count) in SPLITS {
            for i in 0..count {
                let name = format!("{split}-{i:02}.png");
                let class = class_of(number);
                let folder = format!("images/{split}/{class}");
                fs::create_dir_all(self.home.path(&folder)).unwrap();
                self.home.draw(&format!("{folder}/{name}"), number);
                let patient = number / 2;
                writeln!(rows, "{folder}/{name},{class},p{patient},{split}").unwrap();
                number += 1;
            }
        }
        self.home.write("labels.csv", &rows);
    }

    /// A project `lungs` with some labels, as docs/labeling.md makes it.
    pub(super) fn make_project(&self) {
        let home = &self.home;
        home.told(&[
            "init",
            "lungs",
            "--images",
            "scans/",
            "--classes",
            "benign,malignant",
            "--weights",
            "squeezenet1_1.safetensors",
        ]);
        home.told(&["query", "lungs", "--batch", "6", "--out", "first.csv"]);
        self.fill_in("first.csv");
        home.told(&["label", "import", "first.csv", "lungs"]);
    }

    /// Labels the rows of `acft query` that have no label, in place of the reader.
    pub(super) fn fill_in(&self, batch: &str) {
        let path = self.home.path(batch);
        if !Path::new(&path).exists() {
            return;
        }
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let headers = reader.headers().unwrap().clone();
        let place = headers.iter().position(|name| name == "label").unwrap();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&headers).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            let class = match truth(&row[0]) {
                "bright" => "malignant",
                _ => "benign",
            };
            let cells = row.iter().enumerate();
            let cells = cells.map(|(column, cell)| if column == place { class } else { cell });
            writer.write_record(cells).unwrap();
        }
        fs::write(path, writer.into_inner().unwrap()).unwrap();
    }
}

/// The classes of the pages; the same images are bright as in `Home`.
fn class_of(number: u32) -> &'static str {
    match truth(&format!("{number}.png")) {
        "bright" => "malignant",
        _ => "benign",
    }
}

/// Predictions for 30 candidates, 8 patches each.
fn probabilities() -> String {
    let mut text = String::from("candidate,patch,p_0,p_1\n");
    for candidate in 0..30_u32 {
        for patch in 0..8_u32 {
            let percent = (candidate * 37 + patch * 11) % 101;
            let p = f64::from(percent) / 100.0;
            writeln!(
                text,
                "frame-{candidate:03}.png,{patch},{:.2},{p:.2}",
                1.0 - p
            )
            .unwrap();
        }
    }
    text
}
