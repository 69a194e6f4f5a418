//! `acft`: label less, learn the same.

mod cli;
mod compare;
mod demo;
mod experiment;
mod explain;
mod figure;
mod html;
mod network;
mod progress;
mod project;
mod score;
mod simulate;
mod toml_text;

use std::process::ExitCode;

/// Networks allocate and free the same large buffers over and over; the
/// system's allocator gives them back to the kernel each time, and every page
/// of them faults again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            cli::exit_code(&error)
        }
    }
}
