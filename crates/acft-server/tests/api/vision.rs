//! Someone who knows pixels and networks, or acts as if. What becomes of a
//! candidate follows from its name, what becomes of an image from its bytes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use acft::{CandidateKey, Score};
use acft_project::{Candidate, ClassId, Origin, Part};
use acft_server::{
    Content, Info, Picture, Prediction, Region, Samples, Strip, Vision, VisionError,
};

pub(crate) const WIDTH: u32 = 40;
pub(crate) const HEIGHT: u32 = 30;
/// Candidates of this name and on have 16 bits; the one before panics, and the
/// one before that cannot be read.
pub(crate) const GREY: &str = "case 7";
pub(crate) const BROKEN: &str = "case 5";
pub(crate) const PANICKING: &str = "case 6";

/// Acts as if it saw.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    /// How often a picture was made.
    pub(crate) looks: AtomicUsize,
    /// How often the network was asked.
    pub(crate) predictions: AtomicUsize,
    /// While set, predictions do not end.
    pub(crate) slow: AtomicBool,
    /// While set, there is no network.
    pub(crate) blind: AtomicBool,
    /// While set, what is said of every image.
    pub(crate) fault: Mutex<Option<String>>,
    /// What became of the files of candidates, by name.
    pub(crate) files: Mutex<BTreeMap<String, Content>>,
}

impl Sight {
    fn look(&self, candidate: &Candidate) -> Result<(), String> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.faultless()?;
        match candidate.name.as_str() {
            PANICKING => panic!("a defect in a decoder"),
            BROKEN => Err(format!("{} breaks off", candidate.path)),
            _ => Ok(()),
        }
    }

    fn faultless(&self) -> Result<(), String> {
        self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn unavailable(&self) -> VisionError {
        let said = self.faultless().err();
        VisionError::Unavailable(said.unwrap_or_else(|| "there is no model yet".to_owned()))
    }

    fn read(image: &[u8], region: Option<Region>) -> Result<(), VisionError> {
        let fault = |text: &str| Err(VisionError::Input(text.to_owned()));
        match (image, region) {
            (b"panic", _) => panic!("a defect in a decoder"),
            (b"nonsense", _) => fault("this is no image"),
            (_, Some(Region::Box([.., x, y]))) if x > WIDTH || y > HEIGHT => {
                fault("the box leaves the image")
            }
            (_, Some(Region::Point([x, y]))) if x >= WIDTH || y >= HEIGHT => {
                fault("the point is not in the image")
            }
            _ => Ok(()),
        }
    }
}

fn depth(candidate: &Candidate) -> u8 {
    if candidate.name == GREY { 16 } else { 8 }
}

impl Vision for Sight {
    fn content(&self, candidate: &Candidate) -> Content {
        let files = self.files.lock().unwrap();
        let known = files.get(&candidate.name).cloned();
        known.unwrap_or(Content::Same)
    }

    fn info(&self, candidate: &Candidate) -> Result<Info, String> {
        self.faultless()?;
        match candidate.name.as_str() {
            PANICKING => panic!("a defect in a decoder"),
            BROKEN => return Err(format!("{} breaks off", candidate.path)),
            _ => {}
        }
        Ok(Info {
            width: WIDTH,
            height: HEIGHT,
            depth: depth(candidate),
        })
    }

    fn image(&self, candidate: &Candidate) -> Result<Picture, String> {
        self.look(candidate)?;
        Ok(Picture {
            content_type: "image/png",
            bytes: format!("picture of {}", candidate.path).into_bytes(),
        })
    }

    fn samples(&self, candidate: &Candidate) -> Result<Samples, String> {
        self.look(candidate)?;
        if depth(candidate) != 16 {
            return Err(format!("{} has 8 bits", candidate.path));
        }
        Ok(Samples {
            width: 2,
            height: 1,
            low: 0,
            high: 4095,
            values: vec![1, 0x1234],
        })
    }

    fn patches(&self, candidate: &Candidate) -> Result<Strip, String> {
        self.look(candidate)?;
        Ok(Strip {
            png: format!("patches of {}", candidate.path).into_bytes(),
            count: 12,
            input: 32,
        })
    }

    fn predict(&self, image: &[u8], region: Option<Region>) -> Result<Prediction, VisionError> {
        self.predictions.fetch_add(1, Ordering::SeqCst);
        while self.slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        Self::read(image, region)?;
        if self.blind.load(Ordering::SeqCst) {
            return Err(self.unavailable());
        }
        Ok(Prediction {
            model: crate::site::MODEL.to_owned(),
            classes: vec![ClassId(0), ClassId(1)],
            mean: vec![0.25, 0.75],
            score: Score {
                dominant: 1,
                kept: 12,
                entropy: 0.5,
                diversity: 0.125,
                value: 0.625,
            },
            patches: 12,
        })
    }

    fn admit(
        &self,
        image: &[u8],
        region: Option<Region>,
        name: &str,
    ) -> Result<Candidate, VisionError> {
        Self::read(image, region)?;
        if self.blind.load(Ordering::SeqCst) {
            return Err(self.unavailable());
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(image);
        hasher.update(format!("{region:?}").as_bytes());
        let key = CandidateKey(*hasher.finalize().as_bytes());
        Ok(Candidate {
            key,
            name: name.to_owned(),
            path: format!("feedback/{key}"),
            region: match region {
                Some(Region::Box(corners)) => Some(corners),
                _ => None,
            },
            group: None,
            part: Part::Pool,
            origin: Origin::Feedback,
        })
    }
}
