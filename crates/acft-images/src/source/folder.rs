//! A folder of images: a subfolder per class, or no labels at all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    LeftOut, SourceError, Split,
    labels::settled,
    links::{Links, Way},
    listing::{Entry, IMAGES, Listing, read_error},
    ours,
};

/// Extensions of the files that are taken for images, in any case.
const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// Lists a folder: class folders (or unlabeled images) at its top, in its
/// `images` folder, or below `train`, `val` and `test` there.
///
/// Hidden files and folders are skipped. What is not read is listed as left
/// out: other files, folders without images, what `acft` wrote, links that lead
/// away, and what is beside `images`. A folder that is named after a split is
/// a class where `classes` has it; beside others that are not it is refused,
/// since either reading may be meant, and the wrong one learns from the test.
pub(super) fn list(data: &Path, classes: Option<&[String]>) -> Result<Listing, SourceError> {
    if let Some(kind) =
        ours::kind(data).filter(|kind| kind.contains("run") || kind.contains("report"))
    {
        return Err(SourceError::Ours {
            path: data.to_owned(),
            kind,
        });
    }
    let links = |root: &Path| Links::new(data, root).map_err(|error| read_error(root, error));
    let images = data.join(IMAGES);
    let is_away = matches!(links(data)?.way(&images), Way::Off(_));
    let root = match images.is_dir() && !is_away {
        true => images,
        false => data.to_owned(),
    };
    let mut walk = Walk {
        root: &root,
        links: links(&root)?,
        listing: Listing::default(),
    };
    let top = walk.read(&root)?;
    let split_of = |folder: &PathBuf| {
        let name = file_name(folder);
        let is_class = classes.is_some_and(|classes| classes.contains(&name));
        name.parse::<Split>().ok().filter(|_| !is_class)
    };
    walk.add_files(&top.files, None, None);
    let loose = walk.listing.entries.len();
    // Archives bring folders along that hold no image.
    let mut folders: Vec<(PathBuf, Option<Split>)> = Vec::new();
    for folder in top.folders {
        if walk.holds_images(&folder)? {
            let split = split_of(&folder);
            folders.push((folder, split));
        } else {
            walk.leave_out(&folder, "a folder without images".to_owned());
        }
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
    if root != data {
        walk.look_beside(data, folders.is_empty(), classes)?;
    }
    if loose > 0 && !folders.is_empty() {
        walk.listing.notes.push(format!(
            "{loose} images lie beside the folders, and have no label"
        ));
    }
    for (folder, split) in &folders {
        if split.is_some() {
            let level = walk.read(folder)?;
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

struct Walk<'a> {
    root: &'a Path,
    links: Links,
    listing: Listing,
}

impl Walk<'_> {
    /// What a folder holds, without what is not to be read; that is left out by name.
    fn read(&mut self, folder: &Path) -> Result<Folder, SourceError> {
        let mut found = Folder::read(folder)?;
        let mut runs = 0;
        found.folders.retain(|path| {
            let kind = ours::kind(path);
            runs += usize::from(kind.is_some_and(|kind| kind.contains("run")));
            let reason = match (kind, self.links.way(path)) {
                (Some(kind), _) => format!("{kind}, which is no data"),
                (None, Way::Off(reason)) => reason,
                (None, Way::On) => return true,
            };
            self.leave_out(path, reason);
            false
        });
        found.files.retain(|path| match self.links.way(path) {
            Way::On => true,
            Way::Off(reason) => {
                self.leave_out(path, reason);
                false
            }
        });
        let images = found
            .files
            .iter()
            .filter(|path| is_image_name(path))
            .count();
        // The root may have class folders beside runs; the folder of runs has none.
        if runs > 0 && images > 0 && folder != self.root {
            return Err(SourceError::AmongRuns {
                folder: folder.to_owned(),
                images,
            });
        }
        Ok(found)
    }

    fn leave_out(&mut self, path: &Path, reason: String) {
        self.listing.left_out.push(LeftOut {
            name: shown(path.strip_prefix(self.root).unwrap_or(path)),
            row: None,
            reason,
        });
    }

    /// Whether images are below a folder, as they would be listed.
    fn holds_images(&mut self, folder: &Path) -> Result<bool, SourceError> {
        let listing = std::mem::take(&mut self.listing);
        let added = self.add_class(folder, None);
        let found = std::mem::replace(&mut self.listing, listing);
        added.map(|()| !found.entries.is_empty())
    }

    /// Names what lies beside `images`, which hides it. `is_flat` says that
    /// `images` has no folders, and so no labels.
    fn look_beside(
        &mut self,
        data: &Path,
        is_flat: bool,
        classes: Option<&[String]>,
    ) -> Result<(), SourceError> {
        let mut beside = Folder::read(data)?;
        beside.folders.retain(|folder| {
            file_name(folder) != IMAGES
                && ours::kind(folder).is_none()
                && self.links.way(folder) == Way::On
        });
        let mut holding = Vec::new();
        for folder in beside.folders {
            let images = count_images(&folder);
            if images > 0 {
                holding.push((folder, images));
            }
        }
        let is_class = |(folder, _): &(PathBuf, usize)| {
            classes.is_some_and(|classes| classes.contains(&file_name(folder)))
        };
        if is_flat && (holding.len() > 1 || holding.iter().any(is_class)) {
            return Err(SourceError::BesideImages {
                folder: data.to_owned(),
                images: IMAGES.to_owned(),
                others: holding
                    .iter()
                    .map(|(folder, _)| file_name(folder))
                    .collect(),
            });
        }
        let loose = beside
            .files
            .iter()
            .filter(|path| is_image_name(path))
            .count();
        let mut name = |name: String, images: usize| {
            self.listing.left_out.push(LeftOut {
                name,
                row: None,
                reason: format!("{images} images beside the folder {IMAGES}, which alone is read"),
            });
        };
        for (folder, images) in holding {
            name(file_name(&folder), images);
        }
        if loose > 0 {
            name(".".to_owned(), loose);
        }
        Ok(())
    }

    fn add_classes(
        &mut self,
        folders: &[PathBuf],
        split: Option<Split>,
    ) -> Result<(), SourceError> {
        for folder in folders {
            let before = self.listing.entries.len();
            self.add_class(folder, split)?;
            if self.listing.entries.len() == before {
                self.leave_out(folder, "a folder without images".to_owned());
            }
        }
        Ok(())
    }

    fn add_class(&mut self, folder: &Path, split: Option<Split>) -> Result<(), SourceError> {
        let class = settled(&file_name(folder));
        self.add_tree(folder, &class, split, &mut Vec::new())
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
        let level = self.read(folder)?;
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

/// How many images are below a folder that is only named. No link is followed,
/// and what cannot be read does not count.
fn count_images(folder: &Path) -> usize {
    let Ok(level) = Folder::read(folder) else {
        return 0;
    };
    let images = level
        .files
        .iter()
        .filter(|path| is_image_name(path))
        .count();
    let is_own = |path: &&PathBuf| !path.is_symlink() && ours::kind(path).is_none();
    let below = level.folders.iter().filter(is_own);
    images + below.map(|folder| count_images(folder)).sum::<usize>()
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
