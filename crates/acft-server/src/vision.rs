//! What the server needs of someone who knows pixels and networks.
//!
//! Every method may take its time: the server calls them on threads of their
//! own, several at once. Texts of errors are shown to people; they name the
//! image's file as the project knows it, never a folder of the machine.

use acft::Score;
use acft_project::{Candidate, ClassId};

/// Whether the file of a candidate is the image that joined the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is.
    Same,
    /// It is not: a sentence that names it.
    Changed(String),
    /// It cannot be opened now, and may be back later: a sentence that names it.
    Away(String),
}

/// Reads images and asks the network in use.
pub trait Vision: Send + Sync {
    /// Whether a candidate's file is still the image that joined the project.
    /// Costs little where nothing has touched the file.
    fn content(&self, candidate: &Candidate) -> Content;

    /// The size of a candidate's upright image, without decoding all of it
    /// where the format allows.
    ///
    /// # Errors
    /// The image cannot be read: a sentence that names it.
    fn info(&self, candidate: &Candidate) -> Result<Info, String>;

    /// The upright image in a format that browsers show, 8 bits a sample.
    ///
    /// # Errors
    /// The image cannot be read: a sentence that names it.
    fn image(&self, candidate: &Candidate) -> Result<Picture, String>;

    /// The samples of an image of 16-bit grey values, for window and level.
    ///
    /// # Errors
    /// The image cannot be read, or has other samples.
    fn samples(&self, candidate: &Candidate) -> Result<Samples, String>;

    /// The patches that the network is shown, side by side.
    ///
    /// # Errors
    /// The image cannot be read: a sentence that names it.
    fn patches(&self, candidate: &Candidate) -> Result<Strip, String>;

    /// What the network in use makes of an image that is in no project; also
    /// while another is being trained.
    ///
    /// # Errors
    /// The image or the region is at fault, or there is no network to ask.
    fn predict(&self, image: &[u8], region: Option<Region>) -> Result<Prediction, VisionError>;

    /// Keeps an image among the project's own (by its hash, on disk when this
    /// returns) and says what candidate it is. Keeping one twice is no error.
    ///
    /// # Errors
    /// The image or the region is at fault, or it cannot be kept.
    fn admit(
        &self,
        image: &[u8],
        region: Option<Region>,
        name: &str,
    ) -> Result<Candidate, VisionError>;
}

/// An image's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Pixels, upright.
    pub width: u32,
    /// Pixels, upright.
    pub height: u32,
    /// Bits a sample: 8, or 16 for grey values that a window has to be laid over.
    pub depth: u8,
}

/// An encoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `image/png` or `image/jpeg`.
    pub content_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Grey values, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The sample that the network sees as black.
    pub low: u16,
    /// The sample that it sees as white.
    pub high: u16,
    /// width × height of them.
    pub values: Vec<u16>,
}

/// A candidate's patches side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// A PNG of count·input × input pixels.
    pub png: Vec<u8>,
    /// m, how many.
    pub count: usize,
    /// The side of one in pixels.
    pub input: usize,
}

/// Where to look in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// x0, y0, x1, y1 in pixels of the upright image, half-open.
    Box([u32; 4]),
    /// The middle of what is meant; how large it is, is the project's to say.
    Point([u32; 2]),
}

/// What a network makes of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// BLAKE3 of the model's file, in hexadecimal.
    pub model: String,
    /// The classes of its outputs, in their order.
    pub classes: Vec<ClassId>,
    /// Mean over the patches of the softmax, a value a class.
    pub mean: Vec<f64>,
    /// By the project's criterion; `dominant` counts in `classes`.
    pub score: Score,
    /// m, how many patches were asked about.
    pub patches: usize,
}

/// Why a network was not asked, or an image not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VisionError {
    /// The image or the region is at fault: asking again will not help.
    #[error("{0}")]
    Input(String),
    /// There is no model, or the disk is full: asking later may help.
    #[error("{0}")]
    Unavailable(String),
}
