#![allow(clippy::unwrap_used)]
use acft_figure::png;

use super::*;

/// Patches with the given probabilities of class 0, the first `kept` of them kept, over `classes` classes.
pub(super) fn explanation(probabilities: &[f64], kept: usize, classes: usize) -> Explanation {
    let patches = probabilities.iter().enumerate().map(|(index, &p)| {
        let mut row = vec![(1.0 - p) / (classes - 1) as f64; classes];
        row[0] = p;
        PatchView {
            rgb: vec![(40 * index % 256) as u8; 12],
            side: 2,
            probabilities: row,
            kept: index < kept,
            index,
        }
    });
    Explanation {
        candidate: "images/a & b <1>.png".to_owned(),
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        dominant: 0,
        alpha: 0.25,
        patches: patches.collect(),
        entropy: (0.083, 0.457),
        diversity: (20.79, 1237.21),
        label: None,
    }
}

#[test]
fn the_picture_says_what_is_kept_and_what_it_does_to_the_scores() {
    let svg = explanation(&[0.9, 0.8, 0.7, 0.6], 1, 2).svg();
    for text in [
        "kept 1 of 4 (α = 0.25)",
        "a &amp; b &lt;1&gt;.png",
        "no label yet",
        "20.79",
        "1237",
        "0.083",
        "class 0: mean P 0.750",
    ] {
        assert!(svg.contains(text), "no {text:?} in\n{svg}");
    }
    assert_eq!(svg.matches("data:image/png;base64,").count(), 4);
    let frames = svg
        .lines()
        .filter(|line| line.contains("<rect") && line.contains(&format!("stroke=\"{KEPT}\"")));
    assert_eq!(frames.count(), 1);
}

#[test]
fn every_explanation_can_be_drawn() {
    let ramp =
        |count: usize| -> Vec<f64> { (0..count).map(|i| 1.0 - i as f64 / count as f64).collect() };
    for (patches, kept, classes) in [
        (0, 0, 2),
        (1, 1, 2),
        (12, 3, 2),
        (24, 6, 3),
        (50, 13, 9),
        (24, 24, 2),
    ] {
        let explained = explanation(&ramp(patches), kept, classes);
        assert!(
            png(&explained.svg(), 1.0).is_ok(),
            "{patches} patches of {classes} classes"
        );
        assert_eq!(explained.svg(), explained.svg());
    }
}

#[test]
fn what_does_not_fit_together_is_drawn_as_far_as_it_goes() {
    let mut broken = explanation(&[0.9, f64::NAN], 1, 2);
    broken.dominant = 7;
    broken.patches[0].rgb.clear();
    broken.entropy.0 = f64::NAN;
    let svg = broken.svg();
    assert!(png(&svg, 1.0).is_ok());
    assert!(!svg.contains("NaN") && svg.contains("undefined"));
}

#[test]
fn the_patches_pixels_are_in_the_picture() {
    let mut white = explanation(&[0.9], 1, 2);
    let mut black = white.clone();
    white.patches[0].rgb.fill(255);
    black.patches[0].rgb.fill(0);
    let ink = |explained: &Explanation| {
        let drawn = image::load_from_memory(&png(&explained.svg(), 1.0).unwrap())
            .unwrap()
            .to_luma8();
        drawn.pixels().filter(|pixel| pixel.0[0] < 50).count()
    };
    assert!(ink(&black) > ink(&white) + 10_000);
}
