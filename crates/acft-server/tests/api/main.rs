//! The API, from outside: every answer is held against `openapi.json` on its
//! way here, so that no test has to.

#![allow(clippy::unwrap_used)]

mod cases;
mod described;
mod failing;
mod guarded;
mod labeling;
mod looking;
mod malformed;
mod page;
mod progressing;
mod repeated;
mod reviewing;
mod schema;
mod serving;
mod several;
mod site;
mod vision;
