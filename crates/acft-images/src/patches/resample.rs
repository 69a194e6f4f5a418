//! Resizing as PIL does it: a triangle filter, widened when it shrinks.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

/// Resizes the rectangle `crop` (left, top, width, height; fractions of a
/// pixel count) of an RGB image to fill `to`. Sizes are (width, height).
///
/// # Panics
/// A buffer is too short for its size, or the rectangle leaves the image.
pub(super) fn resize(
    from: &[u8],
    from_size: (usize, usize),
    crop: [f64; 4],
    to: &mut [u8],
    to_size: (usize, usize),
) {
    let side =
        |pixels: usize| u32::try_from(pixels).expect("sides are bounded when images are read");
    let source = ImageRef::new(side(from_size.0), side(from_size.1), from, PixelType::U8x3)
        .expect("the buffer holds the image");
    let mut target = Image::from_slice_u8(side(to_size.0), side(to_size.1), to, PixelType::U8x3)
        .expect("the buffer has room for the image");
    let [left, top, width, height] = crop;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(left, top, width, height);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("the rectangle lies in the image");
}
