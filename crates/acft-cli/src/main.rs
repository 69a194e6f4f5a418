//! `acft`: label less, learn the same.

// Its `println!` and its like: what is printed cannot steer a terminal.
#[macro_use]
extern crate acft_terminal;

mod cli;
mod compare;
mod demo;
mod experiment;
mod explain;
mod machine;
mod output;
mod progress;
mod project;
mod score;
mod simulate;

use std::io::Write;
use std::process::ExitCode;

/// Networks allocate and free the same large buffers over and over; the
/// system's allocator gives them back to the kernel each time, and every page
/// of them faults again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    end_with_stdout();
    match cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            cli::exit_code(&error)
        }
    }
}

/// Whoever reads the output may have seen enough, as `head` does: that is the end, and no fault of the program. A disk
/// that is full is the end too, and an error like any other. Rust makes a panic of both where text is printed.
fn end_with_stdout() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        let Some(why) = text.strip_prefix("failed printing to stdout: ") else {
            return usual(panic);
        };
        if why.contains("Broken pipe") {
            // As a program that the signal has ended: 128 + SIGPIPE.
            std::process::exit(141);
        }
        // Stderr may be on the same disk: there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "error: cannot write to stdout: {why}");
        std::process::exit(1);
    }));
}
