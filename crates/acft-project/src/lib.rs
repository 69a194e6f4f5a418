//! The project of a labeling campaign: what happened, in an append-only store,
//! and who is served what next.
//!
//! ```text
//! Event ──► Store (SQLite, on disk before anyone is told) ──► Ledger (the state, by replay)
//!   ▲                                                            │
//!   └───────────── Desk (leases: who labels what) ◄──────────────┘
//! ```
//!
//! It knows nothing of pixels, networks, HTTP or clocks: moments are given to it.

mod check;
pub mod desk;
mod error;
pub mod event;
mod keeper;
pub mod ledger;
mod lock;
mod project;
mod rules;
mod stamp;
mod store;

pub use check::{Finding, check_database};
pub use desk::{Assignment, Filter, Next, Progress, Undone, holdouts};
pub use error::Error;
pub use event::{
    ClassId, Draw, Event, EventId, LabelOrigin, Member, ModelMade, Moment, Origin, Verdict,
};
pub use keeper::Keeper;
pub use ledger::{Candidate, Contradiction, Ledger, Part, token_hash};
pub use project::{Created, Project};
pub use rules::Rules;
pub use stamp::Stamp;
