//! `acft simulate` and `acft explain` as processes, on images drawn here.
#![allow(clippy::unwrap_used)]

mod bad_data;
mod durability;
mod experiment;
mod head;
mod images;
mod kept;
mod reports;
mod runs;
mod settings;
