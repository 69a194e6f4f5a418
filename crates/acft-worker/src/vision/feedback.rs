//! Cases that readers report after deployment: their images are kept within
//! the project, by their hash.

use std::path::Path;

use acft_images::source::{PixelBox, candidate_key};
use acft_project::{Candidate, Origin, Part};
use acft_run::files::write_atomically;
use anyhow::Context;

/// The folder within the project.
const FOLDER: &str = "feedback";

/// Keeps an image, on disk when this returns, and says what candidate it is.
pub(super) fn admit(
    root: &Path,
    image: &[u8],
    region: Option<PixelBox>,
    name: &str,
) -> anyhow::Result<Candidate> {
    let hash = blake3::hash(image);
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {FOLDER} of the project"))?;
    // The name is ours alone: what a client calls it never names a file.
    let file = format!("{}.{}", hash.to_hex(), ending(image));
    let path = folder.join(&file);
    if !path.exists() {
        write_atomically(&path, image)?;
    }
    Ok(Candidate {
        key: candidate_key(*hash.as_bytes(), region),
        name: match region {
            Some(region) => format!("{name}#{region}"),
            None => name.to_owned(),
        },
        path: format!("{FOLDER}/{file}"),
        region: region.map(|at| [at.x0, at.y0, at.x1, at.y1]),
        group: None,
        part: Part::Pool,
        origin: Origin::Feedback,
    })
}

/// The usual ending of the file's format.
fn ending(image: &[u8]) -> &'static str {
    image::guess_format(image)
        .ok()
        .and_then(|format| format.extensions_str().first())
        .copied()
        .unwrap_or("image")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_image_is_kept_once_and_its_boxes_are_candidates_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let image = b"\x89PNG\r\n\x1a\nand so on";
        let region = PixelBox {
            x0: 1,
            y0: 2,
            x1: 5,
            y1: 6,
        };
        let whole = admit(root.path(), image, None, "case 7").unwrap();
        let boxed = admit(root.path(), image, Some(region), "case 7").unwrap();
        assert_eq!(whole.path, boxed.path);
        assert!(whole.path.ends_with(".png"));
        assert_ne!(whole.key, boxed.key);
        assert_eq!(whole.key.0, *blake3::hash(image).as_bytes());
        assert_eq!(boxed.name, "case 7#1,2,5,6");
        let files: Vec<_> = std::fs::read_dir(root.path().join(FOLDER))
            .unwrap()
            .collect();
        assert_eq!(files.len(), 1);
        assert_eq!(std::fs::read(root.path().join(&whole.path)).unwrap(), image);
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_project() {
        let root = tempfile::tempdir().unwrap();
        let kept = admit(root.path(), b"x", None, "../../etc/passwd").unwrap();
        assert!(kept.path.starts_with("feedback/"));
        assert!(!kept.path.contains(".."));
    }
}
