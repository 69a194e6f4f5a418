//! The server of a project: a page for experts, and the JSON API behind it.
//!
//! It knows HTTP and nothing else: labels go to the thread that owns the
//! project, pixels and networks are behind [`Vision`].

mod answer;
mod api;
mod app;
mod card;
mod connections;
mod door;
mod extract;
mod guard;
mod keys;
mod metrics;
mod observe;
mod page;
mod problem;
mod public;
mod queue;
mod routes;
pub mod settings;
mod token;
mod told;
mod uploads;
pub mod vision;
mod why;
pub mod work;

pub use app::{Served, now};
pub use connections::{Limits, serve};
pub use public::{allowed_host, public_host};
pub use routes::app;
pub use settings::{Exposure, ServeSettings, ShowGuess};
pub use token::new_token;
pub use vision::{Content, Info, Picture, Prediction, Region, Samples, Strip, Vision, VisionError};
pub use work::{Phase, Work};
