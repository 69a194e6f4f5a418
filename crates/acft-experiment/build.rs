//! Tells the program of which commit it was made: results of two builds of one version may differ by rounding.

use std::process::Command;

fn main() {
    // Without git, or in sources without a history, there is none to tell.
    if let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) {
        println!("cargo:rustc-env=ACFT_COMMIT={commit}");
    }
    // What is appended to with each commit; a path that does not exist would build this anew each time.
    let history = git(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "logs/HEAD",
    ])
    .filter(|path| std::path::Path::new(path).is_file());
    println!(
        "cargo:rerun-if-changed={}",
        history.as_deref().unwrap_or("build.rs")
    );
}

fn git(arguments: &[&str]) -> Option<String> {
    let done = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| text.trim().to_owned())
}
