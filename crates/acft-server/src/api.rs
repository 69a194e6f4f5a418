//! The handlers: a file a subject. Each reads its request, does one piece of
//! work on the thread that owns the project, and says what came of it.

pub(crate) mod annotators;
pub(crate) mod candidates;
mod classes;
mod content;
pub(crate) mod feedback;
pub(crate) mod flags;
pub(crate) mod labels;
pub(crate) mod models;
pub(crate) mod next;
pub(crate) mod predict;
pub(crate) mod progress;
pub(crate) mod review;
pub(crate) mod session;
pub(crate) mod system;
mod values;
