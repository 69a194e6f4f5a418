//! The commands of the README and of docs/, run as they stand there.
//!
//! A block tagged `sh` is run; one tagged `sh no-run` (a server, a download, data that are not
//! here) is not. A block tagged `toml NAME` is written to the file NAME first. Each page has a
//! folder of its own, with the small data that `sample.rs` draws under the names that pages use.

mod pages;
mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pages::{Block, What};
use sample::Sample;

/// Pages whose reader has a project `lungs` already.
const OF_A_PROJECT: [&str; 3] = ["backup.md", "deployment.md", "deployment-proxy.md"];

#[test]
#[cfg(unix)]
fn the_commands_of_every_page_work() {
    let weights = Sample::weights();
    let mut commands = 0;
    let mut failures = Vec::new();
    for page in pages() {
        let blocks = pages::blocks(&page);
        if !blocks.iter().any(|block| block.what == What::Run) {
            continue;
        }
        let sample = Sample::new(&weights);
        if OF_A_PROJECT.iter().any(|name| page.ends_with(name)) {
            sample.make_project();
        }
        for block in &blocks {
            commands += usize::from(block.what == What::Run);
            if let Err(output) = follow(&sample, block) {
                failures.push(format!(
                    "{}, line {}:\n{}{output}",
                    page.display(),
                    block.line,
                    block.text
                ));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // So that a change of the tags does not end the test unseen.
    assert!(commands >= 20, "only {commands} blocks were run");
}

/// The README and the pages of docs/.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// Does what a block says; the output if that fails.
fn follow(sample: &Sample, block: &Block) -> Result<(), String> {
    match &block.what {
        What::Skip => Ok(()),
        What::Write(name) => {
            sample.home.write(name, &block.text);
            Ok(())
        }
        What::Run => {
            let result = run(sample, &block.text);
            sample.fill_in("batch.csv");
            result
        }
    }
}

/// Runs a script with `acft` on the path.
fn run(sample: &Sample, script: &str) -> Result<(), String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_acft")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path)),
    )
    .unwrap();
    let output = Command::new("sh")
        // Ends at the first failure, and says which command that was.
        .args(["-eux", "-c", script])
        .current_dir(sample.home.path("."))
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A link to a file of the repository leads to one.
#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = pages();
    for name in ["ARCHITECTURE.md", "CHANGELOG.md", "crates/acft/README.md"] {
        pages.push(root.join(name));
    }
    let mut broken = Vec::new();
    let mut links = 0;
    for page in &pages {
        for link in pages::links(page) {
            links += 1;
            if let Err(why) = pages::look_up(page, &link) {
                broken.push(format!("{}: {link}: {why}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(links >= 40, "only {links} links were found");
}
