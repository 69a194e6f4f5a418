//! From settings and data to a network: which one, its weights, its patches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acft::baselines::Baseline;
use acft::random::{Purpose, seed_of};
use acft_images::PatchSource;
use acft_images::image_io::{Chosen, choose_window};
use acft_images::patches::PatchPolicy;
use acft_images::source::Dataset;
use acft_vision::Device;
use acft_vision::learner::{FineTuning, Learner, OptimizerKind};
use acft_vision::models::{Architecture, Description, Model, Network};
use acft_vision::weights::Tensors;
use anyhow::{Context, bail};

use crate::bad_input;
use crate::settings::{Flags, Settings};

/// M_0, and all that a learner needs beside the data.
pub struct Setup {
    /// The settings with what was told from the weights and the data.
    pub flags: Flags,
    /// M_0: the pre-trained network with a fresh last layer.
    pub pretrained: Model,
    /// How a candidate becomes patches.
    pub patches: PatchPolicy,
    /// The window that was told from the images, if it was not given and there
    /// are images that need one.
    pub chosen_window: Option<Chosen>,
}

impl Setup {
    /// Loads the weights and puts a fresh last layer on them, drawn from the
    /// run's seed.
    pub fn new(settings: &Settings, data: &Dataset) -> anyhow::Result<Self> {
        let mut flags = settings.flags.clone();
        let boxed = data
            .candidates
            .iter()
            .any(|candidate| candidate.region.is_some());
        let policy = if boxed { "box:24" } else { "crop:12" };
        let patches = match flags.patches {
            Some(patches) => patches,
            None => policy.parse()?,
        };
        let asked = flags.asked_window()?;
        let chosen_window = match asked {
            Some(_) => None,
            None => choose_window(&files(data)),
        };
        let window = asked.or(chosen_window.as_ref().and_then(|chosen| chosen.window));
        let patches = patches.with_window(window);
        flags.patches = Some(patches);
        flags.window = window;
        if let Some(count) = flags.test_patches.filter(|count| *count > patches.len()) {
            return Err(bad_input!(
                "--test-patches {count}: {patches} makes only {} of each candidate",
                patches.len()
            ));
        }

        let classes = data.classes.len();
        let seed = seed_of(settings.seed, 0, Purpose::Head);
        let network = match (&flags.weights, flags.model) {
            (Some(path), model) => pretrained(path, model, classes, seed)?,
            (None, Some(model)) => Network::new(model, classes, seed, &device()),
            (None, None) => {
                return Err(bad_input!(
                    "--from-scratch needs to know the network: give --model"
                ));
            }
        };
        let architecture = network.architecture();
        flags.model = Some(architecture);
        let queries = [Some(settings.plan.query), settings.plan.first_query];
        let by_dropout = acft::Query::Baseline {
            rule: Baseline::DropoutBald,
        };
        if queries.contains(&Some(by_dropout)) && !architecture.has_dropout() {
            return Err(bad_input!(
                "{architecture} has no dropout to sample by: query by bald, which compares patches, or by margin"
            ));
        }
        for query in queries.into_iter().flatten() {
            check_patches(query, patches.len())?;
        }
        let description = Description {
            architecture: network.architecture(),
            classes: data.classes.clone(),
            input: settings.input,
            patches: patches.to_string(),
        };
        let pretrained = Model::new(network, description).map_err(|error| bad_input!("{error}"))?;
        Ok(Self {
            flags,
            pretrained,
            patches,
            chosen_window,
        })
    }

    /// Which network M_0 is.
    pub fn architecture(&self) -> Architecture {
        self.pretrained.description().architecture
    }

    /// A learner over these patches.
    pub(crate) fn learner(&self, source: Arc<dyn PatchSource>) -> anyhow::Result<Learner> {
        learner(&self.flags, &self.pretrained, source)
    }
}

/// The files of all candidates, each once, by name.
pub fn files(data: &Dataset) -> Vec<PathBuf> {
    let files = data.candidates.iter().map(|candidate| &candidate.path);
    files
        .collect::<BTreeSet<_>>()
        .into_iter()
        .cloned()
        .collect()
}

/// Refuses a query that compares patches where there are none to compare: it would be a random one under another name.
fn check_patches(query: acft::Query, patches: usize) -> anyhow::Result<()> {
    match query {
        acft::Query::Active { criterion, .. } => criterion
            .check_patches(patches)
            .map_err(|error| bad_input!("{error}")),
        acft::Query::Baseline { rule } if rule.compares_patches() && patches == 1 => {
            Err(bad_input!(
                "{rule} compares the patches of a candidate, and there is one of each: give --patches that make more, or \
                 query by margin or another that needs one alone"
            ))
        }
        _ => Ok(()),
    }
}

/// A learner for models like `model`, with the fine-tuning of these settings.
pub fn learner(
    flags: &Flags,
    model: &Model,
    source: Arc<dyn PatchSource>,
) -> anyhow::Result<Learner> {
    let classes = model.description().classes.len();
    let precision = flags.precision.unwrap_or_default();
    Ok(Learner::new(source, classes, fine_tuning(flags))?.scoring_in(precision))
}

/// Where networks run: the CPU.
pub fn device() -> Device {
    Device::flex()
}

/// Reads a whole model that a run has kept.
pub fn load(path: &Path) -> anyhow::Result<Model> {
    Ok(Model::load(path, &device())?)
}

/// Reads a model whose file has this hash. It is the file that is held against
/// it, not what this program would write of the model: another version may
/// write the same model in other bytes.
///
/// # Errors
/// The file cannot be read, or is another.
pub fn load_hashed(path: &Path, hash: &str) -> anyhow::Result<Model> {
    let at = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {at}"))?;
    if blake3::hash(&bytes).to_hex().as_str() != hash {
        bail!("{at} is not the model that was kept there: it is damaged");
    }
    Ok(Model::from_bytes(&at.to_string(), &bytes, &device())?)
}

fn fine_tuning(flags: &Flags) -> FineTuning {
    let default = FineTuning::default();
    let optimizer = match flags.optimizer.as_deref() {
        Some("sgd") => OptimizerKind::Sgd,
        _ => OptimizerKind::Adam,
    };
    FineTuning {
        optimizer,
        lr: flags.lr.unwrap_or(default.lr),
        lr_ratio: flags.lr_ratio.unwrap_or(default.lr_ratio),
        epochs: flags.epochs.unwrap_or(default.epochs),
        mini_batch: flags.minibatch.unwrap_or(default.mini_batch),
        precision: flags.train_precision.unwrap_or(default.precision),
        ..default
    }
}

/// The network of a weights file: the one named, or else the one whose
/// tensors these are.
fn pretrained(
    path: &Path,
    model: Option<Architecture>,
    classes: usize,
    seed: u64,
) -> anyhow::Result<Network> {
    let tensors = Tensors::read(path).map_err(|error| bad_input!("{error}"))?;
    if let Some(model) = model {
        return tensors
            .into_network(model, classes, seed, &device())
            .map_err(|error| bad_input!("{error}"));
    }
    for architecture in Architecture::ALL {
        if let Ok(network) = tensors
            .clone()
            .into_network(architecture, classes, seed, &device())
        {
            return Ok(network);
        }
    }
    let known: Vec<String> = Architecture::ALL.iter().map(ToString::to_string).collect();
    Err(bad_input!(
        "{} has the weights of no network that is known here ({}); name one with --model to see what differs",
        path.display(),
        known.join(", ")
    ))
}
