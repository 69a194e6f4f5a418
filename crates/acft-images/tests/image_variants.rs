//! What is decoded is what Pillow and tifffile decode, or is refused with the
//! reason. `scripts/reference/image_variants.py` makes the files.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use acft_images::image_io::{self, Window};
use image::RgbImage;
use serde::Deserialize;

/// What is known of a file.
#[derive(Deserialize)]
struct Variant {
    /// The file of its pixels.
    pixels: Option<String>,
    /// How far a level may be off.
    #[serde(default)]
    within: u8,
    window: Option<Window>,
    /// What the reason says for which it is refused.
    refused: Option<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/images"
    ))
}

fn variants() -> BTreeMap<String, Variant> {
    let text = fs::read_to_string(folder().join("variants.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn png(name: &str) -> RgbImage {
    image::open(folder().join(name)).unwrap().into_rgb8()
}

/// The greatest difference of a level.
fn apart(one: &RgbImage, other: &RgbImage) -> u8 {
    let levels = one.as_raw().iter().zip(other.as_raw());
    levels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// What is wrong with how a file is read; none where it is right.
fn wrong(name: &str, variant: &Variant) -> Option<String> {
    let path = folder().join(name);
    let bytes = fs::read(&path).unwrap();
    let decoded = image_io::decode(&path, &bytes, variant.window);
    let (seen, want) = match (decoded, &variant.pixels, &variant.refused) {
        (Ok(seen), Some(pixels), None) => (seen, png(pixels)),
        (Err(error), None, Some(says)) => {
            let told = error.to_string();
            return (!told.contains(says)).then(|| format!("{told}: not a word of {says:?}"));
        }
        (Err(error), _, _) => return Some(error.to_string()),
        (Ok(_), _, _) => return Some("is read".to_owned()),
    };
    if seen.dimensions() != want.dimensions() {
        return Some(format!(
            "{:?}, not {:?}",
            seen.dimensions(),
            want.dimensions()
        ));
    }
    let header = image_io::header(&path, &bytes).unwrap();
    if (header.width, header.height) != want.dimensions() {
        return Some(format!(
            "the header says {} x {}",
            header.width, header.height
        ));
    }
    let off = apart(&seen, &want);
    (off > variant.within).then(|| format!("{off} levels off"))
}

#[test]
fn pixels_are_those_of_pillow_or_the_file_is_refused() {
    let variants = variants();
    assert!(variants.len() > 300, "{}", variants.len());
    let found = variants
        .iter()
        .filter_map(|(name, variant)| Some(format!("{name}: {}", wrong(name, variant)?)));
    let found: Vec<_> = found.collect();
    assert!(
        found.is_empty(),
        "{} wrong:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// A browser applies gamma, profiles and animation, and not every orientation:
/// those files must not reach it as they are.
#[test]
fn only_plain_files_are_left_to_the_browser() {
    let plain = |name: &str| {
        let path = folder().join(name);
        let bytes = fs::read(&path).unwrap();
        image_io::header(&path, &bytes).unwrap().plain
    };
    for name in [
        "png-rgb.png",
        "png-rgb-interlaced.png",
        "png-grey1.png",
        "png-palette4.png",
        "png-srgb.png",
        "png-significant.png",
        "png-exif-1.png",
    ] {
        assert_eq!(plain(name), Some("image/png"), "{name}");
    }
    for name in [
        "jpeg-420.jpg",
        "jpeg-grey-1x1.jpg",
        "jpeg-exif-1.jpg",
        "jpeg-pillow-2-progressive.jpg",
    ] {
        assert_eq!(plain(name), Some("image/jpeg"), "{name}");
    }
    for name in [
        "png-gamma.png",
        "png-chromaticities.png",
        "png-profile.png",
        "png-animated.png",
        "png-animated-default-apart.png",
        "png-grey4-clear.png",
        "png-rgba.png",
        "png-rgb16.png",
        "png-exif-6.png",
        "png-exif-behind.png",
        "png-exif-long.png",
        "png-xmp.png",
        "jpeg-exif-6.jpg",
        "jpeg-exif-long.jpg",
        "jpeg-xmp-element.jpg",
        "jpeg-cmyk.jpg",
        "jpeg-420-scans.jpg",
        "jpeg-rgb-by-adobe.jpg",
        "webp-lossless.webp",
        "bmp-rgb.bmp",
        "tiff-rgb-plain-strip.tif",
    ] {
        assert_eq!(plain(name), None, "{name}");
    }
}

/// Bytes that are damaged anywhere make no decoder panic, loop or take memory
/// that the bytes do not account for.
#[test]
fn damaged_files_are_read_or_refused_and_never_panic() {
    for (at, name) in variants().keys().enumerate() {
        let path = folder().join(name);
        let bytes = fs::read(&path).unwrap();
        let check = |bytes: &[u8], what: &str| {
            let _ = image_io::header(&path, bytes);
            if let Err(error) = image_io::decode(&path, bytes, None) {
                let told = error.to_string();
                assert!(!told.contains("should not"), "{what}: {told}");
                assert!(told.len() < 1000, "{what}: {told}");
            }
        };
        for cut in (0..bytes.len()).step_by(397) {
            check(&bytes[..cut], &format!("the first {cut} bytes"));
        }
        for flip in ((at % 97)..bytes.len()).step_by(149) {
            let mut changed = bytes.clone();
            changed[flip] ^= 1 << (at % 8);
            check(&changed, &format!("byte {flip} changed"));
        }
    }
}
