//! Images and predictions of a project, for the server, which knows neither pixels nor networks.

mod content;
mod feedback;
mod patches;
mod pictures;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use acft::prediction::Predictions;
use acft::{CandidateError, CandidateId, Criterion, Scorer};
use acft_images::patches::{PatchPolicy, Region, canonical_region, patch_bytes};
use acft_images::source::PixelBox;
use acft_images::{PatchSource, image_io};
use acft_project::{Candidate, ClassId, Project};
use acft_run::network;
use acft_run::settings::Flags;
use acft_server::vision::{
    Content, Info, Picture, Prediction, Region as Where, Samples, Strip, Vision, VisionError,
};
use acft_vision::models::{Model, Ready};
use anyhow::Context;

use crate::settings::ProjectSettings;

pub use content::{Fault, NOT_THE_IMAGE, Seen, stamp_of};
pub(crate) use patches::{ProjectPatches, RegionCaches};

/// Encoded images kept for the next annotator who asks, in bytes.
const KEPT_PICTURES: usize = 64 << 20;

/// The longer side of images for the browser, in pixels.
const LONGEST_SIDE: u32 = 2048;

/// A model for requests, and the classes of its outputs.
#[derive(Clone)]
pub struct InUse {
    /// The hash of its file.
    pub hash: String,
    /// The model.
    pub model: Model,
    /// The classes of its outputs, in their order.
    pub classes: Vec<ClassId>,
    /// The prepared model. The first request prepares it, and it lives as long as the model is in use.
    ready: Arc<OnceLock<Ready>>,
}

impl InUse {
    /// The model that a project uses now, from its file.
    ///
    /// # Errors
    /// There is none, or its file is missing or damaged.
    pub(crate) fn of(project: &Project) -> anyhow::Result<Self> {
        let made = project
            .ledger()
            .models()
            .current()
            .context("the project has no model: `acft model list` shows what there is")?;
        Self::load(project.root(), &made.model.hash, &made.model.classes)
    }

    /// A model of a project, from its file.
    ///
    /// # Errors
    /// Its file is missing or damaged.
    pub fn load(root: &Path, hash: &str, classes: &[ClassId]) -> anyhow::Result<Self> {
        let path = root.join("models").join(format!("{hash}.safetensors"));
        let model =
            network::load_hashed(&path, hash).context("`acft check` says how to mend it")?;
        Ok(Self {
            hash: hash.to_owned(),
            model,
            classes: classes.to_vec(),
            ready: Arc::default(),
        })
    }

    /// The patches that it was made for.
    ///
    /// # Errors
    /// This version does not know them.
    pub fn policy(&self) -> anyhow::Result<PatchPolicy> {
        let written = &self.model.description().patches;
        written
            .parse()
            .with_context(|| format!("the model's patches {written:?}"))
    }
}

/// See [`Vision`].
pub struct ProjectVision {
    root: PathBuf,
    flags: Flags,
    criterion: Criterion,
    policy: PatchPolicy,
    input: usize,
    /// The side of a box around a point, taken from the boxes of the project.
    box_side: Option<u32>,
    in_use: RwLock<InUse>,
    pictures: pictures::Pictures,
    seen: Seen,
}

impl ProjectVision {
    /// Images and predictions for a project, with the model in use.
    ///
    /// # Errors
    /// That model cannot be read.
    pub fn open(
        root: &Path,
        settings: &ProjectSettings,
        project: &Project,
    ) -> anyhow::Result<Self> {
        let in_use = InUse::of(project)?;
        let simulation = settings.simulation();
        Ok(Self {
            root: root.to_owned(),
            flags: simulation.flags.clone(),
            criterion: simulation.plan.query.criterion().unwrap_or_default(),
            policy: in_use.policy()?,
            input: in_use.model.description().input,
            box_side: median_side(project.ledger().candidates()),
            in_use: RwLock::new(in_use),
            pictures: pictures::Pictures::new(KEPT_PICTURES),
            seen: Seen::of(project.ledger()),
        })
    }

    /// Answers with another model from now on.
    pub(crate) fn use_model(&self, model: InUse) {
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = model;
    }

    /// The model that answers.
    pub(crate) fn in_use(&self) -> InUse {
        self.in_use
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The bytes of a candidate's image, if they are what joined the project.
    /// Errors name it as the project does, and tell nothing of the machine's
    /// folders.
    fn read(&self, candidate: &Candidate) -> Result<Vec<u8>, String> {
        content::read_same(&self.root, candidate).map_err(|fault| named(candidate, &fault.reason()))
    }

    /// The region of an image that was sent.
    fn place(
        &self,
        width: u32,
        height: u32,
        at: Option<Where>,
    ) -> Result<Option<PixelBox>, String> {
        let given = match at {
            None => return Ok(None),
            Some(Where::Box(edges)) => edges.map(f64::from),
            Some(Where::Point([x, y])) => {
                let side = self.box_side.ok_or(
                    "a point says where, but this project's candidates are whole images: \
                     leave the point out, or give a box",
                )?;
                let half = f64::from(side) / 2.0;
                let (x, y) = (f64::from(x), f64::from(y));
                [x - half, y - half, x + half, y + half]
            }
        };
        PixelBox::clip(given, width, height).map(Some)
    }
}

impl Vision for ProjectVision {
    fn content(&self, candidate: &Candidate) -> Content {
        self.seen.content(&self.root, candidate)
    }

    fn info(&self, candidate: &Candidate) -> Result<Info, String> {
        let bytes = self.read(candidate)?;
        let header = image_io::header(Path::new(&candidate.name), &bytes)
            .map_err(|error| named(candidate, &error.fault))?;
        Ok(Info {
            width: header.width,
            height: header.height,
            depth: if header.grey16 { 16 } else { 8 },
        })
    }

