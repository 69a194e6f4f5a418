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

mod backup;
mod check;
pub mod desk;
mod error;
pub mod event;
mod keeper;
pub mod ledger;
mod lock;
mod names;
mod project;
mod rules;
mod stamp;
mod store;

pub use backup::{Contents, back_up, last_event, verify};
pub use check::{Accepted, Finding, accept_loss, check_database, database_note};
pub use desk::{Assignment, Filter, Next, Progress, Undone, holdouts};
pub use error::Error;
pub use event::{
    ClassId, Draw, Event, EventId, LabelOrigin, Member, ModelMade, Moment, Origin, Role, Verdict,
};
pub use keeper::Keeper;
pub use ledger::{Candidate, Contradiction, Ledger, Part, token_hash};
pub use names::{BadName, NAME_LIMIT, RESERVED_NAMES, annotator_name};
pub use project::{Created, Project};
pub use rules::Rules;
pub use stamp::Stamp;
