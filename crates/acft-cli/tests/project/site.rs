//! A folder of drawn images with a project, and what is in its database.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use acft::CandidateKey;
use acft_project::{Event, Project, Rules};
use assert_cmd::Command;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// How many images there are.
pub(crate) const IMAGES: u32 = 40;

/// A folder in which `acft` runs, with a project `p` of images in `scans`.
pub(crate) struct Site(TempDir);

impl Site {
    /// With these lines of `acft.toml` in place of the ones that `init` wrote.
    pub(crate) fn new(settings: &str) -> Self {
        Self::with_groups(settings, 1)
    }

    /// With so many images of one patient.
    pub(crate) fn with_groups(settings: &str, group: u32) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.path("scans")).unwrap();
        let mut rows = String::from("file,patient\n");
        for number in 0..IMAGES {
            fs::write(site.scan(number), draw(number)).unwrap();
            rows += &format!("{number:02}.png,{}\n", number / group);
        }
        fs::write(site.path("scans/labels.csv"), rows).unwrap();
        let flags = "init p --images scans --classes dark,bright --from-scratch --model demo \
                     --input 32 --patches crop:4 --alpha 0.5 --batch 4 --epochs 1 --minibatch 16 \
                     --lr 0.003 --seed 5";
        site.told(flags);
        site.set(settings);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn scan(&self, number: u32) -> PathBuf {
        self.path(&format!("scans/{number:02}.png"))
    }

    /// Changes lines of `acft.toml`, also those that are commented out.
    pub(crate) fn set(&self, settings: &str) {
        let mut text = fs::read_to_string(self.path("p/acft.toml")).unwrap();
        for line in settings.lines() {
            let name = line.trim().split(' ').next().unwrap();
            let is_it = |old: &&str| {
                old.trim_start_matches("# ")
                    .starts_with(&format!("{name} ="))
            };
            let old = text.lines().find(is_it).unwrap().to_owned();
            text = text.replace(&format!("\n{old}\n"), &format!("\n{}\n", line.trim()));
        }
        fs::write(self.path("p/acft.toml"), text).unwrap();
    }

    /// `acft` with these words.
    pub(crate) fn acft(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acft"));
        command
            .current_dir(self.0.path())
            .args(words.split_whitespace());
        command
    }

    /// The stdout of a command that succeeds.
    pub(crate) fn told(&self, words: &str) -> String {
        let output = self.acft(words).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The project as it is now, also while it is served.
    pub(crate) fn look(&self) -> Project {
        Project::read(&self.path("p"), Rules::default()).unwrap()
    }

    /// What was drawn and ranked, in order; not when.
    pub(crate) fn drawn(&self) -> Vec<Event> {
        let mut drawn = Vec::new();
        self.look()
            .history(|_, _, event| {
                if matches!(event, Event::Ranked { .. } | Event::BatchDrawn { .. }) {
                    drawn.push(event);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        drawn
    }
}

/// A candidate's key, as the API writes it.
pub(crate) fn key(text: &str) -> CandidateKey {
    CandidateKey(*blake3::Hash::from_hex(text).unwrap().as_bytes())
}

/// What an honest expert says of an image: every third is bright.
pub(crate) fn truth(name: &str) -> u16 {
    let number: u32 = name
        .rsplit('/')
        .next()
        .unwrap()
        .trim_end_matches(".png")
        .parse()
        .unwrap();
    u16::from(number.is_multiple_of(3))
}

/// A PNG whose pixels are a function of its number.
pub(crate) fn draw(number: u32) -> Vec<u8> {
    let mut state = (number + 1).wrapping_mul(2_654_435_761).max(1);
    let base = if number.is_multiple_of(3) { 150 } else { 30 };
    let mut image = RgbImage::new(36, 36);
    for pixel in image.pixels_mut() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let value = base + (state % 90) as u8;
        *pixel = Rgb([value, value, value / 2]);
    }
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}
