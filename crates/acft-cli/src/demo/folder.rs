//! The folder of a demo: its files, and the lock on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use acft_run::bad_input;
use acft_run::files::{is_temporary, write_atomically};
use acft_run::folder::lock;
use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The settings in which demos can differ. Everything else is fixed by the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    version: String,
    pub(super) seeds: u16,
    pub(super) steps: u16,
}

impl Recipe {
    pub(super) fn new(seeds: u16, steps: u16) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seeds,
            steps,
        }
    }
}

/// The folder of one demo. One process has it at a time.
pub(super) struct DemoFolder {
    root: PathBuf,
    _lock: File,
}

impl DemoFolder {
    /// Makes the folder, or takes an empty one.
    pub(super) fn create(root: &Path, recipe: &Recipe) -> anyhow::Result<Self> {
        refuse_used(root)?;
        fs::create_dir_all(root).with_context(|| {
            format!(
                "cannot make {}; choose another folder with --out",
                root.display()
            )
        })?;
        let folder = Self::locked(root)?;
        folder.write("demo.toml", toml::to_string(recipe)?.as_bytes())?;
        Ok(folder)
    }

    /// Opens the folder of an interrupted demo of the same recipe.
    pub(super) fn reopen(root: &Path, recipe: &Recipe) -> anyhow::Result<Self> {
        let path = root.join("demo.toml");
        let text = fs::read_to_string(&path).map_err(|error| {
            bad_input!(
                "there is no demo to go on with in {} ({error}): leave out --resume",
                root.display()
            )
        })?;
        let kept: Recipe = toml::from_str(&text)
            .map_err(|error| bad_input!("{} is damaged: {error}", path.display()))?;
        if kept != *recipe {
            return Err(bad_input!(
                "the demo in {} is one of acft {} with --seeds {} --steps {}, and this one is of acft {} with --seeds {} --steps {}: \
                 ask for the same, or choose another folder with --out",
                root.display(),
                kept.version,
                kept.seeds,
                kept.steps,
                recipe.version,
                recipe.seeds,
                recipe.steps
            ));
        }
        Self::locked(root)
    }

    /// Opens a demo that is there, whatever its recipe, or makes the folder.
    ///
    /// # Errors
    /// The folder has something else in it, or cannot be written.
    pub(super) fn open_or_create(root: &Path, recipe: &Recipe) -> anyhow::Result<Self> {
        if root.join("demo.toml").exists() {
            Self::locked(root)
        } else {
            Self::create(root, recipe)
        }
    }

    fn locked(root: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            _lock: lock(root)?,
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file, whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        write_atomically(&self.path(name), bytes)
    }

    /// The images and their labels.
    pub(super) fn frames(&self) -> PathBuf {
        self.path("frames")
    }

    /// The weights that every run starts from.
    pub(super) fn weights(&self) -> PathBuf {
        self.path("pretrained.safetensors")
    }
}

fn refuse_used(root: &Path) -> anyhow::Result<()> {
    if root.join("demo.toml").exists() {
        return Err(bad_input!(
            "{} already has a demo: go on with it, or see its outcome again, by --resume; or choose another folder with --out",
            root.display()
        ));
    }
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(bad_input!(
                "cannot use {} for the demo: {error}",
                root.display()
            ));
        }
        Ok(entries) => entries,
    };
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        // A kill before the recipe was written leaves these behind.
        if name != "run.lock" && !is_temporary(&name) {
            return Err(bad_input!(
                "{} is not empty (it has {name}): choose another folder with --out",
                root.display()
            ));
        }
    }
    Ok(())
}
