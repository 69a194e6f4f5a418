//! Data as dirty as real data are: what can be left out is, by name, and the
//! run goes on; what makes the whole listing doubtful stops it.

use std::fs;

use crate::images::{Images, POOL, refused, stderr, succeeds};

#[test]
fn bad_images_are_left_out_listed_and_the_run_goes_on() {
    let images = Images::new();
    let good = fs::read(images.image("train-000.png")).unwrap();
    fs::write(images.image("empty.png"), "").unwrap();
    fs::write(images.image("text.jpg"), "this was renamed").unwrap();
    // Cut within its pixels: the header is sound, so it is found out only
    // when it is decoded.
    let other = fs::read(images.image("train-005.png")).unwrap();
    fs::write(images.image("cut.png"), &other[..other.len() / 2]).unwrap();
    fs::write(images.image("huge.png"), png_header(20_000, 20_000)).unwrap();
    fs::write(images.image("nothing.png"), png_header(0, 20)).unwrap();
    fs::write(images.image("copy.png"), good).unwrap();
    for name in [
        "missing.png",
        "empty.png",
        "text.jpg",
        "cut.png",
        "huge.png",
        "nothing.png",
        "copy.png",
    ] {
        images.list(&format!("{name},bright,other-{name},train"));
    }

    let output = succeeds(&mut images.simulate("run", &["--steps", "20"]));
    let told = stderr(&output);
    for name in [
        "missing.png",
        "empty.png",
        "text.jpg",
        "cut.png",
        "huge.png",
        "nothing.png",
    ] {
        assert!(told.contains(name), "{name} is not mentioned in\n{told}");
    }
    assert!(
        told.contains("copy.png") && told.contains("repeats"),
        "{told}"
    );
    assert!(
        told.contains("left out when decoded: 1\n  cut.png"),
        "{told}"
    );
    let labels = images.steps("run").last().unwrap()["labels"]
        .as_u64()
        .unwrap();
    assert_eq!(
        labels,
        u64::from(POOL),
        "every good candidate was labeled, and no bad one"
    );
}

#[test]
fn a_doubtful_listing_is_refused_by_file_and_row() {
    let check = |row: &str, arguments: &[&str], expected: &[&str]| {
        let images = Images::new();
        images.list(row);
        let message = refused(&mut images.simulate("run", arguments));
        for part in expected {
            assert!(
                message.contains(part),
                "{row:?}: {part:?} is not in {message}"
            );
        }
    };
    check(
        "train-000.png,dark,train-0,train",
        &[],
        &["train-000.png", "62"],
    );
    check("test-000.png", &[], &["labels.csv", "62"]);
    check("val-000.png,bright,train-0,val", &[], &["train-0"]);
    check(
        "new.png,grey,p,train",
        &["--classes", "bright,dark"],
        &["grey", "62"],
    );
    check(
        "new.png,bright,p,training set",
        &[],
        &["training set", "62"],
    );
    check(
        "new.png,bright,p,train",
        &["--split-column", "fold"],
        &["fold", "split"],
    );
}

#[test]
fn images_without_labels_are_refused_before_anything_is_written() {
    let images = Images::new();
    fs::remove_file(images.manifest()).unwrap();
    let message = refused(&mut images.simulate("run", &[]));
    assert!(
        message.contains("no labels to play the expert"),
        "{message}"
    );
    assert!(!images.home().join("run").exists());
}

#[test]
fn one_class_is_not_a_task() {
    let images = Images::new();
    let text = images
        .read("blobs/labels.csv")
        .replace(",dark,", ",bright,");
    fs::write(images.manifest(), text).unwrap();
    let message = refused(&mut images.simulate("run", &[]));
    assert!(message.contains("bright"), "{message}");
}

/// The start of a PNG that claims these sizes.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(13u32.to_be_bytes());
    bytes.extend(&chunk);
    bytes.extend(crc32(&chunk).to_be_bytes());
    bytes.extend(0u32.to_be_bytes());
    bytes.extend(b"IDAT");
    bytes.extend(crc32(b"IDAT").to_be_bytes());
    bytes
}

/// The checksum of PNG's chunks (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}
