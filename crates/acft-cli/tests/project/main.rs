//! A project while it is served: an honest expert labels over HTTP, and the
//! worker ranks, trains and judges behind the page. Looked at from outside: by
//! the API, by the commands, and by what is in the database.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod backups;
mod campaign;
mod classes;
mod faults;
mod models;
mod reported;
mod server;
mod site;
