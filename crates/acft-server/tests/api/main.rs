//! The API, from outside: every answer is held against `openapi.json` on its
//! way here, so that no test has to.

#![allow(clippy::unwrap_used)]

mod asking;
mod cases;
mod changed;
mod connections;
mod described;
mod digits;
mod failing;
mod guarded;
mod hostile;
mod labeling;
mod looking;
mod malformed;
mod page;
mod people;
mod private;
mod progressing;
mod proxied;
mod repeated;
mod reviewing;
mod rows;
mod schema;
mod serving;
mod several;
mod site;
mod uploads;
mod vision;
