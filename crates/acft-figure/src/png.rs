//! From SVG to PNG, with the embedded font and nothing from the machine.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, ensure};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{ImageHrefResolver, Options, Tree};

/// A picture larger than this on one side is a mistake in the scale, not a figure.
const LARGEST_SIDE: f32 = 16_384.0;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../assets/DejaVuSans.subset.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../assets/DejaVuSans-Bold.subset.ttf").to_vec());
    Arc::new(fonts)
});

/// Draws `svg` as a PNG of `scale` pixels a user unit, on white.
///
/// # Errors
/// The text is no SVG, or the picture would have no pixel or more than 16,384 on one side.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let tree = parse(svg)?;
    let (width, height) = (
        (tree.size().width() * scale).ceil(),
        (tree.size().height() * scale).ceil(),
    );
    let drawable = |side: f32| (1.0..=LARGEST_SIDE).contains(&side);
    ensure!(
        drawable(width) && drawable(height),
        "cannot draw a picture of {width} × {height} pixels at scale {scale}: choose a scale that keeps both sides within 1 and {LARGEST_SIDE}"
    );
    let mut pixels =
        Pixmap::new(width as u32, height as u32).context("cannot allocate the picture's pixels")?;
    pixels.fill(Color::WHITE);
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    pixels
        .encode_png()
        .context("cannot encode the picture as PNG")
}

/// The SVG as resvg understands it. Images other than data URIs are left out, so that no file is ever read.
pub(super) fn parse(svg: &str) -> Result<Tree> {
    let options = Options {
        fontdb: Arc::clone(&FONTS),
        font_family: "DejaVu Sans".to_owned(),
        image_href_resolver: ImageHrefResolver {
            resolve_string: Box::new(|_, _| None),
            ..ImageHrefResolver::default()
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).context("the figure is not well-formed SVG")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::svg;

    fn dark_pixels(svg: &str) -> usize {
        let drawn = image::load_from_memory(&png(svg, 1.0).unwrap())
            .unwrap()
            .to_luma8();
        drawn.pixels().filter(|pixel| pixel.0[0] < 128).count()
    }

    #[test]
    fn text_is_drawn_with_the_embedded_font() {
        let blank = svg::document(80.0, 30.0, "t", vec![]);
        let written = svg::document(80.0, 30.0, "t", vec![svg::text(5.0, 20.0, 14.0, "αβ → x")]);
        assert_eq!(dark_pixels(&blank), 0);
        assert!(dark_pixels(&written) > 20);
    }

    #[test]
    fn the_scale_sets_the_size_and_is_checked() {
        let svg = svg::document(80.0, 30.0, "t", vec![]);
        let drawn = image::load_from_memory(&png(&svg, 2.5).unwrap()).unwrap();
        assert_eq!((drawn.width(), drawn.height()), (200, 75));
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e4] {
            let message = png(&svg, scale).unwrap_err().to_string();
            assert!(message.contains("choose a scale"), "{scale}: {message}");
        }
    }

    #[test]
    fn what_is_not_svg_is_refused() {
        assert!(
            png("<svg><g></svg>", 1.0)
                .unwrap_err()
                .to_string()
                .contains("well-formed")
        );
    }

    #[test]
    fn no_file_is_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/no-such.svg");
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><image href=\"{path}\" width=\"9\" height=\"9\"/></svg>"
        );
        assert_eq!(dark_pixels(&svg), 0);
    }
}
