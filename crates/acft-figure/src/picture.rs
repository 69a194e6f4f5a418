//! Pixels within an SVG.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage};

use super::style::{GRID, RULE};
use super::svg::{Element, group, line, rect};

/// A square picture at (`x`, `y`), `tile` user units wide: `side` × `side` pixels of three bytes, row by row. A buffer
/// of another length is drawn as an empty tile.
pub fn picture(rgb: &[u8], side: usize, (x, y): (f64, f64), tile: f64) -> Element {
    let Some(uri) = data_uri(rgb, side) else {
        let (right, bottom) = (x + tile, y + tile);
        return group()
            .with(rect(x, y, tile, tile).set("fill", GRID))
            .with(line((x, y), (right, bottom)).set("stroke", RULE))
            .with(line((x, bottom), (right, y)).set("stroke", RULE));
    };
    Element::new("image")
        .at("x", x)
        .at("y", y)
        .at("width", tile)
        .at("height", tile)
        .set("preserveAspectRatio", "none")
        .set("href", uri)
}

fn data_uri(rgb: &[u8], side: usize) -> Option<String> {
    let width = u32::try_from(side).ok().filter(|&width| width > 0)?;
    if rgb.len() != side.checked_mul(side)?.checked_mul(3)? {
        return None;
    }
    let pixels = RgbImage::from_raw(width, width, rgb.to_vec())?;
    let mut png = Cursor::new(Vec::new());
    pixels.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(format!(
        "data:image/png;base64,{}",
        STANDARD.encode(png.into_inner())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_the_wrong_size_is_no_picture() {
        assert!(data_uri(&[7; 27], 3).is_some());
        for (bytes, side) in [(26, 3), (28, 3), (0, 0), (0, usize::MAX)] {
            assert_eq!(
                data_uri(&vec![7; bytes], side),
                None,
                "{bytes} bytes, side {side}"
            );
        }
    }
}
