//! What the numbers of a file depend on.

use acft::CandidateKey;
use acft_images::patches::PatchPolicy;
use serde::{Deserialize, Serialize};

use crate::engine::Precision;
use crate::learner::{Learner, LearnerError};
use crate::models::{Model, TAPS_VERSION};

/// All that features depend on. Features with equal parameters are equal.
///
/// The network's last layer is not among them: features are read before it, so that runs whose last layers were drawn
/// from different seeds share a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    network: String,
    /// Hash of the weights below the last layer.
    weights: String,
    /// The tapped layers, and the version of what is kept of them.
    taps: String,
    /// The patch policy, as it writes itself.
    patches: String,
    patches_version: u32,
    patches_per_candidate: usize,
    /// In pixels.
    input: usize,
    precision: Precision,
    /// Numbers of a patch.
    width: usize,
    candidates: usize,
    /// Hash of the candidates' keys, in their order.
    keys: String,
}

impl Parameters {
    /// The parameters of features that a learner makes with a model, of patches that were cut by `policy`.
    ///
    /// # Errors
    /// The model's input is too small for its network.
    pub fn new(
        learner: &Learner,
        model: &Model,
        policy: &PatchPolicy,
        keys: impl ExactSizeIterator<Item = CandidateKey>,
    ) -> Result<Self, LearnerError> {
        let description = model.description();
        let architecture = description.architecture;
        let taps: Vec<&str> = architecture.taps().iter().map(|tap| tap.name()).collect();
        let candidates = keys.len();
        let mut hasher = blake3::Hasher::new();
        keys.for_each(|key| {
            hasher.update(&key.0);
        });
        Ok(Self {
            network: architecture.to_string(),
            weights: model.network().trunk_hash().to_string(),
            taps: format!("{} (version {TAPS_VERSION})", taps.join(" ")),
            patches: policy.to_string(),
            patches_version: PatchPolicy::VERSION,
            patches_per_candidate: learner.source().patches_per_candidate(),
            input: description.input,
            precision: learner.precision(),
            width: architecture.tap_width(description.input)?,
            candidates,
            keys: hasher.finalize().to_string(),
        })
    }

    /// How many candidates there are.
    pub fn candidates(&self) -> usize {
        self.candidates
    }

    /// m, the patches of a candidate.
    pub fn patches_per_candidate(&self) -> usize {
        self.patches_per_candidate
    }

    /// How many numbers there are of a patch.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The hash that names the features.
    pub fn hash(&self) -> blake3::Hash {
        blake3::hash(self.to_json().as_bytes())
    }

    /// The name of the file.
    pub fn file_name(&self) -> String {
        format!("{}.features", self.hash())
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names and numbers can always be written as JSON")
    }

    /// The first difference to what is wanted: what it is, how it is here, how it is wanted.
    pub(super) fn difference(&self, wanted: &Self) -> Option<(&'static str, String, String)> {
        let rows = |of: &Self| {
            [
                ("network", of.network.clone()),
                ("weights", of.weights.clone()),
                ("taps", of.taps.clone()),
                ("patches", of.patches.clone()),
                ("patches of version", of.patches_version.to_string()),
                (
                    "patches per candidate",
                    of.patches_per_candidate.to_string(),
                ),
                ("patches of", format!("{} px", of.input)),
                ("precision", of.precision.to_string()),
                ("width", of.width.to_string()),
                (
                    "candidates",
                    format!("{} with keys of hash {}", of.candidates, of.keys),
                ),
            ]
        };
        let pairs = rows(self).into_iter().zip(rows(wanted));
        let mut differing = pairs.filter(|(found, wanted)| found != wanted);
        differing
            .next()
            .map(|((what, found), (_, wanted))| (what, found, wanted))
    }
}