    fn image(&self, candidate: &Candidate) -> Result<Picture, String> {
        self.pictures.get_or_make(candidate.key, || {
            let bytes = self.read(candidate)?;
            pictures::encode(bytes, self.policy.window()).map_err(|fault| named(candidate, &fault))
        })
    }

    fn samples(&self, candidate: &Candidate) -> Result<Samples, String> {
        let bytes = self.read(candidate)?;
        let grey = image_io::decode_grey16(Path::new(&candidate.name), &bytes)
            .map_err(|error| named(candidate, &error.fault))?
            .ok_or_else(|| named(candidate, &"its samples are not 16-bit grey values"))?;
        let all = u16::MAX >> (16 - grey.bits);
        // The expert begins with what the network sees.
        let (low, high) = self.policy.window().map_or((0, all), |window| {
            let stored = |sample: i32| sample.clamp(0, i32::from(u16::MAX)) as u16;
            (stored(window.low()), stored(window.high()))
        });
        Ok(Samples {
            width: grey.width,
            height: grey.height,
            low,
            high,
            values: grey.values,
        })
    }

    fn patches(&self, candidate: &Candidate) -> Result<Strip, String> {
        let bytes = self.read(candidate)?;
        let image = image_io::decode(Path::new(&candidate.name), &bytes, self.policy.window())
            .map_err(|error| named(candidate, &error.fault))?;
        let region = patches::pixel_box(candidate.region);
        let region = region
            .map(|at| {
                PixelBox::clip(
                    [at.x0, at.y0, at.x1, at.y1].map(f64::from),
                    image.width(),
                    image.height(),
                )
            })
            .transpose()
            .map_err(|reason| named(candidate, &reason))?;
        let region = canonical_region(&image, region, &self.policy, self.input);
        let mut bytes = vec![0; self.policy.len() * patch_bytes(self.input)];
        acft_images::patches::patches(&region, &self.policy, self.input, &mut bytes);
        Ok(Strip {
            png: pictures::strip(&bytes, self.policy.len(), self.input)
                .map_err(|error| named(candidate, &error))?,
            count: self.policy.len(),
            input: self.input,
        })
    }

    fn predict(&self, image: &[u8], at: Option<Where>) -> Result<Prediction, VisionError> {
        let decoded = image_io::decode(Path::new("image"), image, self.policy.window())
            .map_err(|error| VisionError::Input(format!("the image: {}", error.fault)))?;
        let place = self
            .place(decoded.width(), decoded.height(), at)
            .map_err(VisionError::Input)?;
        let in_use = self.in_use();
        let one = One {
            region: canonical_region(&decoded, place, &self.policy, self.input),
            policy: self.policy,
            input: self.input,
        };
        self.ask(&in_use, one)
            .map_err(|error| VisionError::Unavailable(format!("{error:#}")))
    }

    fn admit(&self, image: &[u8], at: Option<Where>, name: &str) -> Result<Candidate, VisionError> {
        let decoded = image_io::decode(Path::new("image"), image, self.policy.window())
            .map_err(|error| VisionError::Input(format!("the image: {}", error.fault)))?;
        let place = self
            .place(decoded.width(), decoded.height(), at)
            .map_err(VisionError::Input)?;
        feedback::admit(&self.root, image, place, name)
            .map_err(|error| VisionError::Unavailable(format!("{error:#}")))
    }
}

impl ProjectVision {
    fn ask(&self, in_use: &InUse, one: One) -> anyhow::Result<Prediction> {
        let learner = network::learner(&self.flags, &in_use.model, Arc::new(one))?;
        // Packing a network takes longer than asking it: the next request finds it packed.
        if in_use.ready.get().is_none() {
            let _ = in_use.ready.set(learner.ready(&in_use.model)?);
        }
        let mut rows = Vec::new();
        learner
            .predict(&in_use.model, &[CandidateId(0)], &mut |_, outcome| {
                // One that is decoded already can be read.
                rows = outcome.unwrap_or_default().to_vec();
                std::ops::ControlFlow::Break(())
            })
            .map_err(anyhow::Error::from_boxed)?;
        let predictions = Predictions::new(&rows, in_use.classes.len())?;
        Ok(Prediction {
            model: in_use.hash.clone(),
            classes: in_use.classes.clone(),
            mean: predictions.mean(),
            score: self.criterion.score(&predictions),
            patches: self.policy.len(),
        })
    }
}

/// The patches of one image that is in no project.
struct One {
    region: Region,
    policy: PatchPolicy,
    input: usize,
}

impl PatchSource for One {
    fn patches_per_candidate(&self) -> usize {
        self.policy.len()
    }

    fn input(&self) -> usize {
        self.input
    }

    fn write(&self, _: CandidateId, out: &mut [u8]) -> Result<(), CandidateError> {
        acft_images::patches::patches(&self.region, &self.policy, self.input, out);
        Ok(())
    }
}

fn named(candidate: &Candidate, fault: &dyn std::fmt::Display) -> String {
    format!("{}: {fault}", candidate.name)
}

/// The side of the box of median size.
fn median_side(candidates: &[Candidate]) -> Option<u32> {
    let mut sides: Vec<u32> = candidates
        .iter()
        .filter_map(|candidate| candidate.region)
        .map(|[x0, y0, x1, y1]| (x1 - x0).max(y1 - y0))
        .collect();
    sides.sort_unstable();
    sides.get(sides.len() / 2).copied()
}
