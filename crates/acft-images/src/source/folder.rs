//! A folder of images: a subfolder per class, or no labels at all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    LeftOut, SourceError, Split,
    listing::{Entry, IMAGES, Listing, read_error},
};

/// Extensions of the files that are taken for images, in any case.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// Lists a folder: class folders (or unlabeled images) at its top, in its
/// `images` folder, or below `train`, `val` and `test` there.
///
/// Hidden files and folders are skipped; other files that are no images by
/// their name are listed as left out. A folder that is named after a split is
/// a class where `classes` has it; beside others that are not it is refused,
/// since either reading may be meant, and the wrong one learns from the test.
pub(super) fn list(data: &Path, classes: Option<&[String]>) -> Result<Listing, SourceError> {
    let images = data.join(IMAGES);
    let root = if images.is_dir() {
        images
    } else {
        data.to_owned()
    };
    let top = Folder::read(&root)?;
    let split_of = |folder: &PathBuf| {
        let name = file_name(folder);
        let is_class = classes.is_some_and(|classes| classes.contains(&name));
        name.parse::<Split>().ok().filter(|_| !is_class)
    };
    let mut folders: Vec<(PathBuf, Option<Split>)> = top
        .folders
        .into_iter()
        .map(|folder| {
            let split = split_of(&folder);
            (folder, split)
        })
        .collect();

    let mut walk = Walk {
        root: &root,
        listing: Listing::default(),
    };
    walk.add_files(&top.files, None, None);
    if is_mixed(&folders) {
        // Archives bring folders along that hold no image.
        let mut kept = Vec::new();
        for (folder, split) in folders {
            if holds_images(&root, &folder)? {
                kept.push((folder, split));
                continue;
            }
            walk.listing.left_out.push(LeftOut {
                name: file_name(&folder),
                row: None,
                reason: "a folder without images".to_owned(),
            });
        }
        folders = kept;
    }
    if is_mixed(&folders) {
        let (splits, others): (Vec<_>, Vec<_>) =
            folders.iter().partition(|(_, split)| split.is_some());
        let names = |folders: Vec<&(PathBuf, Option<Split>)>| {
            folders
                .iter()
                .map(|(folder, _)| file_name(folder))
                .collect()
        };
        return Err(SourceError::MixedFolders {
            folder: root,
            splits: names(splits),
            others: names(others),
        });
    }
    for (folder, split) in &folders {
        if split.is_some() {
            let level = Folder::read(folder)?;
            walk.add_files(&level.files, None, *split);
            walk.add_classes(&level.folders, *split)?;
        } else {
            walk.add_class(folder, None)?;
        }
    }
    let mut listing = walk.listing;
    listing.roots = vec![root];
    Ok(listing)
}

/// Whether some folders are named after splits, and others are not.
fn is_mixed(folders: &[(PathBuf, Option<Split>)]) -> bool {
    folders.iter().any(|(_, split)| split.is_some())
        && folders.iter().any(|(_, split)| split.is_none())
}

fn holds_images(root: &Path, folder: &Path) -> Result<bool, SourceError> {
    let mut walk = Walk {
        root,
        listing: Listing::default(),
    };
    walk.add_class(folder, None)?;
    Ok(!walk.listing.entries.is_empty())
}

struct Walk<'a> {
    root: &'a Path,
    listing: Listing,
}

impl Walk<'_> {
    fn add_classes(
        &mut self,
        folders: &[PathBuf],
        split: Option<Split>,
    ) -> Result<(), SourceError> {
        for folder in folders {
            self.add_class(folder, split)?;
        }
        Ok(())
    }

    fn add_class(&mut self, folder: &Path, split: Option<Split>) -> Result<(), SourceError> {
        self.add_tree(folder, &file_name(folder), split, &mut Vec::new())
    }

    /// All images below a class's folder. `above` are the folders on the way
    /// here, resolved, so that a link to one of them cannot lead in circles.
    fn add_tree(
        &mut self,
        folder: &Path,
        class: &str,
        split: Option<Split>,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), SourceError> {
        let resolved = folder
            .canonicalize()
            .map_err(|error| read_error(folder, error))?;
        if above.contains(&resolved) {
            return Ok(());
        }
        above.push(resolved);
        let level = Folder::read(folder)?;
        self.add_files(&level.files, Some(class), split);
        for folder in &level.folders {
            self.add_tree(folder, class, split, above)?;
        }
        above.pop();
        Ok(())
    }

    fn add_files(&mut self, files: &[PathBuf], class: Option<&str>, split: Option<Split>) {
        for path in files {
            let relative = path.strip_prefix(self.root).unwrap_or(path);
            let name = shown(relative);
            if !is_image_name(path) {
                self.listing.left_out.push(LeftOut {
                    name,
                    row: None,
                    reason: format!(
                        "not an image by its name: {} are read",
                        EXTENSIONS.join(", ")
                    ),
                });
                continue;
            }
            self.listing.entries.push(Entry {
                name,
                file: self.listing.files.len(),
                given_box: None,
                label: class.map(str::to_owned),
                group: None,
                split,
                row: None,
            });
            self.listing.files.push(relative.to_owned());
        }
    }
}

/// The visible contents of one folder, sorted by name.
struct Folder {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Folder {
    fn read(path: &Path) -> Result<Self, SourceError> {
        let fail = |error| read_error(path, error);
        let mut found = Self {
            files: Vec::new(),
            folders: Vec::new(),
        };
        for entry in fs::read_dir(path).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if file_name(&path).starts_with('.') {
                continue;
            }
            // Follows links; a link to nowhere counts as a file, and is left out later.
            if path.is_dir() {
                found.folders.push(path);
            } else {
                found.files.push(path);
            }
        }
        found.files.sort();
        found.folders.sort();
        Ok(found)
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    })
}

/// A path with `/` on every system, so that names are the same everywhere.
fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
