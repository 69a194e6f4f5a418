//! What holds for the patches of every policy.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::Arc};

use acft_images::{
    patches::{PatchPolicy, Region, RegionCache, canonical_region, patch, patch_bytes, patches},
    source::PixelBox,
};
use image::{Rgb, RgbImage};
use proptest::prelude::*;

const POLICIES: [&str; 6] = ["none", "crop", "crop:12", "box:24", "box:120", "frame"];

fn policy(text: &str) -> PatchPolicy {
    text.parse().unwrap()
}

fn textured(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let v = x * x * 31 + y * 57 + x * y * 7;
        Rgb([v as u8, (v / 3) as u8, (x * 9 + y) as u8])
    })
}

fn one(region: &Region, policy: &PatchPolicy, input: usize, j: usize) -> Vec<u8> {
    let mut out = vec![0; patch_bytes(input)];
    patch(region, policy, input, j, &mut out);
    out
}

fn all(region: &Region, policy: &PatchPolicy, input: usize) -> Vec<u8> {
    let mut out = vec![0; policy.len() * patch_bytes(input)];
    patches(region, policy, input, &mut out);
    out
}

fn pixel_box(x0: u32, y0: u32, x1: u32, y1: u32) -> PixelBox {
    PixelBox { x0, y0, x1, y1 }
}

#[test]
fn policies_are_written_as_they_are_read() {
    let rows = [
        ("none", 1),
        ("crop", 24),
        ("crop:12", 12),
        ("box", 24),
        ("box:120", 120),
        ("frame", 21),
        ("crop:12@0..4095", 12),
        ("none@-1000..400", 1),
    ];
    for (text, count) in rows {
        let policy = policy(text);
        assert_eq!((policy.to_string().as_str(), policy.len()), (text, count));
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PatchPolicy>(&json).unwrap(), policy);
    }
}

#[test]
fn policies_that_do_not_exist_are_named() {
    let rows = [
        ("zoom", "patch policy `zoom` is unknown"),
        ("volume", "needs CT volumes"),
        ("volume:50", "needs CT volumes"),
        ("crop:x", "patch count `x` is not a whole number"),
        ("crop:-1", "patch count `-1` is not a whole number"),
        ("crop:0", "makes 1 to 24 patches, not 0"),
        ("crop:25", "makes 1 to 24 patches, not 25"),
        ("box:121", "makes 1 to 120 patches, not 121"),
        ("none:2", "makes 1 to 1 patches, not 2"),
        ("crop:12@4095", "window `4095` is not two whole numbers"),
        ("crop@9..9", "window 9..9 is empty"),
    ];
    for (text, want) in rows {
        let error = text.parse::<PatchPolicy>().unwrap_err().to_string();
        assert!(error.contains(want), "{text}: {error}");
        let json = serde_json::from_str::<PatchPolicy>(&format!("\"{text}\""));
        assert!(json.unwrap_err().to_string().contains(want));
    }
}

#[test]
fn patches_of_a_textured_image_are_distinct() {
    for text in POLICIES {
        let policy = policy(text);
        let region = canonical_region(
            &textured(90, 70),
            Some(pixel_box(20, 10, 70, 60)),
            &policy,
            32,
        );
        let bytes = all(&region, &policy, 32);
        let distinct: BTreeSet<&[u8]> = bytes.chunks(patch_bytes(32)).collect();
        assert_eq!(distinct.len(), policy.len(), "{text}");
    }
}

#[test]
fn a_count_keeps_the_first_patches_where_the_resolution_is_the_same() {
    let image = textured(40, 40);
    let (some, many) = (policy("crop:12"), policy("crop:24"));
    // 40 pixels are fewer than 48 / 0.8, so both regions are the image itself.
    let few = all(&canonical_region(&image, None, &some, 48), &some, 48);
    let more = all(&canonical_region(&image, None, &many, 48), &many, 48);
    assert_eq!(few, more[..few.len()]);
}

#[test]
fn the_region_has_the_resolution_of_the_smallest_window_and_never_more_than_the_image() {
    // Image, box, policy, input, expected region.
    let rows = [
        ((200, 100), None, "none", 48, (48, 48)),
        ((200, 100), None, "crop:8", 48, (48, 48)),
        ((200, 100), None, "crop", 48, (60, 60)),
        ((200, 30), None, "crop", 48, (60, 30)),
        ((50, 47), None, "crop:12", 48, (50, 47)),
        ((200, 200), None, "frame", 48, (60, 60)),
        (
            (200, 200),
            Some(pixel_box(50, 50, 150, 150)),
            "box",
            48,
            (72, 72),
        ),
        (
            (200, 200),
            Some(pixel_box(90, 90, 110, 100)),
            "box",
            48,
            (30, 16),
        ),
    ];
    for ((width, height), region, text, input, want) in rows {
        let region = canonical_region(&textured(width, height), region, &policy(text), input);
        assert_eq!(
            (region.width(), region.height()),
            want,
            "{text} of {width} x {height}"
        );
        assert_eq!(region.pixels().len(), want.0 * want.1 * 3);
    }
}

