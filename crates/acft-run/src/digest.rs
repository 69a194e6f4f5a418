//! What a finished run recorded, by its hashes: `digest.json` keeps them and
//! `finished.json` says so, so that rows that were lost or changed later are
//! noticed. The hashes have a file of their own because they differ from run to
//! run, for steps are timed, and `finished.json` does not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::folder::read_json;
use super::record::Finished;

/// The end of a run.
const FINISHED: &str = "finished.json";

/// Where the hashes are kept.
pub(super) const DIGEST: &str = "digest.json";

/// The files of the record that lie in the run's folder itself.
const FILES: [&str; 3] = ["steps.jsonl", "queries.csv", "test.csv"];

/// The folder of the rest of the record.
const PREDICTIONS: &str = "predictions";

/// The BLAKE3 hash of each file of a record, by its path within the run's folder.
pub(crate) type Digest = BTreeMap<String, String>;

/// What `finished.json` has.
#[derive(Serialize)]
pub(super) struct Ended<'a> {
    #[serde(flatten)]
    pub(super) finished: &'a Finished,
    /// The file that has the hashes of the record as it was when the run ended.
    pub(super) digest: &'static str,
}

/// The part of `finished.json` that is looked at here. An earlier version kept no hashes.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    digest: Option<String>,
}

/// Hashes the record of a run.
///
/// # Errors
/// A file cannot be read.
pub(super) fn of(root: &Path) -> anyhow::Result<Digest> {
    let mut names: Vec<String> = FILES
        .into_iter()
        .filter(|name| root.join(name).is_file())
        .map(str::to_owned)
        .collect();
    let folder = root.join(PREDICTIONS);
    let entries = fs::read_dir(&folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        if let Ok(name) = entry.file_name().into_string()
            && !crate::files::is_temporary(&name)
        {
            names.push(format!("{PREDICTIONS}/{name}"));
        }
    }
    let hashed = |name: String| -> anyhow::Result<(String, String)> {
        let hash = hash(&root.join(&name))?;
        Ok((name, hash))
    };
    names.into_iter().map(hashed).collect()
}

fn hash(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let mut hasher = blake3::Hasher::new();
    let file = fs::File::open(path).with_context(cannot)?;
    hasher.update_reader(file).with_context(cannot)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// What is no longer as it was when the run ended, a file a line; empty where
/// the run has not ended, or an earlier version made it.
///
/// # Errors
/// `finished.json` or `digest.json` cannot be read.
pub fn damage(root: &Path) -> anyhow::Result<Vec<String>> {
    let path = root.join(FINISHED);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let kept: Kept = read_json(&path)?;
    if kept.digest.is_none() {
        return Ok(Vec::new());
    }
    let path = root.join(DIGEST);
    if !path.is_file() {
        return Ok(vec![format!("{DIGEST} is not there")]);
    }
    let digest: Digest = read_json(&path)?;
    let wrong = |(name, before): (String, String)| {
        let path = root.join(&name);
        if !path.exists() {
            return Some(format!("{name} is not there"));
        }
        match hash(&path) {
            Ok(now) if now == before => None,
            Ok(_) => Some(format!("{name} is not as it was then")),
            Err(error) => Some(format!("{error:#}")),
        }
    };
    Ok(digest.into_iter().filter_map(wrong).collect())
}

/// How many files a message names.
const NAMED: usize = 3;

/// A few lines of [`damage`], for a message.
pub fn told(damage: &[String]) -> String {
    let more = match damage.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}{more}", damage[..damage.len().min(NAMED)].join(", "))
}

/// Refuses a run that ended, and whose record is no longer what it was then.
///
/// # Errors
/// The record is damaged: which files, and what to do.
pub fn require_whole(root: &Path) -> anyhow::Result<()> {
    let damage = damage(root)?;
    if damage.is_empty() {
        return Ok(());
    }
    bail!(
        "the finished run {} is damaged: {}. Put its files back from a copy, or remove the folder and make the run again",
        root.display(),
        told(&damage)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ended(root: &Path) {
        fs::create_dir_all(root.join(PREDICTIONS)).unwrap();
        for (name, text) in [
            ("steps.jsonl", "{\"step\":1}\n{\"step\":2}\n"),
            ("queries.csv", "step\n1\n2\n"),
            ("test.csv", "candidate\na\n"),
            ("predictions/step-0001.json", "{}"),
            ("predictions/test-0001.npy", "numbers"),
            // A draft that a kill left is none of it.
            ("predictions/.acft-test.tmp", "half"),
            ("config.toml", "seed = 1\n"),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        let digest = serde_json::to_vec(&of(root).unwrap()).unwrap();
        fs::write(root.join(DIGEST), digest).unwrap();
        let kept = serde_json::json!({"steps": 2, "digest": DIGEST});
        fs::write(root.join(FINISHED), kept.to_string()).unwrap();
    }

    #[test]
    fn every_file_of_the_record_is_watched() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("run");
        ended(&root);
        assert_eq!(damage(&root).unwrap(), Vec::<String>::new());
        require_whole(&root).unwrap();
        for name in [
            "steps.jsonl",
            "queries.csv",
            "test.csv",
            "predictions/step-0001.json",
            "predictions/test-0001.npy",
        ] {
            let path = root.join(name);
            let before = fs::read(&path).unwrap();
            for text in [&b""[..], &before[..before.len() - 1], b"other"] {
                fs::write(&path, text).unwrap();
                assert_eq!(
                    damage(&root).unwrap(),
                    [format!("{name} is not as it was then")]
                );
            }
            fs::remove_file(&path).unwrap();
            let error = require_whole(&root).unwrap_err().to_string();
            assert!(
                error.contains(&format!("damaged: {name} is not there")),
                "{error}"
            );
            assert!(error.contains("from a copy"), "{error}");
            fs::write(&path, &before).unwrap();
        }
        require_whole(&root).unwrap();
        fs::remove_file(root.join(DIGEST)).unwrap();
        assert_eq!(damage(&root).unwrap(), ["digest.json is not there"]);
    }

    #[test]
    fn runs_of_an_earlier_version_and_runs_that_go_on_are_as_they_are() {
        let home = tempfile::tempdir().unwrap();
        ended(home.path());
        fs::write(home.path().join(FINISHED), "{\"steps\": 2}").unwrap();
        fs::write(home.path().join("steps.jsonl"), "").unwrap();
        require_whole(home.path()).unwrap();
        fs::remove_file(home.path().join(FINISHED)).unwrap();
        require_whole(home.path()).unwrap();
        fs::write(home.path().join(FINISHED), "{\"steps").unwrap();
        let error = format!("{:#}", require_whole(home.path()).unwrap_err());
        assert!(error.contains("finished.json is damaged"), "{error}");
    }
}
