//! What can be wrong with features, labels and settings.

use crate::{BytesError, MapHash};

/// Why numbers are not the features of patches. Candidates, patches and columns count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The numbers do not form whole candidates.
    #[error(
        "{values} numbers do not form candidates of {patches} patches with {width} features each"
    )]
    Shape {
        /// How many numbers there were.
        values: usize,
        /// Patches of a candidate.
        patches: usize,
        /// Features of a patch.
        width: usize,
    },
    /// A number that is not finite.
    #[error(
        "feature {column} of patch {patch} of candidate {candidate} is {value}, not a finite number: compute the features of this candidate again, or leave it out"
    )]
    NotFinite {
        /// The candidate.
        candidate: usize,
        /// Which of its patches.
        patch: usize,
        /// The feature.
        column: usize,
        /// What stands there.
        value: f32,
    },
    /// Patches of another width.
    #[error(
        "a patch has {found} features, but {wanted} were expected: the features come from another network or from other layers"
    )]
    Width {
        /// Features of a patch as given.
        found: usize,
        /// Features of a patch as expected.
        wanted: usize,
    },
    /// Features that another map projected.
    #[error(
        "the features were projected by map {found}, but the head was fitted on those of map {wanted}: project them with the same map, or fit the head again"
    )]
    Map {
        /// The map of the features.
        found: MapHash,
        /// The map of the head.
        wanted: MapHash,
    },
}

/// Why no map could be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MapError {
    /// The features are at fault.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// There are not enough patches.
    #[error("a map is fitted on at least 2 patches, but there are {patches}")]
    TooFew {
        /// How many there were.
        patches: u64,
    },
    /// All patches are alike.
    #[error(
        "all {patches} patches have the same features, so nothing can be told from them: check that the images differ and that the network has its weights"
    )]
    Constant {
        /// How many there were.
        patches: u64,
    },
    /// A pass gave other patches than the one before.
    #[error(
        "a pass over the pool gave {found} patches, the one before {wanted}: each pass must give the same patches"
    )]
    Passes {
        /// Patches of this pass.
        found: u64,
        /// Patches of the first.
        wanted: u64,
    },
    /// The eigensolver gave up.
    #[error("the eigenvalues of a {size} × {size} matrix did not converge")]
    Eigen {
        /// Rows of the matrix.
        size: usize,
    },
    /// A setting that is out of range.
    #[error("{name} is {value}: it must be {must}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// Stored bytes that are not a map.
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

/// Why no head could be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// The features are at fault.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// There is no label yet.
    #[error("there is no label yet: label at least one candidate of each of two classes")]
    NoLabel,
    /// All labels name the same class.
    #[error("all {labels} labels name class {class}: a head needs labels of at least two classes")]
    OneClass {
        /// The class, counted from 0.
        class: usize,
        /// How many candidates are labeled.
        labels: usize,
    },
    /// A label that names no class.
    #[error("label {label} names class {class}, but there are {classes} classes, counted from 0")]
    Class {
        /// Which label, in the order in which they were given.
        label: usize,
        /// The class that it names.
        class: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A soft target that is no distribution.
    #[error(
        "the target of label {label} is not a distribution over {classes} classes: it needs that many numbers of at least 0 that sum to 1"
    )]
    Target {
        /// Which label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A weight that is no positive number.
    #[error("the weight of label {label} is {weight}: it must be positive and finite")]
    Weight {
        /// Which label.
        label: usize,
        /// The weight.
        weight: f64,
    },
    /// Too few classes.
    #[error("there are {classes} classes: a head tells at least 2 apart")]
    Classes {
        /// How many.
        classes: usize,
    },
    /// The head to start from has another shape.
    #[error(
        "the head to start from tells {found} classes apart by {found_width} features, the labels {wanted} by {wanted_width}: start without it, or give it the new classes first (`Head::with_classes`)"
    )]
    Warm {
        /// Classes of the head.
        found: usize,
        /// Features of the head.
        found_width: usize,
        /// Classes of the labels.
        wanted: usize,
        /// Features of the labels.
        wanted_width: usize,
    },
    /// A setting that is out of range.
    #[error("{name} is {value}: it must be {must}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
}

/// Why labels could not be spread over a graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// The features are at fault.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A label of no candidate.
    #[error("a label is of candidate {candidate}, but the graph has {candidates} candidates")]
    Candidate {
        /// The candidate.
        candidate: usize,
        /// How many there are.
        candidates: usize,
    },
    /// A label that names no class, or is no distribution.
    #[error("the label of candidate {candidate} is not a distribution over {classes} classes")]
    Target {
        /// The candidate.
        candidate: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A setting that is out of range.
    #[error("{name} is {value}: it must be {must}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
}
