//! One run: its settings, its folder, what it records, and Algorithm 1 on
//! images whose labels are known.
//!
//! ```text
//! settings → data, network → simulate → steps ⇄ journal → folder (record, predictions, models)
//! ```
//!
//! Start at [`simulate()`]. [`settings`] has every setting with its default,
//! [`folder`] is the folder of a run and its durability, [`record`] what stands
//! in it, [`evaluation`] how a model is judged.
//!
//! This crate knows nothing of terminals, databases, HTTP, or grids of runs.

mod error;
mod journal;
mod judge;

mod plot;
mod run_model;
mod simulate;
mod steps;
mod strategy;
mod teller;
mod there;

pub mod data;
pub mod evaluation;
pub mod favoured;
pub mod files;
pub mod folder;
pub mod head;
pub mod network;
pub mod record;
pub mod seed;
pub mod settings;
pub mod test_set;
pub mod toml_text;

pub use error::BadInput;
pub use journal::{best_step, signs};
pub use simulate::{Begun, Surroundings, differing, simulate};
pub use strategy::Learns;
pub use teller::Teller;