#[test]
fn boxes_grow_about_their_centre_and_move_by_a_tenth() {
    // A ramp along x: the mean of a window is its centre.
    let image = RgbImage::from_fn(200, 200, |x, _| Rgb([x as u8; 3]));
    let policy = policy("box:120");
    let region = canonical_region(&image, Some(pixel_box(80, 80, 120, 120)), &policy, 40);
    let mean = |j: usize| {
        let patch = one(&region, &policy, 40, j);
        patch.iter().map(|v| f64::from(*v)).sum::<f64>() / patch.len() as f64
    };
    let rows = [
        (0, 99.5),
        (8, 99.5),
        (16, 99.5),
        (24, 95.5),
        (40, 93.5),
        (48, 103.5),
        (64, 105.5),
        (72, 99.5),
        (96, 99.5),
    ];
    for (j, want) in rows {
        assert!(
            (mean(j) - want).abs() < 0.75,
            "patch {j}: centre {}, not {want}",
            mean(j)
        );
    }
    let spread = |j: usize| {
        one(&region, &policy, 40, j).iter().max().unwrap()
            - one(&region, &policy, 40, j).iter().min().unwrap()
    };
    for (j, want) in [(0u8, 39u8), (8, 47), (16, 59)] {
        assert!(
            spread(usize::from(j)).abs_diff(want) <= 2,
            "patch {j} spans {}",
            spread(usize::from(j))
        );
    }
}

#[test]
fn views_beyond_the_image_are_mirrored() {
    // The box is the whole image of 4 pixels; at 1.5 it reaches one pixel beyond each side.
    let image = textured(4, 4);
    let policy = policy("box");
    let region = canonical_region(&image, None, &policy, 64);
    assert_eq!((region.width(), region.height()), (6, 6));
    for (y, row) in [0, 0, 1, 2, 3, 3].into_iter().enumerate() {
        for (x, column) in [0, 0, 1, 2, 3, 3].into_iter().enumerate() {
            let at = (y * 6 + x) * 3;
            assert_eq!(region.pixels()[at..at + 3], image.get_pixel(column, row).0);
        }
    }
}

#[test]
fn frames_are_cropped_at_the_centre_and_the_corners() {
    let image = RgbImage::from_fn(100, 100, |x, y| Rgb([x as u8, y as u8, 0]));
    let policy = policy("frame");
    let region = canonical_region(&image, None, &policy, 100);
    let centre = |j: usize| {
        let patch = one(&region, &policy, 100, j);
        let at = (50 * 100 + 50) * 3;
        (patch[at], patch[at + 1])
    };
    // At scale 0.8 a corner crop's centre is 10 pixels off.
    let rows = [
        (0, (50, 50)),
        (11, (50, 50)),
        (13, (40, 40)),
        (15, (60, 40)),
        (17, (40, 60)),
        (19, (60, 60)),
    ];
    for (j, (x, y)) in rows {
        let got = centre(j);
        assert!(
            got.0.abs_diff(x) <= 1 && got.1.abs_diff(y) <= 1,
            "patch {j}: {got:?}"
        );
    }
}

#[test]
fn a_full_cache_stores_nothing_more_and_gives_the_same() {
    let policy = policy("none");
    let load = |_| Ok::<_, ()>(canonical_region(&textured(20, 20), None, &policy, 10));
    let bytes = 10 * 10 * 3;
    let cache = RegionCache::new(2 * bytes + 1);
    for index in 0..5 {
        assert_eq!(
            *cache.get_or_load(index, || load(index)).unwrap(),
            load(index).unwrap()
        );
    }
    assert_eq!(cache.bytes(), 2 * bytes);
    let kept = cache.get(1).unwrap();
    let again = cache.get_or_load(1, || Err("it is stored")).unwrap();
    assert!(Arc::ptr_eq(&kept, &again));
    assert!(cache.get(4).is_none());
    assert_eq!(
        cache.get_or_load(4, || Err("unreadable")),
        Err("unreadable")
    );
}

proptest! {
    /// Any box in any image, at any input: no panic, the same bytes twice, and
    /// the patches made together are those made one by one.
    #[test]
    fn patches_are_a_pure_function(
        (width, height, region) in (1u32..40, 1u32..40).prop_flat_map(|(w, h)| {
            let x = (0..w).prop_flat_map(move |a| (Just(a), a + 1..=w));
            let y = (0..h).prop_flat_map(move |a| (Just(a), a + 1..=h));
            (Just(w), Just(h), (x, y).prop_map(|((x0, x1), (y0, y1))| pixel_box(x0, y0, x1, y1)))
        }),
        input in 1usize..24,
        which in 0..POLICIES.len(),
    ) {
        let policy = policy(POLICIES[which]);
        let image = textured(width, height);
        let made = canonical_region(&image, Some(region), &policy, input);
        prop_assert_eq!(&made, &canonical_region(&image, Some(region), &policy, input));
        let together = all(&made, &policy, input);
        prop_assert_eq!(&together, &all(&made, &policy, input));
        for (j, each) in together.chunks(patch_bytes(input)).enumerate() {
            prop_assert_eq!(each, one(&made, &policy, input, j));
        }
    }

    /// Mirroring the image mirrors its patches: nothing leans to one side.
    #[test]
    fn patches_follow_a_mirrored_image(width in 2u32..30, height in 2u32..30) {
        let policy = policy("box:8");
        let image = textured(width, height);
        let mirrored = image::imageops::flip_horizontal(&image);
        let view = |image: &RgbImage, j| one(&canonical_region(image, None, &policy, 16), &policy, 16, j);
        let (plain, turned) = (view(&image, 4), view(&mirrored, 0));
        let worst = plain.iter().zip(&turned).map(|(a, b)| a.abs_diff(*b)).max();
        prop_assert!(worst <= Some(1), "{worst:?}");
    }
}
