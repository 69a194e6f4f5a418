//! What `acft` itself wrote, and which is therefore no data.
//!
//! A run, a project and a report have pictures in them. They are told by files
//! that nothing else has side by side.

use std::fs;
use std::io::Read;
use std::path::Path;

/// Folders of a project, beside its settings.
const OF_A_PROJECT: [&str; 3] = ["models", "cache", "reports"];
/// Bytes of a page in which its author is looked for.
const PAGE: u64 = 64 << 20;

/// What the folder is, if `acft` wrote it.
pub(super) fn kind(folder: &Path) -> Option<&'static str> {
    let has = |name: &str| folder.join(name).is_file();
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if has("config.toml") && any(&["steps.jsonl", "data.json", "finished.json"]) {
        return Some("a run of acft");
    }
    if has("demo.toml") {
        return Some("a demo of acft");
    }
    if any(&["acft.toml", "acft.db"]) {
        return Some("a project of acft");
    }
    if is_part_of_a_project(folder) {
        return Some("a part of a project of acft");
    }
    if has("results.jsonl") && has("results.parquet") {
        return Some("the results of an experiment of acft");
    }
    if has("report.html") && wrote(&folder.join("report.html")) {
        return Some("a report of acft");
    }
    None
}

/// `models`, `cache` or `reports` of the project in the folder above.
fn is_part_of_a_project(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let above = folder.parent();
    name.is_some_and(|name| OF_A_PROJECT.contains(&name))
        && above.is_some_and(|above| {
            above.join("acft.toml").is_file() || above.join("acft.db").is_file()
        })
}

/// Whether a page says that `acft` wrote it.
fn wrote(page: &Path) -> bool {
    let mut text = Vec::new();
    let read = fs::File::open(page).and_then(|file| file.take(PAGE).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    read.is_ok() && text.contains("Written by acft")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_acft_wrote_is_told_by_its_files() {
        let made = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            folder
        };
        let is = |files: &[(&str, &str)], want: Option<&str>| {
            assert_eq!(kind(made(files).path()), want, "{files:?}");
        };
        is(
            &[("config.toml", ""), ("steps.jsonl", "")],
            Some("a run of acft"),
        );
        is(
            &[("config.toml", ""), ("data.json", "")],
            Some("a run of acft"),
        );
        is(&[("acft.db", "")], Some("a project of acft"));
        is(&[("demo.toml", "")], Some("a demo of acft"));
        is(
            &[("results.jsonl", ""), ("results.parquet", "")],
            Some("the results of an experiment of acft"),
        );
        is(
            &[("report.html", "… Written by acft 0.1.0 …")],
            Some("a report of acft"),
        );
        for files in [
            &[("config.toml", "")][..],
            &[("steps.jsonl", "")],
            &[("report.html", "by someone else")],
            &[("a.png", ""), ("cache/x.png", "")],
        ] {
            is(files, None);
        }
        let project = made(&[("acft.toml", ""), ("cache/x.png", ""), ("scans/x.png", "")]);
        let part = Some("a part of a project of acft");
        assert_eq!(kind(&project.path().join("cache")), part);
        assert_eq!(kind(&project.path().join("scans")), None);
    }
}
