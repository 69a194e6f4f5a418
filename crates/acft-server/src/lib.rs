//! The server of a project: a page for experts, and the JSON API behind it.
//!
//! It knows HTTP and nothing else: labels go to the thread that owns the
//! project, pixels and networks are behind [`Vision`].

mod answer;
mod api;
mod app;
mod card;
mod extract;
mod guard;
mod metrics;
mod observe;
mod page;
mod problem;
mod queue;
mod routes;
mod serve;
pub mod settings;
pub mod vision;
mod why;
pub mod work;

pub use app::{Served, app};
pub use serve::serve;
pub use settings::{Exposure, ServeSettings, ShowGuess};
pub use vision::{Content, Info, Picture, Prediction, Region, Samples, Strip, Vision, VisionError};
pub use work::{Phase, Work};
