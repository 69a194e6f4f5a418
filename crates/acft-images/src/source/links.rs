//! Which links are followed: those that stay in the data's folder, and lead to
//! what is not read otherwise.

use std::path::{Path, PathBuf};

/// The folders that a scan stays in, without links.
pub(super) struct Links {
    /// The folder that the user named.
    data: PathBuf,
    /// The folder whose classes are read: `data`, or `images` in it.
    root: PathBuf,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To what is to be read.
    On,
    /// Nowhere: the reason why it is passed over.
    Off(String),
}

impl Links {
    /// # Errors
    /// A folder is not there.
    pub(super) fn new(data: &Path, root: &Path) -> std::io::Result<Self> {
        Ok(Self {
            data: data.canonicalize()?,
            root: root.canonicalize()?,
        })
    }

    /// Whether to follow the path, if it is a link.
    pub(super) fn way(&self, path: &Path) -> Way {
        let is_link = path
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink());
        // A link to nowhere is named when its file is opened.
        let Some(target) = path.canonicalize().ok().filter(|_| is_link) else {
            return Way::On;
        };
        if !target.starts_with(&self.data) {
            return Way::Off(format!(
                "a link out of the folder of the data, to {}: links are followed only within it; \
                 copy what is meant, or list it in a manifest",
                target.display()
            ));
        }
        if !target.is_dir() {
            return Way::On;
        }
        let above = path.parent().and_then(|parent| parent.canonicalize().ok());
        if self.root.starts_with(&target) || above.is_some_and(|above| above.starts_with(&target)) {
            return Way::Off("a link to a folder that it lies in".to_owned());
        }
        match target.strip_prefix(&self.root) {
            Ok(within) if !is_hidden(within) => Way::Off(format!(
                "a link to {}, which is read where it lies",
                within.display()
            )),
            _ => Way::On,
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.iter()
        .any(|part| part.to_string_lossy().starts_with('.'))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_within_the_data_and_never_in_circles() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "data/images/a/deep",
            "data/images/b",
            "data/images/.all",
            "data/store",
            "other",
        ] {
            fs::create_dir_all(at(name)).unwrap();
        }
        fs::write(at("data/store/x.png"), "").unwrap();
        fs::write(at("other/x.png"), "").unwrap();
        let links = Links::new(&at("data"), &at("data/images")).unwrap();
        let way = |target: &str| {
            let link = at("data/images/a/link");
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
            match links.way(&link) {
                Way::On => "on".to_owned(),
                Way::Off(reason) => reason,
            }
        };
        assert_eq!(way("../../store"), "on");
        assert_eq!(way("../../store/x.png"), "on");
        assert_eq!(way("../.all"), "on");
        assert_eq!(way("nowhere"), "on");
        for above in [".", "..", "../..", "../../images/a"] {
            assert_eq!(way(above), "a link to a folder that it lies in", "{above}");
        }
        assert_eq!(way("../b"), "a link to b, which is read where it lies");
        for outside in ["../../../other", "../../../other/x.png", "/"] {
            assert!(
                way(outside).starts_with("a link out of the folder of the data"),
                "{outside}"
            );
        }
        assert_eq!(links.way(&at("data/images/b")), Way::On);
    }
}
