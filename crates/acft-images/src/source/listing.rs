//! What a folder or a manifest lists, before any image is looked at.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    Duplicate, LeftOut, SourceError, SourceOptions, Split, boxes::GivenBox, error::RowRef, folder,
    manifest,
};

/// The manifest that a folder is searched for.
const DEFAULT_MANIFEST: &str = "labels.csv";
/// The folder of images beside a manifest.
pub(super) const IMAGES: &str = "images";

/// One candidate as it is listed.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Index into [`Listing::files`]; the boxes of one image share it.
    pub(super) file: usize,
    /// Its box, not yet held against the image.
    pub(super) given_box: Option<GivenBox>,
    pub(super) label: Option<String>,
    pub(super) group: Option<String>,
    pub(super) split: Option<Split>,
    pub(super) row: Option<usize>,
}

impl Entry {
    pub(super) fn at(&self) -> RowRef {
        RowRef {
            name: self.name.clone(),
            row: self.row,
        }
    }
}

/// Everything that is listed, in order.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Folders that relative files are looked for in, the first that has it wins.
    pub(super) roots: Vec<PathBuf>,
    pub(super) files: Vec<PathBuf>,
    pub(super) entries: Vec<Entry>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) duplicates: Vec<Duplicate>,
    /// Sentences about how the listing was read, and what of it was not used.
    pub(super) notes: Vec<String>,
    /// Whether the names of the columns say in which unit boxes are.
    pub(super) units_are_told: bool,
}

/// Gives each distinct path one index.
#[derive(Default)]
pub(super) struct Files {
    indices: HashMap<PathBuf, usize>,
    pub(super) paths: Vec<PathBuf>,
}

impl Files {
    pub(super) fn index_of(&mut self, path: PathBuf) -> usize {
        let next = self.paths.len();
        let index = *self.indices.entry(path.clone()).or_insert(next);
        if index == next {
            self.paths.push(path);
        }
        index
    }
}

/// Lists the candidates of a folder, or those of the manifest in or beside it.
pub(super) fn list(options: &SourceOptions) -> Result<Listing, SourceError> {
    let data = options.data.as_path();
    let exists = |path: &Path| path.try_exists().map_err(|source| read_error(path, source));
    if !exists(data)? {
        return Err(SourceError::Missing(data.to_owned()));
    }
    let manifest = match &options.manifest {
        Some(manifest) if !exists(manifest)? => {
            return Err(SourceError::Missing(manifest.clone()));
        }
        Some(manifest) => manifest.clone(),
        None if !data.is_dir() => data.to_owned(),
        None => data.join(DEFAULT_MANIFEST),
    };
    if options.manifest.is_none() && data.is_dir() && !exists(&manifest)? {
        return folder::list(data, options.classes.as_deref());
    }
    let beside = manifest.parent().unwrap_or(Path::new("")).to_owned();
    let mut roots = Vec::new();
    for folder in [data, &beside] {
        // `data` may be the manifest itself.
        if folder == data && !data.is_dir() {
            continue;
        }
        for root in [folder.join(IMAGES), folder.to_owned()] {
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    manifest::list(&manifest, roots, options)
}

pub(super) fn read_error(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Read {
        path: path.to_owned(),
        source,
    }
}
