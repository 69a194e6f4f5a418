//! The server of a project: a page for experts, and the JSON API behind it.
//!
//! It knows HTTP and nothing else: labels go to the thread that owns the
//! project, pixels and networks are behind [`Vision`].

pub mod settings;
pub mod vision;
pub mod work;

pub use settings::{Exposure, ServeSettings, ShowGuess};
pub use vision::{Info, Picture, Prediction, Region, Samples, Strip, Vision, VisionError};
pub use work::{Phase, Work};
