//! Backups of a project: a folder with its database, its models, what it was
//! sent as feedback and its settings, each file with its hash in `backup.json`.

mod files;
pub mod plan;
mod series;
pub mod timer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use acft_project::{Contents, verify};
use acft_run::bad_input;
use acft_run::files::{sync_folder, write_atomically};
use acft_server::now;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::moment::iso;
use crate::open::{into_bad_input, name};
use crate::settings::SETTINGS;
use crate::staging::{Staging, sweep};
use files::{Source, hash_of};
pub use series::{Series, newest};

/// What is in a backup; written last.
const LIST: &str = "backup.json";

/// The version of that file.
const FORMAT: u32 = 1;

/// How the folders for drafts are called.
const PREFIX: &str = ".acft-backup-";

/// `backup.json`.
#[derive(Serialize, Deserialize)]
pub struct List {
    format: u32,
    /// The version of the program.
    acft: String,
    /// What people call the project.
    pub project: String,
    /// When it was made.
    pub made: String,
    /// The last event in it.
    pub last_event: i64,
    /// How many candidates it has.
    pub candidates: usize,
    /// How many of them have a label.
    pub labeled: usize,
    /// How many models it has.
    pub models: usize,
    /// Each file's BLAKE3, by its path in the backup.
    files: BTreeMap<String, String>,
    /// What is worth knowing, such as what could not be copied.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A backup that was made.
pub struct Made {
    /// The folder of the backup.
    pub place: PathBuf,
    /// What is in it.
    pub list: List,
}

/// Makes a backup of a project in a folder that is new or empty; works while a
/// server has the project. Files that `before` has are linked where they are
/// the same.
///
/// # Errors
/// The folder is in use, the project is damaged, or the disk does not take it.
pub fn make(root: &Path, place: &Path, before: Option<&Path>) -> anyhow::Result<Made> {
    refuse_used(place)?;
    let parent = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    sweep(parent, PREFIX);
    let staging = Staging::begin(parent, PREFIX)?;
    let list = fill(root, staging.path(), before)?;
    // What was written is read again from the disk's side of the files.
    check(staging.path())?;
    staging
        .place(place)
        .with_context(|| format!("cannot write {}", place.display()))?;
    Ok(Made {
        place: place.to_owned(),
        list,
    })
}

fn refuse_used(place: &Path) -> anyhow::Result<()> {
    let at = place.display();
    let Ok(found) = fs::metadata(place) else {
        return Ok(());
    };
    let is_empty = || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
    if !found.is_dir() {
        return Err(bad_input!("{at} is a file; name a folder to make"));
    }
    if place.join(LIST).exists() {
        return Err(bad_input!(
            "{at} is a backup already: name another folder, or keep several in one folder with --keep N"
        ));
    }
    if !is_empty() {
        return Err(bad_input!(
            "{at} has files in it already: name a new folder, or make a backup in it with --keep N"
        ));
    }
    Ok(())
}

fn fill(root: &Path, to: &Path, before: Option<&Path>) -> anyhow::Result<List> {
    let contents = acft_project::back_up(root, to).map_err(into_bad_input)?;
    let mut source = Source::new(root, to, before);
    source.settings(SETTINGS)?;
    for model in &contents.models {
        let is_current = contents.current.as_ref() == Some(model);
        source.model(model, is_current)?;
    }
    source.images(&contents)?;
    source.written("acft.db")?;
    source.written("acft.head")?;
    let list = List {
        format: FORMAT,
        acft: env!("CARGO_PKG_VERSION").to_owned(),
        project: name(root),
        made: iso(now()),
        last_event: contents.last.0,
        candidates: contents.candidates,
        labeled: contents.labeled,
        models: source.models,
        files: source.hashes,
        notes: source.notes,
    };
    for folder in ["models", "feedback"] {
        if to.join(folder).is_dir() {
            sync_folder(&to.join(folder))
                .with_context(|| format!("cannot write to {}", to.display()))?;
        }
    }
    let text = serde_json::to_string_pretty(&list).context("the list cannot be written")?;
    write_atomically(&to.join(LIST), text.as_bytes())?;
    Ok(list)
}

/// Checks a backup: that each file is as it was written, and that the database
/// is whole.
///
/// # Errors
/// It is no backup, or something of it is damaged.
pub fn check(place: &Path) -> anyhow::Result<(List, Contents)> {
    let list = read_list(place)?;
    for (file, hash) in &list.files {
        let path = place.join(file);
        let found = hash_of(&path)
            .with_context(|| format!("the backup is damaged: cannot read {}", path.display()))?;
        if found != *hash {
            bail!(
                "the backup is damaged: {} is not what was written; take another backup",
                path.display()
            );
        }
    }
    let contents = verify(place).map_err(|error| {
        anyhow::anyhow!("the backup in {} is damaged: {error}", place.display())
    })?;
    if contents.last.0 != list.last_event {
        bail!(
            "the backup in {} is damaged: it ends with event {}, and not with {}",
            place.display(),
            contents.last.0,
            list.last_event
        );
    }
    Ok((list, contents))
}

pub(crate) fn read_list(place: &Path) -> anyhow::Result<List> {
    let path = place.join(LIST);
    let text = fs::read_to_string(&path).map_err(|error| {
        bad_input!(
            "{} is no backup: cannot read {}: {error}",
            place.display(),
            path.display()
        )
    })?;
    let list: List = serde_json::from_str(&text)
        .map_err(|error| bad_input!("{} is not what was written: {error}", path.display()))?;
    if list.format > FORMAT {
        return Err(bad_input!(
            "{} is of version {}, and this program knows versions up to {FORMAT}: use the newer program",
            path.display(),
            list.format
        ));
    }
    if let Some(outside) = list.files.keys().find(|file| !is_within(file)) {
        return Err(bad_input!(
            "{} names {outside:?}, which is not in the backup",
            path.display()
        ));
    }
    Ok(list)
}

/// Whether a path stays in the folder that it starts from.
fn is_within(path: &str) -> bool {
    use std::path::Component;
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Copies the files of a backup that was checked into a folder.
pub fn unpack(place: &Path, list: &List, to: &Path) -> anyhow::Result<()> {
    for folder in ["models", "cache", "reports"] {
        fs::create_dir(to.join(folder))
            .with_context(|| format!("cannot make {}", to.join(folder).display()))?;
    }
    for (file, hash) in &list.files {
        let found = files::copy(&place.join(file), &to.join(file))?;
        if found != *hash {
            bail!("{} changed while it was read", place.join(file).display());
        }
    }
    Ok(())
}
