//! A small square picture in the making.

use std::path::Path;

use anyhow::Context;
use image::RgbImage;

use super::random::Random;

/// Red, green and blue, from 0 to 1.
pub(super) type Colour = [f64; 3];

/// A square picture whose pixels are real numbers until it is done.
///
/// Places are in units of the side: (0, 0) is the top left corner and (1, 1)
/// the bottom right one, whatever the number of pixels.
pub(crate) struct Canvas {
    side: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(side: usize, colour: Colour) -> Self {
        Self {
            side,
            pixels: vec![colour; side * side],
        }
    }

    /// Changes every pixel by its place.
    pub(super) fn paint(&mut self, mut brush: impl FnMut([f64; 2], &mut Colour)) {
        let side = self.side as f64;
        for (row, pixels) in self.pixels.chunks_exact_mut(self.side).enumerate() {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                brush(
                    [(column as f64 + 0.5) / side, (row as f64 + 0.5) / side],
                    pixel,
                );
            }
        }
    }

    /// Adds what a sensor adds: noise of this standard deviation, mostly the
    /// same in all three colours.
    pub(super) fn grain(&mut self, deviation: f64, random: &mut Random) {
        for pixel in &mut self.pixels {
            let common = random.normal();
            for value in pixel {
                *value += deviation * (0.8 * common + 0.6 * random.normal());
            }
        }
    }

    /// Rows from the top, RGB within a pixel.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let values = self.pixels.iter().flatten();
        values
            .map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
            .collect()
    }

    /// As an image of 8 bits a colour.
    pub(crate) fn to_image(&self) -> anyhow::Result<RgbImage> {
        let side = u32::try_from(self.side).context("the picture is too large")?;
        RgbImage::from_raw(side, side, self.bytes()).context("a canvas has three bytes a pixel")
    }

    /// Writes it as a PNG.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        self.to_image()?
            .save(path)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// 0 up to `low`, 1 from `high` on, and smooth between them.
pub(super) fn smooth_step(low: f64, high: f64, x: f64) -> f64 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
