//! The canonical region: what all patches of a candidate are resampled from.

use image::RgbImage;

use super::{PatchPolicy, resample, view::Window};
use crate::source::PixelBox;

/// Pixels that rounding errors may add or take away at a border.
const SLACK: f64 = 1e-6;

/// Bytes before the pixels: two sides and four edges.
const HEAD: usize = 6 * 8;

/// A cut-out of an image, RGB u8, that holds every window of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    width: usize,
    height: usize,
    /// height × width × 3.
    pixels: Vec<u8>,
    /// Where the candidate itself (scale 1) lies, in pixels: left and width,
    /// top and height. Fractional, as the region was resampled.
    candidate: [[f64; 2]; 2],
}

/// A range of whole pixels of the image along one axis; it may begin before
/// the image or end beyond it.
#[derive(Clone, Copy)]
struct Range {
    start: i64,
    length: usize,
}

impl Range {
    fn within(&self, size: u32) -> bool {
        self.start >= 0 && self.start + self.length as i64 <= i64::from(size)
    }
}

/// Cuts the region of a candidate out of its image.
///
/// The region is as large as the policy's largest window and has, along each
/// axis, the resolution that its smallest window needs to fill `input` pixels,
/// but never more than the image has: nothing is enlarged here. What lies
/// beyond the image is mirrored at its border (the border pixel itself is
/// repeated: … 1 0 | 0 1 …).
///
/// `candidate` is the box of the candidate, or `None` for the whole image.
///
/// # Panics
/// The image has no pixels, or the box is empty: images and boxes have been
/// checked when they were read.
pub fn canonical_region(
    image: &RgbImage,
    candidate: Option<PixelBox>,
    policy: &PatchPolicy,
    input: usize,
) -> Region {
    let (width, height) = image.dimensions();
    assert!(width > 0 && height > 0, "an image without pixels");
    let frame = candidate.unwrap_or(PixelBox {
        x0: 0,
        y0: 0,
        x1: width,
        y1: height,
    });
    assert!(
        frame.x0 < frame.x1 && frame.y0 < frame.y1,
        "an empty box {frame}"
    );

    let axis = |axis: usize, start: u32, end: u32| {
        let (start, size) = (f64::from(start), f64::from(end - start));
        let (mut low, mut high, mut smallest) = (0.0f64, 1.0f64, 1.0f64);
        for window in policy.windows() {
            let [from, to] = window.span(axis);
            (low, high) = (low.min(from), high.max(to));
            smallest = smallest.min(window.scale);
        }
        let first = (start + low * size + SLACK).floor();
        let length = (start + high * size - SLACK).ceil() - first;
        let shrink = (input as f64 / (smallest * size)).min(1.0);
        let target = (length * shrink - SLACK).ceil().max(1.0);
        let ratio = target / length;
        (
            Range {
                start: first as i64,
                length: length as usize,
            },
            target as usize,
            [(start - first) * ratio, size * ratio],
        )
    };
    let (x, out_width, across) = axis(0, frame.x0, frame.x1);
    let (y, out_height, down) = axis(1, frame.y0, frame.y1);

    let (source, left, top) = if x.within(width) && y.within(height) {
        (None, x.start as f64, y.start as f64)
    } else {
        (Some(cut_mirrored(image, x, y)), 0.0, 0.0)
    };
    let (pixels, size) = match &source {
        None => (image.as_raw().as_slice(), (width as usize, height as usize)),
        Some(pixels) => (pixels.as_slice(), (x.length, y.length)),
    };
    let mut out = vec![0; out_width * out_height * 3];
    let crop = [left, top, x.length as f64, y.length as f64];
    resample::resize(pixels, size, crop, &mut out, (out_width, out_height));
    Region {
        width: out_width,
        height: out_height,
        pixels: out,
        candidate: [across, down],
    }
}

/// Copies a rectangle that may reach beyond the image.
fn cut_mirrored(image: &RgbImage, x: Range, y: Range) -> Vec<u8> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let columns: Vec<usize> = (0..x.length)
        .map(|i| mirrored(x.start + i as i64, width) * 3)
        .collect();
    let mut out = Vec::with_capacity(x.length * y.length * 3);
    for i in 0..y.length {
        let row = mirrored(y.start + i as i64, height) * width * 3;
        for column in &columns {
            let at = row + column;
            out.extend_from_slice(&image.as_raw()[at..at + 3]);
        }
    }
    out
}

/// The index that a mirror at both borders shows at `at`, the border repeated.
fn mirrored(at: i64, size: usize) -> usize {
    let size = size as i64;
    let folded = at.rem_euclid(2 * size);
    folded.min(2 * size - 1 - folded) as usize
}

impl Region {
    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels, RGB u8, height × width × channel.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The region as bytes, for [`RegionFile`](super::RegionFile).
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.pixels.len());
        for side in [self.width, self.height] {
            bytes.extend((side as u64).to_le_bytes());
        }
        for edge in self.candidate.as_flattened() {
            bytes.extend(edge.to_le_bytes());
        }
        bytes.extend(&self.pixels);
        bytes
    }

    /// Reads what [`Region::to_bytes`] wrote; none where it is something else.
    pub(super) fn from_bytes(mut bytes: Vec<u8>) -> Option<Self> {
        let word = |at: usize| bytes.get(at * 8..)?.first_chunk::<8>().copied();
        let side = |at| usize::try_from(u64::from_le_bytes(word(at)?)).ok();
        let edge = |at| Some(f64::from_le_bytes(word(at)?));
        let (width, height) = (side(0)?, side(1)?);
        let candidate = [[edge(2)?, edge(3)?], [edge(4)?, edge(5)?]];
        let pixels = width.checked_mul(height)?.checked_mul(3)?;
        if bytes.len() != HEAD.checked_add(pixels)? {
            return None;
        }
        bytes.drain(..HEAD);
        Some(Self {
            width,
            height,
            pixels: bytes,
            candidate,
        })
    }

    /// Resizes one window to a square of `input` pixels, upright.
    pub(super) fn resample(&self, window: Window, input: usize, out: &mut [u8]) {
        let size = [self.width as f64, self.height as f64];
        let [[left, width], [top, height]] = [0, 1].map(|axis| {
            let [offset, extent] = self.candidate[axis];
            let [from, to] = window
                .span(axis)
                .map(|at| (offset + at * extent).clamp(0.0, size[axis]));
            // Adding what was subtracted may round to beyond the border.
            let mut length = to - from;
            while from + length > size[axis] {
                length = length.next_down();
            }
            [from, length]
        });
        let crop = [left, top, width, height];
        resample::resize(
            &self.pixels,
            (self.width, self.height),
            crop,
            out,
            (input, input),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_repeats_the_border() {
        let got: Vec<usize> = (-7..7).map(|at| mirrored(at, 3)).collect();
        assert_eq!(got, [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!((-3..3).map(|at| mirrored(at, 1)).max(), Some(0));
    }
}
