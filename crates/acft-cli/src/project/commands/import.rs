//! The rows of `acft label import`: read, checked against the project, and
//! turned into events.

mod plan;
mod rows;

pub(crate) use plan::{Replace, plan};
pub(crate) use rows::read;
