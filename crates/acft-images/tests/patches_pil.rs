//! Patches equal PIL's, on the fixtures that `fixtures/pil_patches.py` makes.
#![allow(clippy::unwrap_used)]

use acft_images::patches::{PatchPolicy, canonical_region, patch, patch_bytes};
use image::{Rgb, RgbImage};

static FIXTURE: &[u8] = include_bytes!("fixtures/pil_patches.bin");

fn formula(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([7 * x + 13 * y, x * x + 3 * y, 5 * x * y].map(|v| (v % 256) as u8))
    })
}

#[test]
fn upright_patches_are_those_of_pil() {
    // Width, height, input, policy, number of scales, grey levels of tolerance:
    // twice as many where rounding to 8 bits happens twice.
    let cases = [
        (50, 47, 48, "crop", 3, 1),
        (20, 13, 32, "crop", 3, 1),
        (100, 80, 24, "crop", 3, 2),
        (64, 40, 24, "none", 1, 1),
    ];
    let mut fixture = FIXTURE;
    for (width, height, input, policy, scales, tolerance) in cases {
        let policy: PatchPolicy = policy.parse().unwrap();
        let region = canonical_region(&formula(width, height), None, &policy, input);
        for scale in 0..scales {
            let (want, rest) = fixture.split_at(patch_bytes(input));
            fixture = rest;
            let mut got = vec![0; want.len()];
            patch(&region, &policy, input, scale * 8, &mut got);
            let worst = got.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(
                worst <= Some(tolerance),
                "{width} x {height}, scale {scale}: off by {worst:?}"
            );
        }
    }
    assert!(fixture.is_empty());
}
