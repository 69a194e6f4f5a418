//! Which patches a candidate has, and how many.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::image_io::{Window, WindowError};

/// The shape of the patches (Sec. 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// The candidate itself, as it is: one patch.
    None,
    /// Centre crops at 1.0, 0.9 and 0.8 of the image, each in the 8 dihedral
    /// views: 24 patches. For small images that look alike from every side.
    Crop,
    /// The box enlarged by 1.0, 1.2 and 1.5 about its centre, each in the 8
    /// dihedral views: 24 patches. Up to 120 are made by moving the enlarged
    /// box by 10 % of its size left, right, up and down, in this order.
    Box,
    /// The whole frame, and crops of 0.9 and 0.8 of it at the centre and the
    /// four corners, each plain and mirrored: 1 + 2 × 5 × 2 = 21 patches. For
    /// scenes, which have an up and a down.
    Frame,
}

impl PatchKind {
    const ALL: [Self; 4] = [Self::None, Self::Crop, Self::Box, Self::Frame];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Crop => "crop",
            Self::Box => "box",
            Self::Frame => "frame",
        }
    }

    /// The number of patches where none is asked for.
    fn default_count(self) -> usize {
        match self {
            Self::None => 1,
            Self::Crop | Self::Box => 24,
            Self::Frame => 21,
        }
    }

    /// The most patches that the shape has.
    fn max_count(self) -> usize {
        match self {
            Self::Box => 120,
            other => other.default_count(),
        }
    }
}

/// A patch policy: a [`PatchKind`] of which the first m patches are made, and
/// the window under which samples of more than 8 bits are seen.
///
/// Written `none`, `crop`, `crop:12`, `box:24` or `frame`, in configurations too;
/// with a window `crop:12@0..4095`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PatchPolicy {
    kind: PatchKind,
    count: Option<usize>,
    window: Option<Window>,
}

/// A patch policy that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The name is unknown.
    #[error(
        "patch policy `{0}` is unknown: use none, crop, box or frame, or a count as in crop:12"
    )]
    Unknown(String),
    /// Views of a volume need a volume.
    #[error(
        "patch policy `volume` needs CT volumes, which no source reads yet: use none, crop, box or frame"
    )]
    Volume,
    /// The part after the colon is no number.
    #[error("patch count `{0}` is not a whole number: write it as in crop:12")]
    Count(String),
    /// The part after the @ is no window.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// More patches than the shape has, or none.
    #[error("patch policy `{name}` makes 1 to {max} patches, not {count}")]
    Range {
        /// The policy's name.
        name: &'static str,
        /// The most patches that it makes.
        max: usize,
        /// What was asked for.
        count: usize,
    },
}

impl PatchPolicy {
    /// Changes whenever the bytes of any patch change; what was scored or
    /// trained with one version is not continued with another.
    pub const VERSION: u32 = 1;

    /// The first `count` patches of `kind`, or its usual number.
    ///
    /// # Errors
    /// [`PolicyError::Range`].
    pub fn new(kind: PatchKind, count: Option<usize>) -> Result<Self, PolicyError> {
        let (name, max) = (kind.name(), kind.max_count());
        match count {
            Some(count) if count == 0 || count > max => {
                Err(PolicyError::Range { name, max, count })
            }
            count => Ok(Self {
                kind,
                count,
                window: None,
            }),
        }
    }

    /// The same patches, of samples that are seen under a window.
    #[must_use]
    pub fn with_window(self, window: Option<Window>) -> Self {
        Self { window, ..self }
    }

    /// The window under which samples of more than 8 bits are seen; without
    /// one, it is their highest 8 bits.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The shape of the patches.
    pub fn kind(&self) -> PatchKind {
        self.kind
    }

    /// m, the number of patches of a candidate; at least 1.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a policy makes at least one patch"
    )]
    pub fn len(&self) -> usize {
        self.count.unwrap_or_else(|| self.kind.default_count())
    }
}

impl FromStr for PatchPolicy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let (shape, window) = match text.split_once('@') {
            Some((shape, window)) => (shape, Some(window.parse()?)),
            None => (text, None),
        };
        let (name, count) = match shape.split_once(':') {
            Some((name, count)) => (name, Some(count)),
            None => (shape, None),
        };
        if name == "volume" {
            return Err(PolicyError::Volume);
        }
        let kind = PatchKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| PolicyError::Unknown(text.to_owned()))?;
        let count = count
            .map(|count| {
                count
                    .parse()
                    .map_err(|_| PolicyError::Count(count.to_owned()))
            })
            .transpose()?;
        Ok(Self::new(kind, count)?.with_window(window))
    }
}

impl fmt::Display for PatchPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(count) = self.count {
            write!(f, ":{count}")?;
        }
        match self.window {
            Some(window) => write!(f, "@{window}"),
            None => Ok(()),
        }
    }
}

impl From<PatchPolicy> for String {
    fn from(policy: PatchPolicy) -> Self {
        policy.to_string()
    }
}

impl TryFrom<String> for PatchPolicy {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}
