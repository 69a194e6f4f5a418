//! Features of a pool on disk: made once, and read by every run, seed and step that needs them.
//!
//! A file holds what the [taps](crate::models::Architecture::taps) of a network give for every patch of a list of
//! candidates, in half precision. Its name is a hash of all that the numbers depend on ([`Parameters`]), so that two runs
//! share a file exactly where they need the same numbers. It holds nothing that cannot be made again, and may be deleted at
//! any time.
//!
//! - **While it is made** it has another name. It gets its own once it is whole and on disk. A making that was stopped or
//!   killed goes on with what it has.
//! - **One at a time makes it**: others wait for it and read it then.
//! - **Every record has a hash** over its place, its content and the parameters. What is damaged is named and made anew.
//! - **A candidate that cannot be read** has a record that says why. It is tried again whenever the file is asked for.
//! - **Memory** is a few candidates' worth, however large the pool.

mod at;
mod error;
mod file;
mod make;
mod parameters;
mod store;

pub use error::FeatureError;
pub use make::{FeatureObserver, Member, open_or_make};
pub use parameters::Parameters;
pub use store::{Chunk, Chunks, FeatureStore};
