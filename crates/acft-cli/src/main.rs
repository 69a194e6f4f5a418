//! The program `acft`: labels images with a network that learns meanwhile, and measures what
//! choosing the images saves.

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

/// Ends the program if its output cannot be written. Rust panics there. If the reader closed the pipe, as `head` does, that
/// is no error. If the disk is full, it is an error like any other.
fn end_with_stdout() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        let Some(why) = text.strip_prefix("failed printing to stdout: ") else {
            return usual(panic);
        };
        if why.contains("Broken pipe") {
            // The exit code of a program that SIGPIPE has ended: 128 + 13.
            std::process::exit(141);
        }
        // Stderr may be on the same disk, so an error of writing it is ignored.
        let _ = writeln!(std::io::stderr(), "error: cannot write to stdout: {why}");
        std::process::exit(1);
    }));
}
