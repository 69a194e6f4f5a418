//! A contact sheet: small pictures side by side.

use std::io::Cursor;

use anyhow::Context;
use image::{ImageFormat, Rgb, RgbImage, imageops};

use super::draw::Canvas;

/// The sheet's pixels for one of a picture's.
const ZOOM: u32 = 2;
/// Pixels between pictures.
const GAP: u32 = 4;

/// The pictures in rows of `columns`, as a PNG.
pub(super) fn png(pictures: &[Canvas], columns: usize) -> anyhow::Result<Vec<u8>> {
    let images = pictures
        .iter()
        .map(Canvas::to_image)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let side = images
        .iter()
        .map(|image| image.width() * ZOOM + GAP)
        .max()
        .unwrap_or(1);
    let (across, down) = (columns.max(1), images.len().div_ceil(columns.max(1)));
    let sized = |count: usize| u32::try_from(count).map(|count| count * side + GAP);
    let mut sheet = RgbImage::from_pixel(sized(across)?, sized(down)?, Rgb([255; 3]));
    for (at, image) in images.iter().enumerate() {
        let large = imageops::resize(image, side - GAP, side - GAP, imageops::FilterType::Nearest);
        let place = |at: usize| at as i64 * i64::from(side) + i64::from(GAP);
        imageops::replace(&mut sheet, &large, place(at % across), place(at / across));
    }
    let mut bytes = Cursor::new(Vec::new());
    sheet
        .write_to(&mut bytes, ImageFormat::Png)
        .context("cannot encode the contact sheet")?;
    Ok(bytes.into_inner())
}
