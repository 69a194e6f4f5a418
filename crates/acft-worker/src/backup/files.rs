//! The files of a backup: each is copied once, and its hash is taken of what
//! was copied.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use acft_project::Contents;
use anyhow::Context;

/// Where a project keeps the images that it was sent.
const FEEDBACK: &str = "feedback";

/// What is copied, from where and to where.
pub(crate) struct Source<'a> {
    root: &'a Path,
    to: &'a Path,
    before: Option<&'a Path>,
    pub(crate) hashes: BTreeMap<String, String>,
    pub(crate) notes: Vec<String>,
    /// How many models were copied.
    pub(crate) models: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn new(root: &'a Path, to: &'a Path, before: Option<&'a Path>) -> Self {
        Self {
            root,
            to,
            before,
            hashes: BTreeMap::new(),
            notes: Vec::new(),
            models: 0,
        }
    }

    /// Copies the settings.
    pub(crate) fn settings(&mut self, file: &str) -> anyhow::Result<()> {
        let hash = copy(&self.root.join(file), &self.to.join(file))?;
        self.hashes.insert(file.to_owned(), hash);
        Ok(())
    }

    /// Takes in a file that was written into the backup by another.
    pub(crate) fn written(&mut self, file: &str) -> anyhow::Result<()> {
        let path = self.to.join(file);
        let hash = hash_of(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.hashes.insert(file.to_owned(), hash);
        Ok(())
    }

    /// Copies a model, whose hash is its name. One that is missing or damaged
    /// is said so: the labels are worth a backup without it.
    pub(crate) fn model(&mut self, hash: &str, is_current: bool) -> anyhow::Result<()> {
        let file = format!("models/{hash}.safetensors");
        let from = self.root.join(&file);
        let why = if !from.exists() {
            "is missing"
        } else if self.take(&file)? == hash {
            self.hashes.insert(file, hash.to_owned());
            self.models += 1;
            return Ok(());
        } else {
            let _ = fs::remove_file(self.to.join(&file));
            "is damaged"
        };
        let use_of_it = match is_current {
            true => "it is the model in use: see `acft check`",
            false => "it is not in use",
        };
        self.notes.push(format!(
            "{file} {why}, and is not in the backup; {use_of_it}"
        ));
        Ok(())
    }

    /// Copies the images that were sent as feedback, which are nowhere else.
    pub(crate) fn images(&mut self, contents: &Contents) -> anyhow::Result<()> {
        let (sent, others): (Vec<_>, Vec<_>) = contents
            .images
            .iter()
            .partition(|image| Path::new(image).starts_with(FEEDBACK));
        let mut missing = 0;
        for image in sent {
            if self.root.join(image).exists() {
                let hash = self.take(image)?;
                self.hashes.insert(image.clone(), hash);
            } else {
                missing += 1;
            }
        }
        if missing > 0 {
            self.notes.push(format!(
                "{missing} images in {FEEDBACK}/ are missing, and are not in the backup"
            ));
        }
        if !others.is_empty() {
            self.notes.push(format!(
                "{} images lie in the project's folder and are not in the backup: copy them with it",
                others.len()
            ));
        }
        Ok(())
    }

    /// Copies a file that never changes, or links the one of the last backup.
    fn take(&self, file: &str) -> anyhow::Result<String> {
        let (from, to) = (self.root.join(file), self.to.join(file));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if let Some(hash) = self
            .before
            .and_then(|before| linked(&from, &before.join(file), &to))
        {
            return Ok(hash);
        }
        copy(&from, &to)
    }
}

/// Links a file of an earlier backup, where it has the same content.
fn linked(from: &Path, before: &Path, to: &Path) -> Option<String> {
    let hash = hash_of(before).ok()?;
    if hash != hash_of(from).ok()? {
        return None;
    }
    fs::hard_link(before, to).ok()?;
    Some(hash)
}

/// Copies a file; on disk when this returns. Gives the BLAKE3 of what was copied.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<String> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let source = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    let write = || -> io::Result<String> {
        let mut target = File::create_new(to)?;
        let hash = pass(source, |bytes| target.write_all(bytes))?;
        target.sync_all()?;
        Ok(hash)
    };
    write().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// The BLAKE3 of a file's content.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    pass(File::open(path)?, |_| Ok(()))
}

/// Shows a file's content piece by piece, and gives its BLAKE3.
fn pass(mut file: File, mut piece: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().to_hex().to_string());
        }
        hasher.update(&buffer[..read]);
        piece(&buffer[..read])?;
    }
}
